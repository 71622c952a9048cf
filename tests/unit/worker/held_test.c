#include "worker/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/request.h"

static struct cel_request *request_of(struct cel_task_decoder *decoder, struct span tag)
{
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;

    assert_int_equal(cel_task_message_create(decoder, SPAN("{}"), &message), CELERIAC_OK);
    assert_int_equal(cel_request_create(message, NULL, tag, SPAN("q"), &request), CELERIAC_OK);
    return request;
}

/* Which of a, b, c are listed, as text. */
static void assert_holds(struct cel_held *held, const char *expected)
{
    static const char *const names[] = {"a", "b", "c"};
    struct hashmap *tags = NULL;
    char found[4] = {0};

    assert_int_equal(hashmap_create(&tags), CELERIAC_OK);
    assert_int_equal(cel_held_tags(held, tags), CELERIAC_OK);
    for (size_t i = 0; i < 3; i++)
        if (hashmap_get(tags, span_of(names[i])))
            found[strlen(found)] = *names[i];
    assert_string_equal(found, expected);
    assert_int_equal(hashmap_count(tags), strlen(expected));
    hashmap_destroy(tags, NULL);
}

static void lists_what_exists(void **state)
{
    struct cel_task_decoder *decoder = NULL;
    struct cel_held *held = NULL;

    (void)state;
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_held_create(&held), CELERIAC_OK);
    assert_holds(held, "");
    struct cel_request *a = request_of(decoder, SPAN("a"));
    struct cel_request *b = request_of(decoder, SPAN("b"));
    struct cel_request *c = request_of(decoder, SPAN("c"));
    cel_held_add(held, a);
    cel_held_add(held, b);
    cel_held_add(held, c);
    assert_holds(held, "abc");
    cel_held_remove(b);
    assert_holds(held, "ac");
    cel_held_remove(b);
    cel_held_add(held, b);
    cel_request_destroy(c);
    assert_holds(held, "ab");
    cel_request_destroy(a);
    assert_holds(held, "b");
    cel_request_destroy(b);
    assert_holds(held, "");
    cel_held_destroy(held);
    cel_held_destroy(NULL);
    cel_task_decoder_destroy(decoder);
}

static void reports_lack_of_memory(void **state)
{
    struct cel_task_decoder *decoder = NULL;
    struct cel_held *held = NULL;
    struct hashmap *tags = NULL;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_held_create(&held), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(held);
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_held_create(&held), CELERIAC_OK);
    assert_int_equal(hashmap_create(&tags), CELERIAC_OK);
    struct cel_request *a = request_of(decoder, SPAN("a"));
    cel_held_add(held, a);
    for (size_t n = 1; code; n++) {
        mem_fail_at(n);
        code = cel_held_tags(held, tags);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
    assert_int_equal(hashmap_count(tags), 1);
    hashmap_destroy(tags, NULL);
    cel_request_destroy(a);
    cel_held_destroy(held);
    cel_task_decoder_destroy(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_what_exists),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
