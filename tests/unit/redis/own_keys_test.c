#include "celery_proto/redis/own_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "celery_proto/codec/keys.h"

static void begin_with_prefix_and_project(void **state)
{
    (void)state;
    struct cel_keys *keys = NULL;
    const struct cel_keys_options options = {.global_keyprefix = "p:"};
    struct strbuf out;
    assert_int_equal(cel_keys_create(&options, &keys, NULL), CELERIAC_OK);
    strbuf_init(&out, 1000);
    cel_key_workers(keys, &out);
    strbuf_add_char(&out, ' ');
    cel_key_own(keys, SPAN("w"), &out);
    strbuf_add_char(&out, ' ');
    cel_key_claim(keys, SPAN("w"), &out);
    strbuf_add_char(&out, ' ');
    cel_key_once(keys, SPAN("k"), &out);
    strbuf_add_char(&out, ' ');
    cel_key_limit(keys, SPAN("n"), &out);
    assert_string_equal(strbuf_text(&out), "p:celeriac.workers p:celeriac.own.w p:celeriac.claim.w "
                                           "p:celeriac.once.k p:celeriac.limit.n");
    strbuf_close(&out);
    cel_keys_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_with_prefix_and_project),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
