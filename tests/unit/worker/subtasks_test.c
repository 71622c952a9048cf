/* worker/subtasks.c where no broker is needed: what is refused, and what is left when memory is
 * short. Sending itself: tests/integration/app. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/subtasks.h"

/* Nobody listens there. */
#define NOWHERE "redis://127.0.0.1:1/0"

struct fixture {
    struct cel_addresses addresses;
    struct cel_subtasks *subtasks;
    struct celeriac_signature *signature;
    struct strbuf children;
};

static int set_up(void **state)
{
    const struct cel_address_texts texts = {.broker_url = NOWHERE, .result_backend = "disabled://"};
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_addresses_open(&texts, &f->addresses, NULL), CELERIAC_OK);
    assert_int_equal(cel_subtasks_create(&f->addresses, 0, &f->subtasks), CELERIAC_OK);
    assert_int_equal(
        celeriac_signature_from_json("{\"task\": \"t\", \"args\": [1]}", &f->signature, NULL),
        CELERIAC_OK);
    strbuf_init(&f->children, 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    strbuf_close(&f->children);
    celeriac_signature_destroy(f->signature);
    cel_subtasks_destroy(f->subtasks);
    cel_addresses_close(&f->addresses);
    mem_free(f);
    return 0;
}

static const struct cel_client_parent parent = {
    .task_id = SPAN("p"), .root_id = SPAN("r"), .queue = SPAN("q")};

static enum celeriac_err send(struct fixture *f, const char *task, struct celeriac_error *err)
{
    const struct celeriac_send one = {.task = task, .args_json = "[1, 2]"};
    char ids[1][CELERIAC_TASK_ID_SIZE];

    return cel_subtasks_send(f->subtasks, &parent, &one, 1, ids, &f->children, err);
}

static enum celeriac_err apply(struct fixture *f, struct celeriac_error *err)
{
    char id[CELERIAC_TASK_ID_SIZE];

    return cel_subtasks_apply(f->subtasks, &parent, f->signature, id, &f->children, err);
}

static void starts_and_ends_without_a_connection(void **state)
{
    struct fixture *f = *state;
    struct cel_subtasks *other = NULL;

    mem_fail_at(1);
    assert_int_equal(cel_subtasks_create(&f->addresses, 0, &other), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(other);
    cel_subtasks_destroy(NULL);
}

/* The lock is given back each time, and nothing counts as sent. */
static void a_broker_that_is_away_is_reported(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(send(f, "t", &err), CELERIAC_ERR_UNAVAILABLE);
        assert_int_equal(f->children.len, 0);
        celeriac_error_clear(&err);
        assert_int_equal(apply(f, &err), CELERIAC_ERR_UNAVAILABLE);
        assert_int_equal(f->children.len, 0);
    }
    assert_int_equal(send(f, NULL, NULL), CELERIAC_ERR_VALUE);
}

/* Wherever memory is missing; on the way to the broker that counts as a broker that is away. */
static void without_memory_nothing_is_sent(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        bool failed = true;
        size_t n = 0;

        while (failed) {
            enum celeriac_err code;

            mem_fail_at(++n);
            code = i == 0 ? send(f, "t", NULL) : apply(f, NULL);
            failed = mem_has_failed();
            mem_fail_at(0);
            assert_true(code == CELERIAC_ERR_UNAVAILABLE ||
                        (failed && code == CELERIAC_ERR_MEMORY));
            assert_int_equal(f->children.len, 0);
        }
        assert_true(n > 3);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_and_ends_without_a_connection),
        TEST(a_broker_that_is_away_is_reported),
        TEST(without_memory_nothing_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
