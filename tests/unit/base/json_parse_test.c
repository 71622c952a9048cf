#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "tests/support/case_file.h"

static const char envelope[] =
    "{\"body\": \"W1sxLCAyXSwge31d\", \"headers\": {\"lang\": \"py\", \"task\": \"t.add\", "
    "\"timelimit\": [null, null], \"argsrepr\": \"('\\u00e9', 2)\", \"stamps\": {}}, "
    "\"properties\": {\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}, "
    "\"priority\": 0, \"x\": [1.5, true, false, -12, \"\xc3\xa9\"]}}";

static struct span decoded(const struct json_node *node, struct strbuf *text)
{
    strbuf_init(text, JSON_TEXT_MAX);
    assert_int_equal(json_decode_string(node, text), CELERIAC_OK);
    return strbuf_span(text);
}

static bool same_key(const struct json_node *a, const struct json_node *b)
{
    struct strbuf text_a;
    struct strbuf text_b;
    bool same = span_equal(decoded(a, &text_a), decoded(b, &text_b));
    strbuf_close(&text_a);
    strbuf_close(&text_b);
    return same;
}

static void dump(struct json_writer *w, const struct json_node *node);

/* As a dict remembers members: at the place of the first of a name, with the value of the last. */
static void dump_object(struct json_writer *w, const struct json_node *object)
{
    json_begin_object(w);
    for (const struct json_node *key = json_first(object); key;
         key = json_next(object, json_next(object, key))) {
        bool earlier = false;
        for (const struct json_node *k = json_first(object); k != key;
             k = json_next(object, json_next(object, k)))
            earlier = earlier || same_key(k, key);
        if (earlier)
            continue;
        const struct json_node *last = key;
        for (const struct json_node *k = key; k; k = json_next(object, json_next(object, k)))
            last = same_key(k, key) ? k : last;
        struct strbuf text;
        json_key_span(w, decoded(key, &text));
        strbuf_close(&text);
        dump(w, json_next(object, last));
    }
    json_end_object(w);
}

/* Writes what json.dumps() would. */
static void dump(struct json_writer *w, const struct json_node *node)
{
    struct strbuf text;
    double number;
    switch (node->type) {
    case JSON_OBJECT:
        dump_object(w, node);
        break;
    case JSON_ARRAY:
        json_begin_array(w);
        for (const struct json_node *e = json_first(node); e; e = json_next(node, e))
            dump(w, e);
        json_end_array(w);
        break;
    case JSON_STRING:
        json_string(w, decoded(node, &text));
        strbuf_close(&text);
        break;
    case JSON_FLOAT:
        if (json_double(node, &number) == CELERIAC_OK)
            json_number(w, number);
        else
            json_value(w, *node->ptr == '-' ? SPAN("-Infinity") : SPAN("Infinity"));
        break;
    case JSON_INT:
        json_value(w, span_is(json_raw(node), "-0") ? SPAN("0") : json_raw(node));
        break;
    default:
        json_value(w, json_raw(node));
        break;
    }
}

static void check_answer(struct json_doc *doc, struct span text, bool strict,
                         const struct span *verdict, size_t line)
{
    struct celeriac_error err = {0};
    struct json_options options = {.strict = strict};
    struct strbuf out;
    strbuf_init(&out, 100000);
    enum celeriac_err code = json_parse(doc, text, &options, &err);
    if (code == CELERIAC_OK) {
        struct json_writer w;
        json_writer_init(&w, &out, JSON_STYLE_PYTHON);
        dump(&w, json_root(doc));
        assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    } else {
        assert_int_equal(code, CELERIAC_ERR_SYNTAX);
        assert_null(json_root(doc));
        strbuf_add_text(&out, err.text);
    }
    bool as_wanted = span_is(verdict[0], code == CELERIAC_OK ? "ok" : "error") &&
                     span_equal(strbuf_span(&out), verdict[1]);
    if (!as_wanted)
        fail_msg("loads.tsv:%zu: we say \"%s\", Python %.*s \"%.*s\"", line, strbuf_text(&out),
                 SPAN_PRINTF(verdict[0]), SPAN_PRINTF(verdict[1]));
    strbuf_close(&out);
}

static void answers_as_python_does(void **state)
{
    (void)state;
    struct case_file *file = case_file_open("json/loads.tsv");
    struct json_doc doc;
    struct span columns[5];
    json_init(&doc);
    while (case_file_next(file, columns, 5)) {
        check_answer(&doc, columns[0], false, columns + 1, case_file_line(file));
        check_answer(&doc, columns[0], true, columns + 3, case_file_line(file));
    }
    assert_true(case_file_line(file) > 1000);
    json_close(&doc);
    case_file_close(file);
}

/* Every node lies inside the one around it, in order, and the counts add up. */
static uint32_t check_tree(const struct json_doc *doc, uint32_t index, const char *start,
                           const char *end)
{
    assert_in_range(index, 0, doc->count - 1);
    const struct json_node *node = &doc->nodes[index];
    assert_true(node->ptr >= start && node->len > 0 && node->len <= (size_t)(end - node->ptr));
    uint32_t children = 0;
    uint32_t next = index + 1;
    const char *from = node->ptr + 1;
    while (next < index + node->skip) {
        uint32_t after = check_tree(doc, next, from, node->ptr + node->len);
        from = doc->nodes[next].ptr + doc->nodes[next].len;
        next = after;
        children++;
    }
    assert_int_equal(next, index + node->skip);
    if (!node->pruned)
        assert_int_equal(children, node->type == JSON_OBJECT ? 2 * node->count : node->count);
    else
        assert_int_equal(children, 0);
    return next;
}

static void check_doc(const struct json_doc *doc, struct span text)
{
    assert_int_equal(check_tree(doc, 0, text.ptr, text.ptr + text.len), doc->count);
}

/* A copy that ends where the text ends, so that a checker sees every byte read beyond. */
static char *exact_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static void refuses_a_message_cut_anywhere(void **state)
{
    (void)state;
    struct json_doc doc;
    json_init(&doc);
    for (size_t len = 0; len < sizeof envelope - 1; len++) {
        char *copy = exact_copy(envelope, len);
        assert_int_equal(json_parse(&doc, (struct span){copy, len}, NULL, NULL),
                         CELERIAC_ERR_SYNTAX);
        assert_null(json_root(&doc));
        free(copy);
    }
    struct span whole = {envelope, sizeof envelope - 1};
    assert_int_equal(json_parse(&doc, whole, NULL, NULL), CELERIAC_OK);
    check_doc(&doc, whole);
    json_close(&doc);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void survives_random_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\",:\\u0123456789abcdefntrue-+.eE \n\x01\x80\xc3\xa9\xff";
    uint32_t seed = 20;
    size_t accepted = 0;
    struct json_doc doc;
    json_init(&doc);
    for (int round = 0; round < 200000; round++) {
        char bytes[48];
        size_t len = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = round % 4 == 0 ? (char)next_random(&seed)
                                      : alphabet[next_random(&seed) % (sizeof alphabet - 1)];
        if (round % 2 == 0 && len > 2) {
            bytes[0] = '[';
            bytes[len - 1] = ']';
        }
        char *copy = exact_copy(bytes, len);
        struct span text = {copy, len};
        struct json_options options = {.keep_depth = (unsigned)round % 3};
        if (json_parse(&doc, text, &options, NULL) == CELERIAC_OK) {
            check_doc(&doc, text);
            accepted++;
        }
        free(copy);
    }
    assert_true(accepted > 100);
    json_close(&doc);
}

static void survives_a_message_with_one_byte_changed(void **state)
{
    (void)state;
    struct json_doc doc;
    json_init(&doc);
    size_t len = sizeof envelope - 1;
    for (size_t at = 0; at < len; at++) {
        for (int byte = 0; byte < 256; byte += 3) {
            char *copy = exact_copy(envelope, len);
            copy[at] = (char)byte;
            if (json_parse(&doc, (struct span){copy, len}, NULL, NULL) == CELERIAC_OK)
                check_doc(&doc, (struct span){copy, len});
            free(copy);
        }
    }
    json_close(&doc);
}

/* `depth` brackets around one number. */
static char *nested(const char *open, const char *close, size_t depth, size_t *len)
{
    size_t open_len = strlen(open);
    size_t close_len = strlen(close);
    *len = depth * (open_len + close_len) + 1;
    char *text = malloc(*len);
    assert_non_null(text);
    char *to = text;
    for (size_t i = 0; i < depth; i++, to += open_len)
        memcpy(to, open, open_len);
    *to++ = '7';
    for (size_t i = 0; i < depth; i++, to += close_len)
        memcpy(to, close, close_len);
    return text;
}

static void limits_the_depth(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        uint32_t nodes; /* per level */
    } kinds[] = {{"[", "]", 1}, {"{\"k\":", "}", 2}};
    struct json_doc doc;
    json_init(&doc);
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        char *text = nested(kinds[i].open, kinds[i].close, JSON_DEPTH_MAX, &len);
        assert_int_equal(json_parse(&doc, (struct span){text, len}, NULL, NULL), CELERIAC_OK);
        assert_int_equal(doc.count, JSON_DEPTH_MAX * kinds[i].nodes + 1);
        const struct json_node *last = &doc.nodes[doc.count - 1];
        assert_true(span_is(json_raw(last), "7"));
        assert_int_equal(doc.nodes[0].skip, doc.count);
        free(text);
        text = nested(kinds[i].open, kinds[i].close, JSON_DEPTH_MAX + 1, &len);
        struct celeriac_error err = {0};
        struct json_options flat = {.keep_depth = 1};
        assert_int_equal(json_parse(&doc, (struct span){text, len}, NULL, &err),
                         CELERIAC_ERR_LIMIT);
        assert_string_equal(err.text, "nested deeper than 2000 levels");
        assert_int_equal(json_parse(&doc, (struct span){text, len}, &flat, NULL),
                         CELERIAC_ERR_LIMIT);
        assert_null(json_root(&doc));
        free(text);
    }
    json_close(&doc);
}

/* As CPython 3.11 does it by default, and only where DRF's answers are wanted. */
static void limits_the_digits_of_integers(void **state)
{
    static char text[JSON_INT_DIGITS_MAX + 3] = "-";
    const struct json_options strict = {.strict = true};
    struct celeriac_error err = {0};
    struct json_doc doc;

    (void)state;
    memset(text + 1, '7', JSON_INT_DIGITS_MAX + 1);
    json_init(&doc);
    assert_int_equal(json_parse(&doc, (struct span){text, JSON_INT_DIGITS_MAX + 1}, &strict, &err),
                     CELERIAC_OK);
    assert_int_equal(json_parse(&doc, span_of(text), NULL, &err), CELERIAC_OK);
    assert_int_equal(json_parse(&doc, span_of(text), &strict, &err), CELERIAC_ERR_SYNTAX);
    assert_string_equal(err.text,
                        "Exceeds the limit (4300 digits) for integer string conversion: value has "
                        "4301 digits; use sys.set_int_max_str_digits() to increase the limit");
    text[3] = '.';
    assert_int_equal(json_parse(&doc, span_of(text), &strict, &err), CELERIAC_OK);
    json_close(&doc);
}

static void limits_the_size(void **state)
{
    (void)state;
    struct json_doc doc;
    struct celeriac_error err = {0};
    json_init(&doc);
    /* Refused before a byte is looked at. */
    struct span text = {"1", JSON_TEXT_MAX + 1};
    assert_int_equal(json_parse(&doc, text, NULL, &err), CELERIAC_ERR_LIMIT);
    assert_string_equal(err.text, "JSON text longer than 536870912 bytes");
    json_close(&doc);
}

static void reads_a_large_array(void **state)
{
    (void)state;
    enum { ELEMENTS = 2000000 }; /* of five bytes: 10 MB */
    struct strbuf text;
    strbuf_init(&text, 1 << 24);
    strbuf_add_char(&text, '[');
    for (int i = 0; i < ELEMENTS; i++)
        strbuf_add_text(&text, i % 2 ? ",1234" : ",\"ab\"");
    strbuf_add_char(&text, ']');
    assert_int_equal(strbuf_status(&text), CELERIAC_OK);
    text.ptr[1] = ' ';
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, strbuf_span(&text), NULL, NULL), CELERIAC_OK);
    assert_int_equal(json_root(&doc)->count, ELEMENTS);
    assert_int_equal(doc.count, ELEMENTS + 1);
    assert_int_equal(json_root(&doc)->len, text.len);
    assert_true(span_is(json_raw(&doc.nodes[ELEMENTS]), "1234"));
    json_close(&doc);
    strbuf_close(&text);
}

static void records_only_the_wanted_depth(void **state)
{
    (void)state;
    static const uint32_t nodes[] = {19, 1, 7, 14, 16, 19};
    struct span text =
        SPAN("{\"a\": [1, {}, [[2]]], \"b\": {\"c\": 3, \"d\": [{\"e\": 4}]}, \"f\": []}");
    struct json_doc doc;
    json_init(&doc);
    for (unsigned keep = 0; keep < 6; keep++) {
        struct json_options options = {.keep_depth = keep};
        assert_int_equal(json_parse(&doc, text, &options, NULL), CELERIAC_OK);
        check_doc(&doc, text);
        assert_int_equal(doc.count, nodes[keep]);
        const struct json_node *root = json_root(&doc);
        assert_int_equal(root->count, 3);
        assert_int_equal(root->pruned, keep == 1);
        assert_int_equal(root->len, text.len);
        const struct json_node *a = json_get(root, "a");
        const struct json_node *f = json_get(root, "f");
        if (keep == 1) {
            assert_null(a);
            continue;
        }
        assert_int_equal(a->count, 3);
        assert_int_equal(a->pruned, keep == 2);
        assert_true(span_is(json_raw(a), "[1, {}, [[2]]]"));
        assert_false(f->pruned); /* nothing was left out of an empty array */
        assert_int_equal(json_first(a) == NULL, keep == 2);
    }
    struct json_options flat = {.keep_depth = 2};
    assert_int_equal(json_parse(&doc, SPAN("{\"a\": [1, }"), &flat, NULL), CELERIAC_ERR_SYNTAX);
    assert_int_equal(json_parse(&doc, SPAN("{\"a\": [{\"b\" 1}]}"), &flat, NULL),
                     CELERIAC_ERR_SYNTAX);
    json_close(&doc);
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    size_t len;
    char *text = nested("[1,2,3,{\"k\":", "}]", 200, &len);
    for (size_t n = 1;; n++) {
        struct json_doc doc;
        struct celeriac_error err = {0};
        json_init(&doc);
        mem_fail_at(n);
        enum celeriac_err code = json_parse(&doc, (struct span){text, len}, NULL, &err);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        if (failed) {
            assert_int_equal(code, CELERIAC_ERR_MEMORY);
            assert_int_equal(err.code, CELERIAC_ERR_MEMORY);
            assert_null(json_root(&doc));
        } else {
            assert_int_equal(code, CELERIAC_OK);
            assert_true(n > 2);
        }
        json_close(&doc);
        if (!failed)
            break;
    }
    free(text);
}

static void reuses_a_document(void **state)
{
    (void)state;
    struct json_doc doc;
    json_init(&doc);
    assert_null(json_root(&doc));
    assert_int_equal(json_parse(&doc, SPAN("[1,2,3]"), NULL, NULL), CELERIAC_OK);
    const struct json_node *nodes = doc.nodes;
    assert_int_equal(json_parse(&doc, SPAN("{\"a\":1}"), NULL, NULL), CELERIAC_OK);
    assert_ptr_equal(doc.nodes, nodes);
    assert_int_equal(doc.count, 3);
    assert_int_equal(json_parse(&doc, SPAN("x"), NULL, NULL), CELERIAC_ERR_SYNTAX);
    assert_null(json_root(&doc));
    json_close(&doc);
    assert_null(json_root(&doc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_python_does),
        cmocka_unit_test(refuses_a_message_cut_anywhere),
        cmocka_unit_test(survives_random_bytes),
        cmocka_unit_test(survives_a_message_with_one_byte_changed),
        cmocka_unit_test(limits_the_depth),
        cmocka_unit_test(limits_the_digits_of_integers),
        cmocka_unit_test(limits_the_size),
        cmocka_unit_test(reads_a_large_array),
        cmocka_unit_test(records_only_the_wanted_depth),
        cmocka_unit_test(reports_lack_of_memory),
        cmocka_unit_test(reuses_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
