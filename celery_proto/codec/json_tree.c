#include "celery_proto/codec/json_tree.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/parse_num.h"

/* Bytes of an ordinary block of the arena. */
#define BLOCK_SIZE ((size_t)16 * 1024)

/* Deepest value written or cloned: as deep as JSON is read. */
#define DEPTH_MAX JSON_DEPTH_MAX

enum kind {
    KIND_RAW,   /* JSON text that was not taken apart */
    KIND_ARRAY, /* children */
    KIND_OBJECT /* children with keys */
};

struct child {
    struct span key; /* decoded; of objects */
    struct cel_value *value;
};

struct cel_value {
    enum kind kind;
    struct span raw; /* KIND_RAW */
    struct child *children;
    size_t first; /* children before it were taken away */
    size_t end;   /* children behind it are room */
    size_t cap;
};

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
};

struct cel_tree {
    struct block *blocks;
    size_t total;
    enum celeriac_err status;
    struct json_doc doc;
};

enum celeriac_err cel_tree_create(struct cel_tree **tree)
{
    struct cel_tree *t = mem_calloc(1, sizeof *t);

    if (!t)
        return CELERIAC_ERR_MEMORY;
    json_init(&t->doc);
    *tree = t;
    return CELERIAC_OK;
}

void cel_tree_destroy(struct cel_tree *tree)
{
    if (!tree)
        return;
    while (tree->blocks) {
        struct block *next = tree->blocks->next;

        mem_free(tree->blocks);
        tree->blocks = next;
    }
    json_close(&tree->doc);
    mem_free(tree);
}

enum celeriac_err cel_tree_status(const struct cel_tree *tree)
{
    return tree->status;
}

/* ---- the arena ----------------------------------------------------------------------------- */

static void *fail(struct cel_tree *tree, enum celeriac_err code)
{
    if (tree->status == CELERIAC_OK)
        tree->status = code;
    return NULL;
}

static void *give(struct cel_tree *tree, size_t size)
{
    struct block *block = tree->blocks;
    size_t room;

    if (tree->status)
        return NULL;
    if (size > CEL_TREE_MAX - tree->total)
        return fail(tree, CELERIAC_ERR_LIMIT);
    size = (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    if (!block || size > block->size - block->used) {
        room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = mem_alloc(sizeof *block + room);
        if (!block)
            return fail(tree, CELERIAC_ERR_MEMORY);
        *block = (struct block){.next = tree->blocks, .size = room};
        tree->blocks = block;
    }
    block->used += size;
    tree->total += size;
    return block->bytes + block->used - size;
}

static struct span keep(struct cel_tree *tree, struct span text)
{
    char *copy = give(tree, text.len + 1);

    if (!copy)
        return (struct span){0};
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return (struct span){copy, text.len};
}

static struct cel_value *new_value(struct cel_tree *tree, enum kind kind, struct span raw)
{
    struct cel_value *value = give(tree, sizeof *value);

    if (value)
        *value = (struct cel_value){.kind = kind, .raw = raw};
    return value;
}

/* Makes room for one more child behind the last. */
static bool grow(struct cel_tree *tree, struct cel_value *value)
{
    size_t count = value->end - value->first;
    size_t cap = count < 4 ? 8 : count * 2;
    struct child *larger;

    if (value->end < value->cap)
        return true;
    larger = give(tree, cap * sizeof *larger);
    if (!larger)
        return false;
    if (count > 0)
        memcpy(larger, value->children + value->first, count * sizeof *larger);
    value->children = larger;
    value->first = 0;
    value->end = count;
    value->cap = cap;
    return true;
}

static void add_child(struct cel_tree *tree, struct cel_value *parent, struct span key,
                      struct cel_value *value)
{
    if (parent && value && grow(tree, parent))
        parent->children[parent->end++] = (struct child){.key = key, .value = value};
}

/* ---- making -------------------------------------------------------------------------------- */

struct cel_value *cel_tree_raw(struct cel_tree *tree, struct span raw)
{
    return new_value(tree, KIND_RAW, span_trim(raw));
}

struct cel_value *cel_tree_text(struct cel_tree *tree, struct span text)
{
    struct cel_value *value = NULL;
    struct strbuf quoted;

    strbuf_init(&quoted, CEL_TREE_MAX);
    json_quote(&quoted, text, JSON_STYLE_PYTHON);
    if (strbuf_status(&quoted))
        fail(tree, strbuf_status(&quoted));
    else
        value = cel_tree_raw(tree, keep(tree, strbuf_span(&quoted)));
    strbuf_close(&quoted);
    return value;
}

struct cel_value *cel_tree_int(struct cel_tree *tree, int64_t n)
{
    struct cel_value *value = NULL;
    struct strbuf digits;

    strbuf_init(&digits, 32);
    strbuf_add_int(&digits, n);
    if (strbuf_status(&digits))
        fail(tree, strbuf_status(&digits));
    else
        value = cel_tree_raw(tree, keep(tree, strbuf_span(&digits)));
    strbuf_close(&digits);
    return value;
}

struct cel_value *cel_tree_null(struct cel_tree *tree)
{
    return cel_tree_raw(tree, SPAN("null"));
}

struct cel_value *cel_tree_array(struct cel_tree *tree)
{
    return new_value(tree, KIND_ARRAY, (struct span){0});
}

struct cel_value *cel_tree_object(struct cel_tree *tree)
{
    return new_value(tree, KIND_OBJECT, (struct span){0});
}

static struct cel_value *clone(struct cel_tree *tree, const struct cel_value *value, unsigned depth)
{
    struct cel_value *copy;

    if (!value)
        return NULL;
    if (depth > DEPTH_MAX)
        return fail(tree, CELERIAC_ERR_LIMIT);
    copy = new_value(tree, value->kind, value->raw);
    for (size_t i = value->first; copy && value->kind != KIND_RAW && i < value->end; i++)
        add_child(tree, copy, value->children[i].key,
                  clone(tree, value->children[i].value, depth + 1));
    return copy;
}

struct cel_value *cel_value_clone(struct cel_tree *tree, struct cel_value *value)
{
    return clone(tree, value, 0);
}

/* ---- looking ------------------------------------------------------------------------------- */

static char first_byte(const struct cel_value *value)
{
    return value && value->kind == KIND_RAW && value->raw.len > 0 ? value->raw.ptr[0] : '\0';
}

bool cel_value_is_null(const struct cel_value *value)
{
    return !value || first_byte(value) == 'n';
}

bool cel_value_is_array(const struct cel_value *value)
{
    return value && (value->kind == KIND_ARRAY || first_byte(value) == '[');
}

bool cel_value_is_object(const struct cel_value *value)
{
    return value && (value->kind == KIND_OBJECT || first_byte(value) == '{');
}

bool cel_value_is_text(const struct cel_value *value)
{
    return first_byte(value) == '"';
}

/* The text of a number; empty for anything else. */
static struct span number_text(const struct cel_value *value)
{
    char first = first_byte(value);

    return first == '-' || (first >= '0' && first <= '9') ? value->raw : (struct span){0};
}

bool cel_value_int(const struct cel_value *value, int64_t *n)
{
    return parse_int64(number_text(value), INT64_MIN, INT64_MAX, n) == CELERIAC_OK;
}

bool cel_value_number(const struct cel_value *value, double *n)
{
    return parse_double(number_text(value), n) == CELERIAC_OK;
}

static struct span decode(struct cel_tree *tree, const struct json_node *string)
{
    struct span text = {0};
    struct strbuf decoded;
    enum celeriac_err code;

    if (json_peek_string(string, &text))
        return keep(tree, text);
    strbuf_init(&decoded, CEL_TREE_MAX);
    code = json_decode_string(string, &decoded);
    if (code)
        fail(tree, code);
    else
        text = keep(tree, strbuf_span(&decoded));
    strbuf_close(&decoded);
    return text;
}

struct span cel_value_text(struct cel_tree *tree, struct cel_value *value)
{
    if (!cel_value_is_text(value) || tree->status)
        return (struct span){0};
    if (json_parse(&tree->doc, value->raw, NULL, NULL)) {
        fail(tree, CELERIAC_ERR_SYNTAX);
        return (struct span){0};
    }
    return decode(tree, json_root(&tree->doc));
}

/* ---- taking apart -------------------------------------------------------------------------- */

/* Makes an array or object out of its text, one level; false for what is neither. */
static bool open_up(struct cel_tree *tree, struct cel_value *value)
{
    static const struct json_options one_level = {.keep_depth = 2};
    const struct json_node *root;
    enum celeriac_err code;

    if (!value || value->kind != KIND_RAW)
        return value != NULL;
    if (tree->status || (!cel_value_is_array(value) && !cel_value_is_object(value)))
        return false;
    code = json_parse(&tree->doc, value->raw, &one_level, NULL);
    if (code) {
        fail(tree, code);
        return false;
    }
    root = json_root(&tree->doc);
    value->kind = root->type == JSON_ARRAY ? KIND_ARRAY : KIND_OBJECT;
    for (const struct json_node *n = json_first(root); n; n = json_next(root, n)) {
        struct span key = {0};

        if (root->type == JSON_OBJECT) {
            key = decode(tree, n);
            n = json_next(root, n);
        }
        add_child(tree, value, key, cel_tree_raw(tree, json_raw(n)));
    }
    return tree->status == CELERIAC_OK;
}

/* Where a key is, or NULL; the last one if it is repeated. */
static struct child *find(struct cel_tree *tree, struct cel_value *object, struct span key)
{
    if (!open_up(tree, object) || object->kind != KIND_OBJECT)
        return NULL;
    for (size_t i = object->end; i > object->first; i--)
        if (span_equal(object->children[i - 1].key, key))
            return &object->children[i - 1];
    return NULL;
}

struct cel_value *cel_value_get(struct cel_tree *tree, struct cel_value *object, const char *key)
{
    struct child *child = find(tree, object, span_of(key));

    return child ? child->value : NULL;
}

void cel_value_set_span(struct cel_tree *tree, struct cel_value *object, struct span key,
                        struct cel_value *value)
{
    struct child *child = find(tree, object, key);

    if (!value || !object || object->kind != KIND_OBJECT)
        return;
    if (child)
        child->value = value;
    else
        add_child(tree, object, keep(tree, key), value);
}

void cel_value_set(struct cel_tree *tree, struct cel_value *object, const char *key,
                   struct cel_value *value)
{
    cel_value_set_span(tree, object, span_of(key), value);
}

void cel_value_remove(struct cel_tree *tree, struct cel_value *object, const char *key)
{
    struct child *child;

    while ((child = find(tree, object, span_of(key)))) {
        size_t behind = (size_t)(object->children + object->end - (child + 1));

        memmove(child, child + 1, behind * sizeof *child);
        object->end--;
    }
}

size_t cel_value_count(struct cel_tree *tree, struct cel_value *value)
{
    return open_up(tree, value) ? value->end - value->first : 0;
}

struct cel_value *cel_value_at(struct cel_tree *tree, struct cel_value *value, size_t index)
{
    if (index >= cel_value_count(tree, value))
        return NULL;
    return value->children[value->first + index].value;
}

struct span cel_value_key_at(struct cel_tree *tree, struct cel_value *object, size_t index)
{
    if (index >= cel_value_count(tree, object))
        return (struct span){0};
    return object->children[object->first + index].key;
}

static bool is_open_array(struct cel_tree *tree, struct cel_value *array)
{
    return open_up(tree, array) && array->kind == KIND_ARRAY;
}

void cel_value_append(struct cel_tree *tree, struct cel_value *array, struct cel_value *value)
{
    if (is_open_array(tree, array))
        add_child(tree, array, (struct span){0}, value);
}

void cel_value_prepend(struct cel_tree *tree, struct cel_value *array, struct cel_value *value)
{
    if (!is_open_array(tree, array) || !value)
        return;
    if (array->first == 0) {
        if (!grow(tree, array))
            return;
        memmove(array->children + 1, array->children, array->end * sizeof *array->children);
        array->end++;
        array->first++;
    }
    array->children[--array->first] = (struct child){.value = value};
}

void cel_value_replace(struct cel_tree *tree, struct cel_value *array, size_t index,
                       struct cel_value *value)
{
    if (value && is_open_array(tree, array) && index < array->end - array->first)
        array->children[array->first + index].value = value;
}

struct cel_value *cel_value_take_last(struct cel_tree *tree, struct cel_value *array)
{
    if (cel_value_count(tree, array) == 0)
        return NULL;
    return array->children[--array->end].value;
}

struct cel_value *cel_value_take_first(struct cel_tree *tree, struct cel_value *array)
{
    if (cel_value_count(tree, array) == 0)
        return NULL;
    return array->children[array->first++].value;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void write(const struct cel_value *value, struct strbuf *out)
{
    bool is_object = value->kind == KIND_OBJECT;

    if (value->kind == KIND_RAW) {
        strbuf_add_span(out, value->raw);
        return;
    }
    strbuf_add_char(out, is_object ? '{' : '[');
    for (size_t i = value->first; i < value->end; i++) {
        if (i > value->first)
            strbuf_add_text(out, ", ");
        if (is_object) {
            json_quote(out, value->children[i].key, JSON_STYLE_PYTHON);
            strbuf_add_text(out, ": ");
        }
        write(value->children[i].value, out);
    }
    strbuf_add_char(out, is_object ? '}' : ']');
}

void cel_value_write(const struct cel_value *value, struct strbuf *out)
{
    if (value)
        write(value, out);
    else
        strbuf_add_text(out, "null");
}

struct span cel_value_json(struct cel_tree *tree, const struct cel_value *value)
{
    struct span text = {0};
    struct strbuf out;

    if (value && value->kind == KIND_RAW)
        return value->raw;
    strbuf_init(&out, CEL_TREE_MAX);
    cel_value_write(value, &out);
    if (strbuf_status(&out))
        fail(tree, strbuf_status(&out));
    else
        text = keep(tree, strbuf_span(&out));
    strbuf_close(&out);
    return text;
}

bool cel_value_is_true(struct cel_tree *tree, struct cel_value *value)
{
    double n;

    if (cel_value_is_null(value) || first_byte(value) == 'f')
        return false;
    if (cel_value_is_array(value) || cel_value_is_object(value))
        return cel_value_count(tree, value) > 0;
    if (cel_value_is_text(value))
        return value->raw.len > 2;
    return !cel_value_number(value, &n) || n != 0;
}

bool cel_value_equal(struct cel_tree *tree, struct cel_value *a, struct cel_value *b)
{
    return span_equal(cel_value_json(tree, a), cel_value_json(tree, b));
}
