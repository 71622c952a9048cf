/*
 * A JSON value that can be changed: for signatures, which are taken apart, completed and put
 * together again. What is not touched keeps its exact bytes. Values live in one arena and are
 * released together.
 *
 * Sticky: when memory runs out values are NULL, every function takes NULL and does nothing, and
 * cel_tree_status() says why. Texts that were given stay borrowed. One thread at a time.
 */
#ifndef CEL_JSON_TREE_H
#define CEL_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Most bytes of one arena: a chord of 100,000 tasks with all it needs, and no way to fill a host.
 */
#define CEL_TREE_MAX ((size_t)512 * 1024 * 1024)

struct cel_tree;
struct cel_value;

/* A new empty arena. CELERIAC_ERR_MEMORY. The caller destroys it. */
enum celeriac_err cel_tree_create(struct cel_tree **tree) CELERIAC_MUST_CHECK;

/* Releases it with all its values; tree may be NULL. */
void cel_tree_destroy(struct cel_tree *tree);

/* CELERIAC_OK, or the first failure: _MEMORY, _LIMIT (CEL_TREE_MAX), _SYNTAX (text was no JSON). */
enum celeriac_err cel_tree_status(const struct cel_tree *tree) CELERIAC_MUST_CHECK;

/* New values. raw is JSON text, borrowed; text is UTF-8 and copied. */
struct cel_value *cel_tree_raw(struct cel_tree *tree, struct span raw);
struct cel_value *cel_tree_text(struct cel_tree *tree, struct span text);
struct cel_value *cel_tree_int(struct cel_tree *tree, int64_t n);
struct cel_value *cel_tree_null(struct cel_tree *tree);
struct cel_value *cel_tree_array(struct cel_tree *tree);
struct cel_value *cel_tree_object(struct cel_tree *tree);

/* A copy that shares nothing that can be changed. */
struct cel_value *cel_value_clone(struct cel_tree *tree, struct cel_value *value);

/* What a value is. NULL and null are neither. */
bool cel_value_is_null(const struct cel_value *value);
bool cel_value_is_array(const struct cel_value *value);
bool cel_value_is_object(const struct cel_value *value);
bool cel_value_is_text(const struct cel_value *value);

/* Python's truth of it: null, false, 0, "", [] and {} are false. */
bool cel_value_is_true(struct cel_tree *tree, struct cel_value *value);

/* Whether both have the same text; objects with another order of members are different. */
bool cel_value_equal(struct cel_tree *tree, struct cel_value *a, struct cel_value *b);

/* Members of an object. Getting gives NULL for a missing one; setting replaces in place or adds. */
struct cel_value *cel_value_get(struct cel_tree *tree, struct cel_value *object, const char *key);
void cel_value_set(struct cel_tree *tree, struct cel_value *object, const char *key,
                   struct cel_value *value);
void cel_value_set_span(struct cel_tree *tree, struct cel_value *object, struct span key,
                        struct cel_value *value);
void cel_value_remove(struct cel_tree *tree, struct cel_value *object, const char *key);

/* Elements of an array or members of an object: their number, and one with its key. */
size_t cel_value_count(struct cel_tree *tree, struct cel_value *value);
struct cel_value *cel_value_at(struct cel_tree *tree, struct cel_value *value, size_t index);
struct span cel_value_key_at(struct cel_tree *tree, struct cel_value *object, size_t index);

/* Changes an array. Removing gives the element. */
void cel_value_append(struct cel_tree *tree, struct cel_value *array, struct cel_value *value);
void cel_value_prepend(struct cel_tree *tree, struct cel_value *array, struct cel_value *value);
void cel_value_replace(struct cel_tree *tree, struct cel_value *array, size_t index,
                       struct cel_value *value);
struct cel_value *cel_value_take_last(struct cel_tree *tree, struct cel_value *array);
struct cel_value *cel_value_take_first(struct cel_tree *tree, struct cel_value *array);

/* A string's decoded text, in the arena; an empty span for anything else. */
struct span cel_value_text(struct cel_tree *tree, struct cel_value *value);

/* A number; false when it is none that fits. */
bool cel_value_int(const struct cel_value *value, int64_t *n);
bool cel_value_number(const struct cel_value *value, double *n);

/* Appends the value as JSON text, in json.dumps()' spelling where it was changed. */
void cel_value_write(const struct cel_value *value, struct strbuf *out);

/* The same, as text in the arena; an empty span when memory is short. */
struct span cel_value_json(struct cel_tree *tree, const struct cel_value *value);

#endif
