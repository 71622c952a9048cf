/* What of a webhook is refused before the database sees it. */
#include "notify/store/webhook_endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"

static const struct uuid tenant = {{1}};
static const struct uuid webhook = {{2}};
static struct store_put_webhook put;

static enum celeriac_err check(void)
{
    celeriac_error_clear(&put.call.error);
    return put.call.own.kind->check(&put.call);
}

static int set_up(void **state)
{
    (void)state;
    store_create_webhook_init(&put, &tenant);
    put.url = SPAN("https://example.com/");
    put.events = 1;
    put.secret = SPAN("whsec_x");
    return 0;
}

/* A text is taken at its limit and refused above it, by name. */
static void assert_limit(struct span *field, size_t max, const char *complaint)
{
    struct span before = *field;
    char *text = mem_alloc(max + 1);

    assert_non_null(text);
    memset(text, 'x', max + 1);
    *field = (struct span){text, max};
    assert_int_equal(check(), CELERIAC_OK);
    field->len++;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_memory_equal(put.call.error.text, complaint, strlen(complaint));
    *field = before;
    mem_free(text);
}

static void fields_up_to_their_limits(void **state)
{
    (void)state;
    assert_int_equal(check(), CELERIAC_OK);
    assert_limit(&put.url, STORE_WEBHOOK_URL_MAX, "url: more than ");
    assert_limit(&put.description, STORE_WEBHOOK_DESCRIPTION_MAX,
                 "description: more than 255 characters");
    store_update_webhook_init(&put, &tenant, &webhook);
    assert_limit(&put.url, STORE_WEBHOOK_URL_MAX, "url: more than ");
    assert_limit(&put.description, STORE_WEBHOOK_DESCRIPTION_MAX,
                 "description: more than 255 characters");
}

static void a_new_one_is_complete(void **state)
{
    (void)state;
    put.url = (struct span){NULL, 0};
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    (void)set_up(NULL);
    put.events = 0;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    (void)set_up(NULL);
    put.secret.len = 0;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    /* A change may leave all as it is. */
    store_update_webhook_init(&put, &tenant, &webhook);
    assert_int_equal(check(), CELERIAC_OK);
    put.url = SPAN("");
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
}

static void keys_have_a_limit(void **state)
{
    char key[STORE_IDEMPOTENCY_KEY_MAX + 1];

    (void)state;
    memset(key, 'k', sizeof key);
    put.idempotency.key = (struct span){key, STORE_IDEMPOTENCY_KEY_MAX};
    assert_int_equal(check(), CELERIAC_OK);
    put.idempotency.key.len++;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(put.call.error.text, "idempotency key: more than 255 characters");
}

static void grace_has_bounds(void **state)
{
    struct store_rotate_webhook rotate;

    (void)state;
    store_rotate_webhook_init(&rotate, &tenant, &webhook, SPAN("whsec_x"), 0);
    assert_int_equal(rotate.call.own.kind->check(&rotate.call), CELERIAC_OK);
    rotate.grace_seconds = STORE_WEBHOOK_GRACE_MAX;
    assert_int_equal(rotate.call.own.kind->check(&rotate.call), CELERIAC_OK);
    rotate.grace_seconds++;
    assert_int_equal(rotate.call.own.kind->check(&rotate.call), CELERIAC_ERR_VALUE);
    celeriac_error_clear(&rotate.call.error);
    rotate.grace_seconds = -1;
    assert_int_equal(rotate.call.own.kind->check(&rotate.call), CELERIAC_ERR_VALUE);
}

static void ids_are_random(void **state)
{
    struct uuid first = put.id;

    (void)state;
    (void)set_up(NULL);
    assert_memory_not_equal(&first, &put.id, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fields_up_to_their_limits, set_up),
        cmocka_unit_test_setup(a_new_one_is_complete, set_up),
        cmocka_unit_test_setup(keys_have_a_limit, set_up),
        cmocka_unit_test(grace_has_bounds),
        cmocka_unit_test_setup(ids_are_random, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
