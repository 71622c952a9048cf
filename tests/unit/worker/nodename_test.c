/* worker/nodename.c: checklist line 95. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/nodename.h"

static void expands_to(const char *pattern, const char *host, const char *expected)
{
    struct strbuf out;

    strbuf_init(&out, 1000);
    assert_int_equal(cel_nodename_expand(pattern, span_of(host), &out, NULL), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_close(&out);
}

static void checklist_95_abbreviations(void **state)
{
    (void)state;
    expands_to(NULL, "web1.shop.example", "celery@web1.shop.example");
    expands_to("", "web1", "celery@web1");
    expands_to("mail@%h", "web1.shop.example", "mail@web1.shop.example");
    expands_to("mail@%n", "web1.shop.example", "mail@web1");
    expands_to("mail@x.%d", "web1.shop.example", "mail@x.shop.example");
    expands_to("mail@%d", "web1", "mail@");
    expands_to("w%i%I@%h", "a.b", "w0@a.b");
    expands_to("elsewhere", "web1", "celery@elsewhere");
    expands_to("@elsewhere", "web1", "celery@elsewhere");
    expands_to("a@b@c", "web1", "a@b@c");
    expands_to("100%", "web1", "celery@100%");
}

static void refuses_what_cannot_be_a_name(void **state)
{
    static const char *const bad[] = {"w@%x", "w@a\nb", "w@%%"};
    char longest[CEL_NODENAME_MAX + 2] = "w@";
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    strbuf_add_text(&out, "before");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(cel_nodename_expand(bad[i], SPAN("h"), &out, &err), CELERIAC_ERR_VALUE);
        assert_non_null(strstr(err.text, "hostname"));
        assert_string_equal(strbuf_text(&out), "before");
    }
    memset(longest + 2, 'x', CEL_NODENAME_MAX - 1);
    assert_int_equal(cel_nodename_expand(longest, SPAN("h"), &out, NULL), CELERIAC_ERR_LIMIT);
    longest[CEL_NODENAME_MAX] = '\0';
    assert_int_equal(cel_nodename_expand(longest, SPAN("h"), &out, NULL), CELERIAC_OK);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_95_abbreviations),
        cmocka_unit_test(refuses_what_cannot_be_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
