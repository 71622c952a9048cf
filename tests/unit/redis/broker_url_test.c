#include "celery_proto/redis/broker_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static struct cel_broker_url *parse(const char *text, enum cel_url_use use)
{
    struct cel_broker_url *url = NULL;
    struct celeriac_error err = {0};
    if (cel_broker_url_parse(span_of(text), use, &url, &err) != CELERIAC_OK)
        fail_msg("%s: %s", text, err.text);
    return url;
}

static void assert_endpoint(const char *text, const char *host, unsigned port, unsigned db)
{
    struct cel_broker_url *url = parse(text, CEL_URL_BROKER);
    const struct cel_endpoint *e = cel_broker_url_endpoint(url, 0);
    assert_int_equal(cel_broker_url_count(url), 1);
    assert_string_equal(e->host, host);
    assert_int_equal(e->port, port);
    assert_int_equal(e->db, db);
    assert_null(e->socket_path);
    cel_broker_url_destroy(url);
}

static void assert_refused(const char *text, enum cel_url_use use, enum celeriac_err code,
                           const char *mentions)
{
    struct cel_broker_url *url = NULL;
    struct celeriac_error err = {0};
    assert_int_equal(cel_broker_url_parse(span_of(text), use, &url, &err), code);
    assert_null(url);
    if (strstr(err.text, mentions) == NULL)
        fail_msg("%s: \"%s\" does not mention %s", text, err.text, mentions);
}

static void checklist_33_reads_kombus_forms(void **state)
{
    (void)state;
    assert_endpoint("redis://", "127.0.0.1", 6379, 0);
    assert_endpoint("", "127.0.0.1", 6379, 0);
    assert_endpoint("redis:///", "127.0.0.1", 6379, 0);
    assert_endpoint("redis://h", "h", 6379, 0);
    assert_endpoint("redis://h:1/", "h", 1, 0);
    assert_endpoint("redis://h:1/3", "h", 1, 3);
    assert_endpoint("redis://h//3", "h", 6379, 3);
    assert_endpoint("redis://h/%33", "h", 6379, 3);
    assert_endpoint("REDIS://h:65535/15", "h", 65535, 15);
    assert_endpoint("redis://[::1]:7/2", "::1", 7, 2);
    assert_endpoint("redis://[fe80::1]", "fe80::1", 6379, 0);
    assert_endpoint("redis://h%2dx.example:6380", "h-x.example", 6380, 0);
    assert_endpoint(" redis://h/1 ", "h", 6379, 1);
    assert_endpoint("redis://h/1#fragment", "h", 6379, 1);
    assert_endpoint("redis://h:0/1", "h", 6379, 1);
}

static void assert_login(const char *text, const char *user, const char *password)
{
    struct cel_broker_url *url = parse(text, CEL_URL_BROKER);
    const struct cel_endpoint *e = cel_broker_url_endpoint(url, 0);
    if (user == NULL)
        assert_null(e->user);
    else
        assert_string_equal(e->user, user);
    if (password == NULL)
        assert_null(e->password);
    else
        assert_string_equal(e->password, password);
    assert_string_equal(e->host, "h");
    cel_broker_url_destroy(url);
}

static void checklist_33_reads_logins(void **state)
{
    (void)state;
    assert_login("redis://h", NULL, NULL);
    assert_login("redis://:pw@h", NULL, "pw");
    assert_login("redis://u:pw@h", "u", "pw");
    assert_login("redis://u@h", "u", NULL);
    assert_login("redis://u:p%40%2f%3A%25@h", "u", "p@/:%");
    assert_login("redis://:a@b@h", NULL, "a@b");
    assert_login("redis://:a:b@h", NULL, "a:b");
    assert_login("redis://:%zz%4@h", NULL, "%zz%4");
    assert_login("redis://:%3b@h", NULL, ";");
}

static void reads_sockets(void **state)
{
    (void)state;
    struct cel_broker_url *url =
        parse("redis+socket://:p%21@/run/my%20redis.sock?virtual_host=2", CEL_URL_BROKER);
    const struct cel_endpoint *e = cel_broker_url_endpoint(url, 0);
    assert_string_equal(e->socket_path, "/run/my redis.sock");
    assert_string_equal(e->password, "p!");
    assert_int_equal(e->db, 2);
    assert_null(e->host);
    cel_broker_url_destroy(url);
    assert_refused("redis+socket://", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "path");
}

static void checklist_33_settles_tls_as_kombu_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cel_url_use use;
        enum cel_tls_verify verify;
        bool check_hostname;
    } cases[] = {
        {"rediss://h", CEL_URL_BROKER, CEL_TLS_NONE, false},
        {"rediss://h?ssl_cert_reqs=required", CEL_URL_BROKER, CEL_TLS_REQUIRED, true},
        {"rediss://h?ssl_cert_reqs=CERT_REQUIRED", CEL_URL_BROKER, CEL_TLS_REQUIRED, true},
        {"rediss://h?ssl_cert_reqs=optional", CEL_URL_BROKER, CEL_TLS_OPTIONAL, true},
        {"rediss://h?ssl_cert_reqs=CERT_OPTIONAL", CEL_URL_BROKER, CEL_TLS_OPTIONAL, true},
        {"rediss://h?ssl_cert_reqs=none", CEL_URL_BROKER, CEL_TLS_NONE, false},
        {"rediss://h?ssl_cert_reqs=CERT_NONE", CEL_URL_BROKER, CEL_TLS_NONE, false},
        {"rediss://h?ssl_ca_certs=/ca", CEL_URL_BROKER, CEL_TLS_REQUIRED, true},
        {"rediss://h?ssl_ca_certs=/ca&ssl_check_hostname=False", CEL_URL_BROKER, CEL_TLS_REQUIRED,
         false},
        {"rediss://h?ssl_check_hostname=true", CEL_URL_BROKER, CEL_TLS_REQUIRED, true},
        {"rediss://h?ssl_cert_reqs=required", CEL_URL_RESULTS, CEL_TLS_REQUIRED, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cel_broker_url *url = parse(cases[i].text, cases[i].use);
        const struct cel_endpoint *e = cel_broker_url_endpoint(url, 0);
        assert_true(e->tls);
        assert_int_equal(e->verify, cases[i].verify);
        assert_int_equal(e->check_hostname, cases[i].check_hostname);
        cel_broker_url_destroy(url);
    }
}

static void decodes_tls_paths(void **state)
{
    (void)state;
    const char *text = "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=%2Fa+b%252e&ssl_certfile=c"
                       "&ssl_keyfile=k&ssl_ca_path=p";
    struct cel_broker_url *url = parse(text, CEL_URL_BROKER);
    const struct cel_endpoint *e = cel_broker_url_endpoint(url, 0);
    assert_string_equal(e->ca_certs, "/a b%2e");
    assert_string_equal(e->certfile, "c");
    assert_string_equal(e->keyfile, "k");
    assert_string_equal(e->ca_path, "p");
    cel_broker_url_destroy(url);
    url = parse(text, CEL_URL_RESULTS);
    assert_string_equal(cel_broker_url_endpoint(url, 0)->ca_certs, "/a b.");
    cel_broker_url_destroy(url);
}

static void treats_query_keys_by_use(void **state)
{
    (void)state;
    struct cel_broker_url *url =
        parse("redis://h/1?socket_timeout=5&health_check_interval=9&db=4", CEL_URL_RESULTS);
    assert_int_equal(cel_broker_url_endpoint(url, 0)->db, 4);
    cel_broker_url_destroy(url);
    assert_refused("redis://h?socket_timeout=5", CEL_URL_BROKER, CELERIAC_ERR_VALUE,
                   "socket_timeout");
    assert_refused("redis://h?virtual_host=5", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "virtual_host");
    assert_refused("redis://h?nonsense=5", CEL_URL_RESULTS, CELERIAC_ERR_VALUE, "nonsense");
    assert_refused("redis://h?ssl_cert_reqs=none", CEL_URL_RESULTS, CELERIAC_ERR_VALUE, "rediss");
    assert_refused("rediss://h", CEL_URL_RESULTS, CELERIAC_ERR_VALUE, "ssl_cert_reqs");
    assert_refused("rediss://h?ssl_cert_reqs=maybe", CEL_URL_BROKER, CELERIAC_ERR_VALUE,
                   "ssl_cert_reqs");
    assert_refused("rediss://h?ssl_what=1", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "ssl_what");
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    assert_refused("127.0.0.1", CEL_URL_BROKER, CELERIAC_ERR_SYNTAX, "scheme");
    assert_refused("redis://h/x", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "database");
    assert_refused("redis://h/-1", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "database");
    assert_refused("redis://h/1000001", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "database");
    assert_refused("redis://h:65536", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "port");
    assert_refused("redis://h:x", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "port");
    assert_refused("redis://[::1", CEL_URL_BROKER, CELERIAC_ERR_SYNTAX, "IPv6");
    assert_refused("redis://[::1]x", CEL_URL_BROKER, CELERIAC_ERR_SYNTAX, "IPv6");
    assert_refused("redis://:%00@h", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "password");
    assert_refused("redis://h%00", CEL_URL_BROKER, CELERIAC_ERR_VALUE, "host");
    assert_refused("amqp://h", CEL_URL_BROKER, CELERIAC_ERR_UNSUPPORTED, "amqp");
    assert_refused("sentinel://h:26379/0;sentinel://i/0", CEL_URL_BROKER, CELERIAC_ERR_VALUE,
                   "master_name");
    assert_refused("redis://a;b", CEL_URL_BROKER, CELERIAC_ERR_SYNTAX, "scheme");
}

static struct cel_broker_url *parse_with(const char *text, const struct cel_url_options *options)
{
    struct cel_broker_url *url = NULL;
    struct celeriac_error err = {0};
    if (cel_broker_url_create(span_of(text), CEL_URL_BROKER, options, &url, &err) != CELERIAC_OK)
        fail_msg("%s: %s", text, err.text);
    return url;
}

static void reads_sentinels(void **state)
{
    (void)state;
    const struct cel_url_options options = {.sentinel = {.master_name = "mymaster",
                                                         .min_other_sentinels = 2,
                                                         .login = {.user = "su",
                                                                   .password = "sp",
                                                                   .tls = true,
                                                                   .verify = CEL_TLS_NONE}},
                                            .no_keepalive = true};
    struct cel_broker_url *url = parse_with(
        "sentinel://u:p%40@a:26380/3?ssl_cert_reqs=optional;sentinel://b; c:7 ;[::1]:8", &options);
    static const struct {
        const char *host;
        unsigned port;
    } expected[] = {{"a", 26380}, {"b", 26379}, {"c", 7}, {"::1", 8}};
    assert_true(cel_broker_url_is_sentinel(url));
    assert_int_equal(cel_broker_url_count(url), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct cel_endpoint *e = cel_broker_url_endpoint(url, i);
        assert_string_equal(e->host, expected[i].host);
        assert_int_equal(e->port, expected[i].port);
        assert_int_equal(e->db, 0);
        assert_string_equal(e->user, "su");
        assert_string_equal(e->password, "sp");
        assert_true(e->tls && e->is_sentinel && e->no_keepalive);
        assert_int_equal(e->verify, CEL_TLS_NONE);
    }
    const struct cel_endpoint *master = cel_broker_url_master(url);
    assert_string_equal(master->user, "u");
    assert_string_equal(master->password, "p@");
    assert_true(master->tls && master->must_be_master && !master->is_sentinel);
    assert_int_equal(master->verify, CEL_TLS_OPTIONAL);
    assert_int_equal(cel_broker_url_db(url), 3);
    assert_int_equal(cel_broker_url_sentinel(url)->min_other_sentinels, 2);
    cel_broker_url_choose(url, 2);
    assert_int_equal(cel_broker_url_current(url), 2);
    struct strbuf text;
    strbuf_init(&text, 100);
    cel_endpoint_describe(cel_broker_url_endpoint(url, 0), &text);
    assert_string_equal(strbuf_text(&text), "sentinel://a:26380/0");
    strbuf_close(&text);
    cel_broker_url_destroy(url);

    url = parse_with("sentinel://a", &options);
    assert_false(cel_broker_url_master(url)->tls);
    cel_broker_url_destroy(url);
    struct celeriac_error err = {0};
    url = NULL;
    assert_int_equal(
        cel_broker_url_create(SPAN("sentinel://a;redis://b"), CEL_URL_BROKER, &options, &url, &err),
        CELERIAC_ERR_VALUE);
    assert_int_equal(
        cel_broker_url_create(SPAN("redis://b;sentinel://a"), CEL_URL_BROKER, &options, &url, NULL),
        CELERIAC_ERR_VALUE);
    assert_null(url);
    assert_non_null(strstr(err.text, "one list"));
}

static void takes_tls_from_options(void **state)
{
    (void)state;
    const struct cel_endpoint tls = {
        .tls = true, .verify = CEL_TLS_REQUIRED, .check_hostname = true, .ca_certs = "/ca"};
    const struct cel_url_options options = {.tls = &tls};
    struct cel_broker_url *url = parse_with(
        "redis://a;rediss://b;rediss://c?ssl_cert_reqs=none;redis+socket:///s", &options);
    assert_true(cel_broker_url_endpoint(url, 0)->tls);
    assert_string_equal(cel_broker_url_endpoint(url, 0)->ca_certs, "/ca");
    assert_int_equal(cel_broker_url_endpoint(url, 1)->verify, CEL_TLS_REQUIRED);
    assert_string_equal(cel_broker_url_endpoint(url, 1)->ca_certs, "/ca");
    assert_int_equal(cel_broker_url_endpoint(url, 2)->verify, CEL_TLS_NONE);
    assert_null(cel_broker_url_endpoint(url, 2)->ca_certs);
    assert_false(cel_broker_url_endpoint(url, 3)->tls);
    cel_broker_url_destroy(url);
}

static void shuffles(void **state)
{
    (void)state;
    const struct cel_url_options options = {.shuffle = true};
    struct cel_broker_url *url = parse_with("redis://a;redis://b;redis://c;redis://d", &options);
    bool seen[4] = {false};
    for (int i = 0; i < 1000; i++) {
        size_t before = cel_broker_url_current(url);
        cel_broker_url_failed(url, before);
        assert_true(cel_broker_url_current(url) < 4);
        assert_int_not_equal(cel_broker_url_current(url), before);
        if (before == 0)
            seen[cel_broker_url_current(url)] = true;
    }
    assert_true(seen[1] && seen[2] && seen[3]);
    cel_broker_url_destroy(url);
}

static void never_shows_a_password(void **state)
{
    (void)state;
    static const char *const bad[] = {"redis://u:secret@h:x/0", "redis://u:secret@h/x",
                                      "redis://u:secret@h/0?a=1", "foo://u:secret@h",
                                      "redis://u:secret@[::1/0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cel_broker_url *url = NULL;
        struct celeriac_error err = {0};
        assert_int_not_equal(cel_broker_url_parse(span_of(bad[i]), CEL_URL_BROKER, &url, &err),
                             CELERIAC_OK);
        assert_null(strstr(err.text, "secret"));
    }
    struct cel_broker_url *url = parse("redis://u:secret@[::1]:7/2", CEL_URL_BROKER);
    struct strbuf text;
    strbuf_init(&text, 100);
    cel_endpoint_describe(cel_broker_url_endpoint(url, 0), &text);
    assert_string_equal(strbuf_text(&text), "redis://[::1]:7/2");
    strbuf_close(&text);
    cel_broker_url_destroy(url);
}

static void checklist_34_fails_over_round_robin(void **state)
{
    (void)state;
    struct cel_broker_url *url =
        parse("redis://a;rediss://b:1 ; redis+socket:///c", CEL_URL_BROKER);
    assert_int_equal(cel_broker_url_count(url), 3);
    assert_true(cel_broker_url_endpoint(url, 1)->tls);
    assert_string_equal(cel_broker_url_endpoint(url, 2)->socket_path, "/c");
    assert_int_equal(cel_broker_url_current(url), 0);
    cel_broker_url_failed(url, 0);
    assert_int_equal(cel_broker_url_current(url), 1);
    /* A second thread that met the same failure does not skip an endpoint. */
    cel_broker_url_failed(url, 0);
    assert_int_equal(cel_broker_url_current(url), 1);
    cel_broker_url_failed(url, 1);
    cel_broker_url_failed(url, 2);
    assert_int_equal(cel_broker_url_current(url), 0);
    cel_broker_url_destroy(url);
}

static void keeps_its_limits(void **state)
{
    (void)state;
    char text[CEL_URL_TEXT_MAX + 2];
    memset(text, 'a', sizeof text);
    memcpy(text, "redis://", 8);
    text[CEL_URL_TEXT_MAX] = '\0';
    cel_broker_url_destroy(parse(text, CEL_URL_BROKER));
    text[CEL_URL_TEXT_MAX] = 'a';
    text[CEL_URL_TEXT_MAX + 1] = '\0';
    assert_refused(text, CEL_URL_BROKER, CELERIAC_ERR_LIMIT, "longer");

    char many[32 * (CEL_URL_ENDPOINTS_MAX + 1)] = "redis://h";
    for (int i = 1; i < CEL_URL_ENDPOINTS_MAX; i++)
        memcpy(many + strlen(many), ";redis://h", 11);
    struct cel_broker_url *url = parse(many, CEL_URL_BROKER);
    assert_int_equal(cel_broker_url_count(url), CEL_URL_ENDPOINTS_MAX);
    cel_broker_url_destroy(url);
    memcpy(many + strlen(many), ";redis://h", 11);
    assert_refused(many, CEL_URL_BROKER, CELERIAC_ERR_LIMIT, "more than");
}

static void compares_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"redis://h/1", "redis://h:6379/1", true},
        {"redis://h/1", "redis://h/2", false},
        {"redis://h", "redis://i", false},
        {"redis://h:1", "redis://h:2", false},
        {"redis://u:p@h", "redis://h", false},
        {"redis://h;redis://i", "redis://h", false},
        {"redis+socket:///a", "redis+socket:///a", true},
        {"redis+socket:///a", "redis+socket:///b", false},
        {"redis+socket:///a", "redis://h", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cel_broker_url *a = parse(cases[i].a, CEL_URL_BROKER);
        struct cel_broker_url *b = parse(cases[i].b, CEL_URL_BROKER);
        assert_int_equal(cel_broker_url_same(a, b), cases[i].same);
        assert_true(cel_broker_url_same(a, a));
        cel_broker_url_destroy(a);
        cel_broker_url_destroy(b);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_broker_url *url = NULL;
        mem_fail_at(n);
        code = cel_broker_url_parse(SPAN("redis://u:p@h/1;redis://i"), CEL_URL_BROKER, &url, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        cel_broker_url_destroy(url);
    }
    cel_broker_url_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_33_reads_kombus_forms),
        cmocka_unit_test(checklist_33_reads_logins),
        cmocka_unit_test(reads_sockets),
        cmocka_unit_test(checklist_33_settles_tls_as_kombu_does),
        cmocka_unit_test(decodes_tls_paths),
        cmocka_unit_test(treats_query_keys_by_use),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(never_shows_a_password),
        cmocka_unit_test(checklist_34_fails_over_round_robin),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(reads_sentinels),
        cmocka_unit_test(takes_tls_from_options),
        cmocka_unit_test(shuffles),
        cmocka_unit_test(compares_addresses),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
