#include "tests/unit/codec/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t cases;
static size_t failures;
static FILE *report;

const struct json_node *golden_open(struct golden_file *file, const char *name)
{
    char path[512];
    int len = snprintf(path, sizeof(path), "%s/celery/%s", CELERIAC_TEST_DATA, name);
    FILE *stream;
    long size;

    assert_in_range(len, 1, sizeof(path) - 1);
    stream = fopen(path, "rb");
    if (stream == NULL)
        fail_msg("cannot open %s", path);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    size = ftell(stream);
    assert_true(size > 0);
    rewind(stream);
    file->text = malloc((size_t)size);
    assert_non_null(file->text);
    assert_int_equal(fread(file->text, 1, (size_t)size, stream), size);
    assert_int_equal(fclose(stream), 0);
    json_init(&file->doc);
    assert_int_equal(json_parse(&file->doc, (struct span){file->text, (size_t)size}, NULL, NULL),
                     CELERIAC_OK);
    return json_root(&file->doc);
}

void golden_close(struct golden_file *file)
{
    json_close(&file->doc);
    free(file->text);
}

struct span golden_string(const struct json_node *node, struct strbuf *out)
{
    strbuf_clear(out);
    assert_non_null(node);
    assert_int_equal(json_decode_string(node, out), CELERIAC_OK);
    return strbuf_span(out);
}

/* Opens the report when it is wanted and not open yet. */
static void open_report(void)
{
    const char *folder = getenv("CELERIAC_REPORT_DIR");
    char path[512];

    if (report != NULL || folder == NULL || folder[0] == '\0')
        return;
    assert_in_range(snprintf(path, sizeof(path), "%s/golden.tsv", folder), 1, sizeof(path) - 1);
    report = fopen(path, "w");
    if (report == NULL)
        fail_msg("cannot write %s", path);
}

void golden_case(bool pass, const char *detail, const char *name, ...)
{
    char text[256];
    va_list arguments;
    int len;

    va_start(arguments, name);
    len = vsnprintf(text, sizeof(text), name, arguments);
    va_end(arguments);
    assert_in_range(len, 1, sizeof(text) - 1);
    cases++;
    failures += !pass;
    if (!pass)
        printf("FAILED %s: %s\n", text, detail);
    open_report();
    if (report != NULL)
        assert_true(fprintf(report, "%s\t%s\t%s\n", text, pass ? "pass" : "fail", detail) > 0);
}

size_t golden_cases(void)
{
    return cases;
}

size_t golden_failures(void)
{
    return failures;
}

void golden_end(void)
{
    if (report != NULL)
        assert_int_equal(fclose(report), 0);
    report = NULL;
}

/* At most 120 characters from where the texts part, without what would break a line. */
static void excerpt(struct span text, size_t from, char out[121])
{
    size_t len = 0;

    for (size_t i = from; i < text.len && len < 120; i++)
        out[len++] = (char)((unsigned char)text.ptr[i] < 0x20 ? ' ' : text.ptr[i]);
    out[len] = '\0';
}

const char *golden_difference(struct span got, struct span wanted)
{
    static char text[400];
    char a[121], b[121];
    size_t at = 0;
    size_t from;

    if (span_equal(got, wanted))
        return "";
    while (at < got.len && at < wanted.len && got.ptr[at] == wanted.ptr[at])
        at++;
    from = at > 40 ? at - 40 : 0;
    excerpt(got, from, a);
    excerpt(wanted, from, b);
    assert_in_range(
        snprintf(text, sizeof(text), "differs at byte %zu: got [%s] wanted [%s]", at, a, b), 1,
        sizeof(text) - 1);
    return text;
}
