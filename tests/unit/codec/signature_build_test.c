/* celery_proto/codec/signature_build.c: checklist lines 11 and 14. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celeriac/signature.h"

static struct celeriac_signature *make(const struct celeriac_send *task, bool immutable)
{
    struct celeriac_signature *signature = NULL;

    assert_int_equal(celeriac_signature_create(task, immutable, &signature, NULL), CELERIAC_OK);
    return signature;
}

#define A                                                                                          \
    "{\"task\": \"t.a\", \"args\": [1], \"kwargs\": {}, \"options\": {}, \"subtask_type\": null, " \
    "\"immutable\": true}"

static void says_what_was_asked_for(void **state)
{
    struct celeriac_signature *plain =
        make(&(struct celeriac_send){.task = "t.a", .args_json = "[1]"}, true);
    struct celeriac_signature *full =
        make(&(struct celeriac_send){.task = "t.b",
                                     .kwargs_json = "{\"k\": 2}",
                                     .id = "i",
                                     .queue = "q",
                                     .countdown_ms = 1500,
                                     .expires_us = INT64_C(1795379699000000),
                                     .priority = 6,
                                     .ignore_result = true,
                                     .time_limit = 3},
             false);
    struct celeriac_signature *copy = NULL;

    (void)state;
    assert_string_equal(celeriac_signature_json(plain).ptr, A);
    assert_string_equal(
        celeriac_signature_json(full).ptr,
        "{\"task\": \"t.b\", \"args\": [], \"kwargs\": {\"k\": 2}, \"options\": {\"task_id\": "
        "\"i\", "
        "\"queue\": \"q\", \"countdown\": 1.5, \"expires\": \"2026-11-22T20:34:59+00:00\", "
        "\"priority\": 6, \"ignore_result\": true, \"time_limit\": 3.0}, \"subtask_type\": null, "
        "\"immutable\": false}");
    assert_int_equal(celeriac_signature_from_json(celeriac_signature_json(full).ptr, &copy, NULL),
                     CELERIAC_OK);
    assert_string_equal(celeriac_signature_json(copy).ptr, celeriac_signature_json(full).ptr);
    celeriac_signature_destroy(copy);
    celeriac_signature_destroy(full);
    celeriac_signature_destroy(plain);
    celeriac_signature_destroy(NULL);
}

static void checklist_11_options_of_the_wire(void **state)
{
    struct celeriac_signature *full = make(&(struct celeriac_send){.task = "t.a",
                                                                   .args_json = "[1]",
                                                                   .serializer = "json",
                                                                   .compression = "gzip",
                                                                   .exchange = "e",
                                                                   .routing_key = "k",
                                                                   .argsrepr = "(***)",
                                                                   .stamps_json = "{\"s\": [1]}"},
                                           false);
    struct celeriac_signature *stamped =
        make(&(struct celeriac_send){.task = "t.a", .stamps_json = "{\"s\": 1}"}, false);
    const struct celeriac_send bad[] = {{.task = "t", .compression = "bzip2"},
                                        {.task = "t", .serializer = "yaml"},
                                        {.task = "t", .exchange = "e"},
                                        {.task = "t", .exchange_type = "direct"},
                                        {.task = "t", .stamps_json = "7"}};
    struct celeriac_signature *none = NULL;

    (void)state;
    assert_non_null(strstr(celeriac_signature_json(full).ptr,
                           "\"options\": {\"serializer\": \"json\", \"compression\": \"gzip\", "
                           "\"exchange\": \"e\", \"routing_key\": \"k\", \"argsrepr\": \"(***)\", "
                           "\"s\": [1], \"stamped_headers\": [\"s\"]}, "));
    assert_non_null(strstr(celeriac_signature_json(stamped).ptr,
                           "\"options\": {\"s\": 1, \"stamped_headers\": [\"s\"]}, "));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(celeriac_signature_create(&bad[i], false, &none, NULL),
                         CELERIAC_ERR_VALUE);
    celeriac_signature_destroy(full);
    celeriac_signature_destroy(stamped);
}

static void puts_signatures_together(void **state)
{
    struct celeriac_signature *a =
        make(&(struct celeriac_send){.task = "t.a", .args_json = "[1]"}, true);
    struct celeriac_signature *two[2] = {a, a};
    struct celeriac_signature *group = NULL;
    struct celeriac_signature *chord = NULL;

    (void)state;
    assert_int_equal(celeriac_signature_group(two, 2, &group, NULL), CELERIAC_OK);
    assert_string_equal(celeriac_signature_json(group).ptr,
                        "{\"task\": \"celery.group\", \"args\": [], \"kwargs\": {\"tasks\": [" A
                        ", " A
                        "]}, \"options\": {}, \"subtask_type\": \"group\", \"immutable\": false}");
    assert_int_equal(celeriac_signature_chord(two, 1, a, &chord, NULL), CELERIAC_OK);
    assert_string_equal(celeriac_signature_json(chord).ptr,
                        "{\"task\": \"celery.chord\", \"args\": [], \"kwargs\": {\"kwargs\": {}, "
                        "\"header\": [" A "], \"body\": " A "}, \"options\": {}, \"subtask_type\": "
                        "\"chord\", \"immutable\": false}");
    assert_int_equal(celeriac_signature_link(group, a), CELERIAC_OK);
    assert_int_equal(celeriac_signature_link(group, a), CELERIAC_OK);
    assert_int_equal(celeriac_signature_link_error(group, a), CELERIAC_OK);
    assert_non_null(strstr(celeriac_signature_json(group).ptr,
                           "\"options\": {\"link\": [" A ", " A "], \"link_error\": [" A "]}"));
    celeriac_signature_destroy(chord);
    celeriac_signature_destroy(group);
    celeriac_signature_destroy(a);
}

static void names_what_is_wrong(void **state)
{
    static const struct {
        struct celeriac_send task;
        const char *field;
    } bad[] = {{{.args_json = "[]"}, "task"},
               {{.task = "t", .args_json = "{}"}, "args_json"},
               {{.task = "t", .args_json = "[1"}, "args_json"},
               {{.task = "t", .kwargs_json = "[]"}, "kwargs_json"},
               {{.task = "t", .link_json = "3"}, "link_json"},
               {{.task = "t", .unique_key = "k"}, "unique_key"}};
    struct celeriac_signature *signature = NULL;
    struct celeriac_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        celeriac_error_clear(&err);
        assert_int_equal(celeriac_signature_create(&bad[i].task, false, &signature, &err),
                         CELERIAC_ERR_VALUE);
        assert_non_null(strstr(err.text, bad[i].field));
    }
    assert_int_equal(celeriac_signature_from_json("{\"args\": []}", &signature, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(celeriac_signature_from_json("nonsense", &signature, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(celeriac_signature_chain(NULL, 0, &signature, NULL), CELERIAC_ERR_VALUE);
    assert_null(signature);
}

static void survives_every_failing_allocation(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct celeriac_signature *a = NULL;
        struct celeriac_signature *chain = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = celeriac_signature_create(&(struct celeriac_send){.task = "t.a", .args_json = "[1]"},
                                         false, &a, NULL);
        if (code == CELERIAC_OK)
            code = celeriac_signature_chain(&a, 1, &chain, NULL);
        if (code == CELERIAC_OK)
            code = celeriac_signature_link(chain, a);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_OK, !failed);
        celeriac_signature_destroy(chain);
        celeriac_signature_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_asked_for),
        cmocka_unit_test(checklist_11_options_of_the_wire),
        cmocka_unit_test(puts_signatures_together),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
