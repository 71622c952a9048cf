#include "celery_proto/codec/content_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names_and_mime_types_mean_the_same(void **state)
{
    const struct {
        const char *name;
        enum cel_content_type type;
    } cases[] = {
        {"json", CEL_CONTENT_JSON},       {"application/json", CEL_CONTENT_JSON},
        {"pickle", CEL_CONTENT_PICKLE},   {"application/x-python-serialize", CEL_CONTENT_PICKLE},
        {"yaml", CEL_CONTENT_YAML},       {"application/x-yaml", CEL_CONTENT_YAML},
        {"msgpack", CEL_CONTENT_MSGPACK}, {"application/x-msgpack", CEL_CONTENT_MSGPACK},
        {"raw", CEL_CONTENT_DATA},        {"application/data", CEL_CONTENT_DATA},
        {"text/plain", CEL_CONTENT_TEXT}, {"JSON", CEL_CONTENT_OTHER},
        {"", CEL_CONTENT_OTHER},          {"application/jsonx", CEL_CONTENT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(cel_content_type_of(span_of(cases[i].name)), cases[i].type);
}

static void test_checklist_42_json_alone_is_accepted(void **state)
{
    struct cel_accept accept = {.mask = 0};
    struct celeriac_error err = {.code = CELERIAC_OK};

    (void)state;
    assert_true(cel_accept_has(NULL, CEL_CONTENT_JSON));
    assert_true(cel_accept_has(&accept, CEL_CONTENT_JSON));
    assert_false(cel_accept_has(&accept, CEL_CONTENT_PICKLE));
    assert_false(cel_accept_has(&accept, CEL_CONTENT_DATA));
    assert_false(cel_accept_has(NULL, CEL_CONTENT_OTHER));
    assert_int_equal(cel_accept_add(&accept, SPAN("json"), NULL), CELERIAC_OK);
    assert_true(cel_accept_has(&accept, CEL_CONTENT_JSON));
    assert_int_equal(cel_accept_add(&accept, SPAN("pickle"), &err), CELERIAC_ERR_UNSUPPORTED);
    assert_string_equal(err.text, "accept_content: \"pickle\" cannot be read here, only json can");
    assert_int_equal(cel_accept_add(&accept, SPAN("nonsense"), NULL), CELERIAC_ERR_VALUE);
    assert_false(cel_accept_has(&accept, CEL_CONTENT_PICKLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_mime_types_mean_the_same),
        cmocka_unit_test(test_checklist_42_json_alone_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
