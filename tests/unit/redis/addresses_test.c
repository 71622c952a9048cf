#include "celery_proto/redis/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static void assert_result_key(const struct cel_addresses *a, const char *expected)
{
    struct strbuf key;
    strbuf_init(&key, 1024);
    cel_key_result(a->keys, SPAN("id"), &key);
    assert_string_equal(strbuf_text(&key), expected);
    strbuf_close(&key);
}

static void assert_queue_key(const struct cel_addresses *a, const char *expected)
{
    struct strbuf key;
    strbuf_init(&key, 1024);
    cel_key_queue(a->keys, SPAN("q"), 9, &key);
    assert_string_equal(strbuf_text(&key), expected);
    strbuf_close(&key);
}

static struct cel_addresses open_texts(const struct cel_address_texts *texts)
{
    struct cel_addresses a = {0};
    struct celeriac_error err = {0};
    if (cel_addresses_open(texts, &a, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return a;
}

static void one_url_serves_both(void **state)
{
    (void)state;
    struct cel_addresses a = open_texts(&(struct cel_address_texts){.broker_url = "redis://h/3"});
    assert_true(cel_broker_url_same(a.broker, a.backend));
    assert_queue_key(&a, "q\x06\x16"
                         "9");
    assert_result_key(&a, "celery-task-meta-id");
    struct cel_conn_options conn = cel_to_broker(&a, "role");
    assert_ptr_equal(conn.url, a.broker);
    assert_ptr_equal(cel_to_backend(&a, "role").url, a.backend);
    cel_addresses_close(&a);
    /* A broker may leave ssl_cert_reqs out; a backend that is only the broker again may too. */
    a = open_texts(&(struct cel_address_texts){.broker_url = "rediss://h"});
    assert_int_equal(cel_broker_url_endpoint(a.backend, 0)->verify, CEL_TLS_NONE);
    cel_addresses_close(&a);
    cel_addresses_close(&a);
}

static void options_reach_names_and_urls(void **state)
{
    (void)state;
    struct cel_address_texts texts = {
        .broker_url = "sentinel://a;b",
        .broker_transport_options =
            "{\"master_name\": \"m\", \"global_keyprefix\": \"p:\", \"sep\": \"|\"}",
        .broker_failover_strategy = "shuffle"};
    struct cel_addresses a = open_texts(&texts);
    assert_true(cel_broker_url_is_sentinel(a.backend));
    assert_string_equal(cel_broker_url_sentinel(a.backend)->master_name, "m");
    assert_queue_key(&a, "p:q|9");
    assert_result_key(&a, "celery-task-meta-id");
    cel_addresses_close(&a);
    texts.global_keyprefix = "q:";
    texts.result_backend = "sentinel://a/2";
    texts.result_backend_transport_options =
        "{\"master_name\": \"n\", \"global_keyprefix\": \"r\"}";
    a = open_texts(&texts);
    assert_string_equal(cel_broker_url_sentinel(a.backend)->master_name, "n");
    assert_int_equal(cel_broker_url_db(a.backend), 2);
    assert_queue_key(&a, "q:q|9");
    assert_result_key(&a, "r_celery-task-meta-id");
    cel_addresses_close(&a);
}

static void results_may_be_disabled(void **state)
{
    (void)state;
    struct cel_addresses a =
        open_texts(&(struct cel_address_texts){.result_backend = "disabled://"});
    assert_null(a.backend);
    cel_addresses_close(&a);
}

static void refuses_as_a_whole(void **state)
{
    static char long_text[CEL_TRANSPORT_TEXT_MAX + 2];
    (void)state;
    static const struct {
        struct cel_address_texts texts;
        const char *field; /* with which the error begins */
    } cases[] = {
        {{.broker_url = "amqp://"}, "broker_url: "},
        {{.result_backend = "rediss://h"}, "result_backend: "},
        {{.broker_transport_options = "{"}, "broker_transport_options: "},
        {{.broker_url = "redis://", .result_backend_transport_options = "["},
         "result_backend_transport_options: "},
        {{.broker_transport_options = "{\"sep\": \"\"}"}, "broker_transport_options: "},
        {{.global_keyprefix = long_text}, "global_keyprefix: "},
        {{.broker_use_ssl = "1"}, "broker_use_ssl: "},
        {{.broker_use_ssl = "{\"ssl_cert_reqs\": 9}"}, "broker_use_ssl: "},
        {{.redis_backend_use_ssl = "1"}, "redis_backend_use_ssl: "},
        {{.broker_failover_strategy = "x"}, "broker_failover_strategy: "},
        {{.broker_transport_options = long_text}, "broker_transport_options: "},
        {{.redis_backend_use_ssl = long_text}, "redis_backend_use_ssl: "},
        {{.task_routes = "[1]"}, "task_routes: "},
    };
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cel_addresses a = {0};
        struct celeriac_error err = {0};
        if (cel_addresses_open(&cases[i].texts, &a, &err) == CELERIAC_OK)
            fail_msg("case %zu", i);
        assert_null(a.broker);
        if (strstr(err.text, cases[i].field) != err.text)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_addresses a = {0};
        mem_fail_at(n);
        code = cel_addresses_open(&(struct cel_address_texts){.broker_url = "redis://h"}, &a, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        assert_int_equal(a.keys != NULL, code == CELERIAC_OK);
        cel_addresses_close(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_url_serves_both),     cmocka_unit_test(options_reach_names_and_urls),
        cmocka_unit_test(results_may_be_disabled), cmocka_unit_test(refuses_as_a_whole),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
