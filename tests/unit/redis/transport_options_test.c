#include "celery_proto/redis/transport_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static struct cel_transport_options *create(const char *json, enum cel_url_use use)
{
    const struct cel_transport_texts texts = {.options = json};
    struct cel_transport_options *options = NULL;
    struct celeriac_error err = {0};
    if (cel_transport_options_create(&texts, use, &options, &err) != CELERIAC_OK)
        fail_msg("%s: %s", json, err.text);
    return options;
}

static void assert_refused(const struct cel_transport_texts *texts, enum celeriac_err code,
                           const char *mentions)
{
    struct cel_transport_options *options = NULL;
    struct celeriac_error err = {0};
    const char *text = texts->options ? texts->options : texts->use_ssl;
    if (cel_transport_options_create(texts, CEL_URL_BROKER, &options, &err) != code)
        fail_msg("%s: %s", text, err.text);
    assert_null(options);
    if (strstr(err.text, mentions) == NULL)
        fail_msg("%s: \"%s\" does not mention %s", text, err.text, mentions);
    assert_null(strstr(err.text, "secret"));
}

static void defaults_are_all_zero(void **state)
{
    (void)state;
    static const char *const empty[] = {NULL, "", "{}", " { } "};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        struct cel_transport_options *o = create(empty[i], CEL_URL_BROKER);
        struct cel_conn_options conn = cel_transport_connection(o, NULL, "role");
        assert_string_equal(conn.client_name, "role");
        assert_int_equal(conn.connect_timeout_ms, 0);
        assert_int_equal(conn.io_timeout_ms, 0);
        assert_int_equal(cel_transport_visibility_timeout(o), 0);
        assert_int_equal(cel_transport_queue_order(o), CEL_ORDER_ROUND_ROBIN);
        assert_null(cel_transport_keys(o)->global_keyprefix);
        assert_null(cel_transport_url(o)->sentinel.master_name);
        assert_null(cel_transport_url(o)->tls);
        cel_transport_options_destroy(o);
    }
    cel_transport_options_destroy(NULL);
}

/* checklist_17: the options that change what is on the wire. */
static void checklist_17_reads_kombus_options(void **state)
{
    (void)state;
    struct cel_transport_options *o = create(
        "{\"visibility_timeout\": 43200.0, \"queue_order_strategy\": \"sorted\", \"sep\": \":\", "
        "\"global_keyprefix\": \"p\\u00e9:\", \"priority_steps\": [0, 5], \"fanout_prefix\": "
        "\"/x.\", \"fanout_patterns\": false, \"unacked_key\": \"u\", \"unacked_index_key\": "
        "\"ui\", \"unacked_mutex_key\": \"um\", \"socket_timeout\": 0.5, "
        "\"socket_connect_timeout\": 2, \"socket_keepalive\": false, \"client_name\": \"me\", "
        "\"ack_emulation\": true, \"retry_on_timeout\": true, \"max_connections\": 20, "
        "\"credential_provider\": null, \"nobody knows\": {\"a\": [1]}}",
        CEL_URL_BROKER);
    const struct cel_keys_options *keys = cel_transport_keys(o);
    assert_int_equal(cel_transport_visibility_timeout(o), 43200);
    assert_int_equal(cel_transport_queue_order(o), CEL_ORDER_SORTED);
    assert_string_equal(keys->sep, ":");
    assert_string_equal(keys->global_keyprefix, "p\xc3\xa9:");
    assert_null(keys->result_keyprefix);
    assert_int_equal(keys->priority_steps->count, 2);
    assert_int_equal(keys->priority_steps->step[1], 5);
    assert_string_equal(keys->fanout_prefix, "/x.");
    assert_true(keys->no_fanout_patterns);
    assert_string_equal(keys->unacked_key, "u");
    assert_string_equal(keys->unacked_index_key, "ui");
    assert_string_equal(keys->unacked_mutex_key, "um");
    struct cel_conn_options conn = cel_transport_connection(o, NULL, "role");
    assert_string_equal(conn.client_name, "me");
    assert_int_equal(conn.io_timeout_ms, 500);
    assert_int_equal(conn.connect_timeout_ms, 2000);
    assert_true(cel_transport_url(o)->no_keepalive);
    cel_transport_options_destroy(o);

    o = create("{\"fanout_prefix\": true, \"fanout_patterns\": true, \"socket_timeout\": null}",
               CEL_URL_BROKER);
    assert_null(cel_transport_keys(o)->fanout_prefix);
    assert_false(cel_transport_keys(o)->no_fanout_patterns);
    cel_transport_options_destroy(o);
    o = create("{\"fanout_prefix\": false, \"queue_order_strategy\": \"priority\"}",
               CEL_URL_BROKER);
    assert_string_equal(cel_transport_keys(o)->fanout_prefix, "");
    assert_int_equal(cel_transport_queue_order(o), CEL_ORDER_PRIORITY);
    cel_transport_options_destroy(o);
}

static void reads_the_backends_options(void **state)
{
    (void)state;
    struct cel_transport_options *o =
        create("{\"global_keyprefix\": \"r\", \"visibility_timeout\": \"not ours\", "
               "\"master_name\": \"m\", \"retry_policy\": {\"timeout\": 5.0}}",
               CEL_URL_RESULTS);
    assert_string_equal(cel_transport_keys(o)->result_keyprefix, "r");
    assert_null(cel_transport_keys(o)->global_keyprefix);
    assert_string_equal(cel_transport_url(o)->sentinel.master_name, "m");
    cel_transport_options_destroy(o);
}

static void reads_sentinels(void **state)
{
    (void)state;
    struct cel_transport_options *o = create(
        "{\"master_name\": \"mymaster\", \"min_other_sentinels\": 1, \"sentinel_kwargs\": "
        "{\"password\": \"secret\", \"username\": \"s\", \"socket_timeout\": 0.2, \"ssl\": true, "
        "\"ssl_cert_reqs\": \"none\", \"ssl_ca_certs\": \"/ca\", \"whatever\": 1}}",
        CEL_URL_BROKER);
    const struct cel_sentinel_options *s = &cel_transport_url(o)->sentinel;
    assert_string_equal(s->master_name, "mymaster");
    assert_int_equal(s->min_other_sentinels, 1);
    assert_int_equal(s->timeout_ms, 200);
    assert_string_equal(s->login.user, "s");
    assert_string_equal(s->login.password, "secret");
    assert_string_equal(s->login.ca_certs, "/ca");
    assert_true(s->login.tls);
    assert_int_equal(s->login.verify, CEL_TLS_NONE);
    assert_false(s->login.check_hostname);
    cel_transport_options_destroy(o);
}

static void reads_use_ssl(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool tls;
        enum cel_tls_verify verify;
        bool check_hostname;
    } cases[] = {
        {"false", false, CEL_TLS_REQUIRED, false},
        {"null", false, CEL_TLS_REQUIRED, false},
        {"{}", true, CEL_TLS_REQUIRED, true},
        {"{\"ssl_cert_reqs\": 0}", true, CEL_TLS_NONE, false},
        {"{\"ssl_cert_reqs\": 1}", true, CEL_TLS_OPTIONAL, true},
        {"{\"ssl_cert_reqs\": 2}", true, CEL_TLS_REQUIRED, true},
        {"{\"ssl_cert_reqs\": \"CERT_NONE\"}", true, CEL_TLS_NONE, false},
        {"{\"ssl_cert_reqs\": \"required\", \"ssl_check_hostname\": false}", true, CEL_TLS_REQUIRED,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct cel_transport_texts texts = {.use_ssl = cases[i].json, .failover = "shuffle"};
        struct cel_transport_options *o = NULL;
        assert_int_equal(cel_transport_options_create(&texts, CEL_URL_BROKER, &o, NULL),
                         CELERIAC_OK);
        const struct cel_endpoint *tls = cel_transport_url(o)->tls;
        assert_true(cel_transport_url(o)->shuffle);
        assert_int_equal(tls != NULL, cases[i].tls);
        if (tls != NULL) {
            assert_int_equal(tls->verify, cases[i].verify);
            assert_int_equal(tls->check_hostname, cases[i].check_hostname);
        }
        cel_transport_options_destroy(o);
    }
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum celeriac_err code;
        const char *mentions;
    } cases[] = {
        {"[]", CELERIAC_ERR_VALUE, "object"},
        {"{", CELERIAC_ERR_SYNTAX, "JSON"},
        {"{\"sep\": 1}", CELERIAC_ERR_VALUE, "sep"},
        {"{\"sep\": \"a\\u0000\"}", CELERIAC_ERR_VALUE, "sep"},
        {"{\"visibility_timeout\": 0}", CELERIAC_ERR_VALUE, "visibility_timeout"},
        {"{\"visibility_timeout\": 31536001}", CELERIAC_ERR_VALUE, "visibility_timeout"},
        {"{\"visibility_timeout\": \"3\"}", CELERIAC_ERR_VALUE, "visibility_timeout"},
        {"{\"socket_timeout\": 0}", CELERIAC_ERR_VALUE, "socket_timeout"},
        {"{\"socket_timeout\": 3600.1}", CELERIAC_ERR_VALUE, "socket_timeout"},
        {"{\"socket_keepalive\": 1}", CELERIAC_ERR_VALUE, "socket_keepalive"},
        {"{\"queue_order_strategy\": \"x\"}", CELERIAC_ERR_VALUE, "queue_order_strategy"},
        {"{\"priority_steps\": [0, 10]}", CELERIAC_ERR_VALUE, "priority_steps"},
        {"{\"priority_steps\": 3}", CELERIAC_ERR_VALUE, "priority_steps"},
        {"{\"ack_emulation\": false}", CELERIAC_ERR_UNSUPPORTED, "ack_emulation"},
        {"{\"credential_provider\": \"a.b\"}", CELERIAC_ERR_UNSUPPORTED, "credential_provider"},
        {"{\"min_other_sentinels\": 17}", CELERIAC_ERR_VALUE, "min_other_sentinels"},
        {"{\"sentinel_kwargs\": 1}", CELERIAC_ERR_VALUE, "sentinel_kwargs"},
        {"{\"sentinel_kwargs\": {\"password\": [\"secret\"]}}", CELERIAC_ERR_VALUE, "password"},
        {"{\"sentinel_kwargs\": {\"ssl_cert_reqs\": \"x\"}}", CELERIAC_ERR_VALUE, "ssl_cert_reqs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct cel_transport_texts texts = {.options = cases[i].json};
        assert_refused(&texts, cases[i].code, cases[i].mentions);
    }
    assert_refused(&(struct cel_transport_texts){.use_ssl = "true"}, CELERIAC_ERR_VALUE, "use_ssl");
    assert_refused(&(struct cel_transport_texts){.use_ssl = "{"}, CELERIAC_ERR_SYNTAX, "use_ssl");
    assert_refused(&(struct cel_transport_texts){.use_ssl = "{\"ssl_cert_reqs\": 3}"},
                   CELERIAC_ERR_VALUE, "ssl_cert_reqs");
    assert_refused(&(struct cel_transport_texts){.options = "{}", .failover = "x"},
                   CELERIAC_ERR_VALUE, "failover");
}

static void texts_have_a_limit(void **state)
{
    (void)state;
    static char text[CEL_TRANSPORT_TEXT_MAX + 2];
    memset(text, ' ', sizeof text - 1);
    text[CEL_TRANSPORT_TEXT_MAX - 2] = '{';
    text[CEL_TRANSPORT_TEXT_MAX - 1] = '}';
    text[CEL_TRANSPORT_TEXT_MAX] = '\0';
    cel_transport_options_destroy(create(text, CEL_URL_BROKER));
    text[CEL_TRANSPORT_TEXT_MAX] = ' ';
    assert_refused(&(struct cel_transport_texts){.options = text}, CELERIAC_ERR_LIMIT, "65536");
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    const struct cel_transport_texts texts = {
        .options = "{\"sep\": \":\", \"sentinel_kwargs\": {\"password\": \"a\"}}",
        .use_ssl = "{\"ssl_ca_certs\": \"/ca\"}"};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    size_t n = 0;
    for (n = 1; code != CELERIAC_OK; n++) {
        struct cel_transport_options *options = NULL;
        mem_fail_at(n);
        code = cel_transport_options_create(&texts, CEL_URL_BROKER, &options, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        assert_int_equal(options != NULL, code == CELERIAC_OK);
        cel_transport_options_destroy(options);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_all_zero),
        cmocka_unit_test(checklist_17_reads_kombus_options),
        cmocka_unit_test(reads_the_backends_options),
        cmocka_unit_test(reads_sentinels),
        cmocka_unit_test(reads_use_ssl),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(texts_have_a_limit),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
