/*
 * Header values, encoded and folded. The first byte says how long the header's name is, and whether
 * the value becomes encoded words. What is folded has no line that would be a header of its own,
 * and says what the value said.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "base/base64.h"
#include "base/strbuf.h"
#include "notify/providers/header_fold.h"
#include "notify/rules/python_text.h"

/* Header's default width. */
#define WIDTH 78

/* Longest value; longer ones teach nothing. */
#define VALUE_MAX ((size_t)8 * 1024)

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

static void q_decode(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        FUZZ_PROMISE(c > ' ' && c != '?' && c <= '~');
        if (c == '=') {
            FUZZ_PROMISE(text.len - i > 2);
            c = (char)(hex(text.ptr[i + 1]) << 4 | hex(text.ptr[i + 2]));
            i += 2;
        } else if (c == '_') {
            c = ' ';
        }
        strbuf_add_char(out, c);
    }
}

/*
 * Takes one encoded word off *rest; each is whole characters for itself (RFC 2047, section 5).
 * Python fills the line, so that a word has up to 78 characters where the RFC wants 75.
 */
static void next_word(struct strbuf *out, struct span *rest)
{
    struct span start = {rest->ptr, 10}, text;
    size_t before = out->len;
    const char *end;

    FUZZ_PROMISE(rest->len > start.len);
    text = (struct span){rest->ptr + start.len, rest->len - start.len};
    end = memmem(text.ptr, text.len, "?=", 2);
    FUZZ_PROMISE(end != NULL);
    text.len = (size_t)(end - text.ptr);
    FUZZ_PROMISE(start.len + text.len + 2 <= WIDTH);
    if (span_is(start, "=?utf-8?b?")) {
        FUZZ_PROMISE(base64_decode(out, text) == CELERIAC_OK);
    } else {
        FUZZ_PROMISE(span_is(start, "=?utf-8?q?"));
        q_decode(out, text);
    }
    FUZZ_PROMISE(span_is_utf8((struct span){out->ptr + before, out->len - before}));
    rest->len -= start.len + text.len + 2;
    rest->ptr += start.len + text.len + 2;
}

/* What the lines say when a reader has put them together, without white space. */
static void unfold(struct strbuf *out, struct span folded, enum header_charset charset)
{
    while (folded.len > 0) {
        char c = folded.ptr[0];

        if (charset == HEADER_UTF8 && c == '=') {
            next_word(out, &folded);
            continue;
        }
        FUZZ_PROMISE(charset == HEADER_ASCII || c == ' ' || c == '\t' || c == '\r' || c == '\n');
        strbuf_add_char(out, c);
        folded = (struct span){folded.ptr + 1, folded.len - 1};
    }
}

/* Appends text without white space and line ends. */
static void add_dense(struct strbuf *out, struct span text)
{
    while (text.len > 0) {
        size_t len;

        if (!python_text_is_space(python_text_next(text, &len)))
            strbuf_add(out, text.ptr, len);
        text = (struct span){text.ptr + len, text.len - len};
    }
}

static void check_lines(struct span folded, enum header_charset charset, size_t name_len)
{
    for (size_t line = 0; folded.ptr != NULL; line++) {
        struct span text;

        (void)span_cut(folded, '\n', &text, &folded);
        FUZZ_PROMISE(line == 0 || text.ptr[0] == ' ' || text.ptr[0] == '\t');
        if (folded.ptr != NULL) {
            FUZZ_PROMISE(text.len > 0 && text.ptr[text.len - 1] == '\r');
            text.len--;
        }
        if (charset == HEADER_UTF8 && name_len < WIDTH)
            FUZZ_PROMISE((line == 0 ? name_len : 0) + text.len <= WIDTH + 1);
    }
}

static void check(struct span value, enum header_charset charset, size_t name_len)
{
    struct strbuf out, said, want, got;
    enum celeriac_err code;

    strbuf_init(&out, 16 * VALUE_MAX);
    strbuf_init(&said, 16 * VALUE_MAX);
    strbuf_init(&want, VALUE_MAX);
    strbuf_init(&got, 16 * VALUE_MAX);
    strbuf_add_text(&out, "Subject: ");
    code = header_fold(&out, value, charset, name_len, "\r\n");
    FUZZ_PROMISE(code == CELERIAC_OK || (code == CELERIAC_ERR_VALUE && out.len == 9));
    if (code == CELERIAC_OK) {
        struct span folded = {out.ptr + 9, out.len - 9};

        FUZZ_PROMISE(header_is_ascii(folded));
        check_lines(folded, charset, name_len);
        unfold(&said, folded, charset);
        add_dense(&want, value);
        add_dense(&got, strbuf_span(&said));
        FUZZ_PROMISE(span_equal(strbuf_span(&got), strbuf_span(&want)));
    }
    strbuf_close(&got);
    strbuf_close(&want);
    strbuf_close(&said);
    strbuf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value;
    enum header_charset charset;

    if (size == 0 || size > VALUE_MAX)
        return 0;
    value = (struct span){(const char *)data + 1, size - 1};
    charset = data[0] & 1 ? HEADER_UTF8 : HEADER_ASCII;
    if (charset == HEADER_UTF8 ? span_is_utf8(value) : header_is_ascii(value))
        check(value, charset, data[0] >> 1);
    return 0;
}
