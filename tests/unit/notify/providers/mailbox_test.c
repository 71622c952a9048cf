#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/mailbox.h"

static void assert_parts(struct span text, const char *name, const char *local, const char *domain)
{
    struct mailbox m;

    assert_int_equal(mailbox_parse(&m, text), CELERIAC_OK);
    assert_string_equal(strbuf_text(&m.name), name);
    assert_string_equal(strbuf_text(&m.local), local);
    assert_true(span_is(m.domain, domain));
    mailbox_close(&m);
}

static void test_parts(void **state)
{
    (void)state;
    assert_parts(SPAN("a@b.c"), "", "a", "b.c");
    assert_parts(SPAN(" a@b.c\t"), "", "a", "b.c");
    assert_parts(SPAN("<a@b.c>"), "", "a", "b.c");
    assert_parts(SPAN("root"), "", "root", "");
    assert_parts(SPAN("Two  Words <a@b.c>"), "Two Words", "a", "b.c");
    assert_parts(SPAN("\"A, <B>\" <a@b.c>"), "A, <B>", "a", "b.c");
    assert_parts(SPAN("\"say \\\"x\\\"\" <a@b.c>"), "say \"x\"", "a", "b.c");
    assert_parts(SPAN("A. B. <a@b.c>"), "A. B.", "a", "b.c");
    assert_parts(SPAN("\"a b\"@c.d"), "", "a b", "c.d");
    assert_parts(SPAN("a@[192.0.2.1]"), "", "a", "[192.0.2.1]");
}

static void refuse(struct span text, enum celeriac_err want)
{
    struct mailbox m;

    assert_int_equal(mailbox_parse(&m, text), want);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(SPAN(""), CELERIAC_ERR_SYNTAX);
    refuse(SPAN(" "), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("@b"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b c"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b, c@d"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b..c"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b."), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@[1"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@[1 2]"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("\"a"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("\"a\\"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("\"a\nb\"@c"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("Name <a@b"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("Name <a@b> x"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("Na(me <a@b>"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("\"Name <a@b>"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a\x01@b"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b\x7f"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a\xff@b"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@b\r\nRCPT TO:<x@y>"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("a@\xc3\xbc.de"), CELERIAC_ERR_UNSUPPORTED);
}

static void test_label_limit(void **state)
{
    char text[80];

    (void)state;
    memset(text, 'x', sizeof text);
    text[1] = '@';
    refuse((struct span){text, 2 + 64}, CELERIAC_ERR_LIMIT);
    text[2 + 63] = '\0';
    assert_parts(span_of(text), "", "x", text + 2);
}

static void test_written(void **state)
{
    static const struct {
        const char *text, *bare, *header;
    } cases[] = {
        {"a@b.c", "a@b.c", "a@b.c"},
        {"Name <a@b.c>", "a@b.c", "Name <a@b.c>"},
        {"\"A, B\" <a@b.c>", "a@b.c", "\"A, B\" <a@b.c>"},
        {"\"a \\\"b\"@c.d", "\"a \\\"b\"@c.d", "\"a \\\"b\"@c.d"},
        {"\"ab\"@c.d", "ab@c.d", "ab@c.d"},
        {"\xc3\x9c <a@b.c>", "a@b.c", "=?utf-8?b?w5w=?= <a@b.c>"},
        {"j\xc3\xbcrgen@b.c", "=?utf-8?q?j=C3=BCrgen?=@b.c", "=?utf-8?q?j=C3=BCrgen?=@b.c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mailbox m;
        struct strbuf out;

        strbuf_init(&out, 1000);
        assert_int_equal(mailbox_parse(&m, span_of(cases[i].text)), CELERIAC_OK);
        assert_int_equal(mailbox_write_bare(&m, &out), CELERIAC_OK);
        assert_string_equal(strbuf_text(&out), cases[i].bare);
        strbuf_clear(&out);
        assert_int_equal(mailbox_write_header(&m, &out), CELERIAC_OK);
        assert_string_equal(strbuf_text(&out), cases[i].header);
        strbuf_close(&out);
        mailbox_close(&m);
    }
}

static void test_long_wide_local_part(void **state)
{
    struct mailbox m;
    struct strbuf out, text;

    (void)state;
    strbuf_init(&text, 1000);
    for (int i = 0; i < 40; i++)
        strbuf_add_text(&text, "\xc3\xbc");
    strbuf_add_text(&text, "@b.c");
    strbuf_init(&out, 1000);
    assert_int_equal(mailbox_parse(&m, strbuf_span(&text)), CELERIAC_OK);
    assert_int_equal(mailbox_write_bare(&m, &out), CELERIAC_ERR_SYNTAX);
    assert_int_equal(out.len, 0);
    mailbox_close(&m);
    strbuf_close(&out);
    strbuf_close(&text);
}

/* Of a local part of nothing but line separators no encoded word is left. */
static void test_empty_wide_local_part(void **state)
{
    struct mailbox m;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    assert_int_equal(mailbox_parse(&m, SPAN("\xe2\x80\xa9@b.c")), CELERIAC_OK);
    assert_int_equal(mailbox_write_bare(&m, &out), CELERIAC_ERR_SYNTAX);
    assert_int_equal(out.len, 0);
    mailbox_close(&m);
    strbuf_close(&out);
}

/* Cut at every byte, in memory of just that size, so that a read beyond it would be seen. */
static void test_cut_anywhere(void **state)
{
    static const char whole[] = "N\xc3\xbcm \"q\\\"uoted\" x. <\"lo cal\"@[192.0.2.1]>";

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *copy = malloc(len + 1);
        struct mailbox m;

        assert_non_null(copy);
        memcpy(copy + 1, whole, len);
        /* "N" and "Nüm" alone are local parts; nothing else in between is whole. */
        if (mailbox_parse(&m, (struct span){copy + 1, len}) == CELERIAC_OK) {
            assert_true(len == 1 || (len >= 3 && len <= 5));
            mailbox_close(&m);
        }
        free(copy);
    }
}

static void test_memory(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct mailbox m;
        struct strbuf out;

        strbuf_init(&out, 1000);
        mem_fail_at(n);
        code = mailbox_parse(&m, SPAN("\"\xc3\x9c, x\" <a@b.c>"));
        if (code == CELERIAC_OK) {
            code = mailbox_write_header(&m, &out);
            mailbox_close(&m);
        }
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        strbuf_close(&out);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_label_limit),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_long_wide_local_part),
        cmocka_unit_test(test_empty_wide_local_part),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
