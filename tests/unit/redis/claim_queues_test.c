#include "celery_proto/redis/claim_queues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/publish.h"

static struct cel_keys *make_keys(const char *prefix)
{
    struct cel_keys *keys = NULL;
    const struct cel_keys_options options = {.global_keyprefix = prefix};
    assert_int_equal(cel_keys_create(&options, &keys, NULL), CELERIAC_OK);
    return keys;
}

static void names_lists_and_bindings(void **state)
{
    (void)state;
    struct cel_keys *keys = make_keys("pfx:");
    static const char *const names[] = {"celery"};
    struct claim_queue **queues = NULL;
    assert_int_equal(claim_queues_create(keys, names, 1, CEL_ORDER_ROUND_ROBIN, &queues, NULL),
                     CELERIAC_OK);
    assert_true(span_is(queues[0]->name, "celery"));
    assert_true(span_is(queues[0]->binding_key, "pfx:_kombu.binding.celery"));
    assert_true(span_is(queues[0]->binding_member, "celery\x06\x16\x06\x16"
                                                   "celery"));
    assert_true(span_is(queues[0]->list[0].key, "pfx:celery"));
    assert_true(span_is(queues[0]->list[1].key, "pfx:celery\x06\x16"
                                                "3"));
    assert_true(span_is(queues[0]->list[3].key, "pfx:celery\x06\x16"
                                                "9"));
    assert_int_equal(queues[0]->list[3].step, 9);
    claim_queues_destroy(queues, 1);
    claim_queues_destroy(NULL, 0);
    cel_keys_destroy(keys);
}

static void keeps_or_sorts_the_order(void **state)
{
    (void)state;
    struct cel_keys *keys = make_keys(NULL);
    static const char *const names[] = {"b", "ab", "a"};
    struct claim_queue **queues = NULL;
    assert_int_equal(claim_queues_create(keys, names, 3, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_OK);
    assert_true(span_is(queues[0]->name, "b"));
    assert_true(span_is(queues[2]->name, "a"));
    claim_queues_destroy(queues, 3);
    assert_int_equal(claim_queues_create(keys, names, 3, CEL_ORDER_SORTED, &queues, NULL),
                     CELERIAC_OK);
    assert_true(span_is(queues[0]->name, "a"));
    assert_true(span_is(queues[1]->name, "ab"));
    assert_true(span_is(queues[2]->name, "b"));
    claim_queues_destroy(queues, 3);
    cel_keys_destroy(keys);
}

static void refuses_bad_names(void **state)
{
    (void)state;
    struct cel_keys *keys = make_keys(NULL);
    char longest[CEL_NAME_MAX + 2];
    struct claim_queue **queues = NULL;
    memset(longest, 'q', sizeof longest);
    longest[CEL_NAME_MAX] = '\0';
    const char *const fits[] = {longest};
    assert_int_equal(claim_queues_create(keys, fits, 1, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_OK);
    claim_queues_destroy(queues, 1);
    queues = NULL;
    longest[CEL_NAME_MAX] = 'q';
    longest[CEL_NAME_MAX + 1] = '\0';
    static const char *const empty[] = {"a", ""};
    static const char *const twice[] = {"a", "b", "a"};
    assert_int_equal(claim_queues_create(keys, fits, 1, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(claim_queues_create(keys, empty, 2, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(claim_queues_create(keys, twice, 3, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(claim_queues_create(keys, empty, 0, CEL_ORDER_PRIORITY, &queues, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(claim_queues_create(keys, empty, CEL_CLAIM_QUEUES_MAX + 1, CEL_ORDER_PRIORITY,
                                         &queues, NULL),
                     CELERIAC_ERR_LIMIT);
    assert_null(queues);
    cel_keys_destroy(keys);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct cel_keys *keys = make_keys(NULL);
    static const char *const names[] = {"a", "b"};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct claim_queue **queues = NULL;
        mem_fail_at(n);
        code = claim_queues_create(keys, names, 2, CEL_ORDER_PRIORITY, &queues, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        claim_queues_destroy(queues, 2);
    }
    cel_keys_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lists_and_bindings),
        cmocka_unit_test(keeps_or_sorts_the_order),
        cmocka_unit_test(refuses_bad_names),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
