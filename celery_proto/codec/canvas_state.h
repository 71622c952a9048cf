/*
 * The inside of a canvas, shared by canvas.c (the three occasions), canvas_signature.c (reading and
 * changing signatures), canvas_freeze.c (giving ids), canvas_apply.c (what each kind of signature
 * becomes) and canvas_send.c (the message of one task).
 *
 * Names follow celery/canvas.py where they do the same. Values may be NULL, see json_tree.h.
 */
#ifndef CEL_CANVAS_STATE_H
#define CEL_CANVAS_STATE_H

#include "base/strbuf.h"
#include "celery_proto/codec/canvas.h"
#include "celery_proto/codec/json_tree.h"
#include "celery_proto/codec/signature.h"

struct cel_canvas {
    struct cel_canvas_context context;
    struct cel_tree *tree;
    struct cel_canvas_op *ops;
    size_t count, cap;
    struct cel_value *children; /* array of result tuples */
    struct strbuf scratch;      /* for writing messages */
    struct strbuf message;
    unsigned depth;
    enum celeriac_err status; /* first failure */
    struct celeriac_error error;
};

/* What freezing knows: the options that it sets. All may be NULL. */
struct freeze_options {
    struct cel_value *id, *group_id, *chord, *root_id, *parent_id, *group_index;
};

/* A result that will be: of a task, or of a group. */
struct frozen {
    struct cel_value *tuple; /* [[id, null], null] or [[id, null], [tuples]] */
    struct cel_value *id;
    bool is_group;
};

/* Remembers the first failure; returns false for convenience. */
bool canvas_refuse(struct cel_canvas *c, enum celeriac_err code, const char *text);

/* Enters and leaves a level of nesting; entering may refuse. */
bool canvas_enter(struct cel_canvas *c);
void canvas_leave(struct cel_canvas *c);

/* A fresh id as a value. */
struct cel_value *canvas_new_id(struct cel_canvas *c);

/* Adds an operation; its texts are in the tree. */
void canvas_add_op(struct cel_canvas *c, struct cel_canvas_op op);

/* ---- canvas_signature.c: parts of a signature; missing objects are added ---- */
struct cel_value *sig_options(struct cel_canvas *c, struct cel_value *sig);
struct cel_value *sig_kwargs(struct cel_canvas *c, struct cel_value *sig);
struct cel_value *sig_option(struct cel_canvas *c, struct cel_value *sig, const char *name);
enum cel_subtask_type sig_type(struct cel_canvas *c, struct cel_value *sig);
/* Members of a group or chain; the header's of a chord, wherever it keeps them. An array. */
struct cel_value *sig_tasks(struct cel_canvas *c, struct cel_value *sig);
void sig_set_tasks(struct cel_canvas *c, struct cel_value *sig, struct cel_value *tasks);
struct cel_value *sig_body(struct cel_canvas *c, struct cel_value *chord);
/* The header as a group, which it becomes if it was a list. */
struct cel_value *sig_header(struct cel_canvas *c, struct cel_value *chord);
struct cel_value *sig_new_group(struct cel_canvas *c, struct cel_value *tasks);
struct cel_value *sig_new_chord(struct cel_canvas *c, struct cel_value *header,
                                struct cel_value *body);
/* Signature._merge for options: values of more win, but for what may not change. A new object. */
struct cel_value *sig_merge_options(struct cel_canvas *c, struct cel_value *sig,
                                    struct cel_value *more);
/* {**object, **more}: a new object. Nulls in more are passed over when skip_null. */
struct cel_value *canvas_merge(struct cel_canvas *c, struct cel_value *object,
                               struct cel_value *more, bool skip_null);
/* more + own as a new array, or own when immutable or there is no more. */
struct cel_value *sig_merge_args(struct cel_canvas *c, struct cel_value *sig,
                                 struct cel_value *more);
struct cel_value *sig_merge_kwargs(struct cel_canvas *c, struct cel_value *sig,
                                   struct cel_value *more);
/* clone(args, kwargs, **options). */
struct cel_value *sig_clone(struct cel_canvas *c, struct cel_value *sig, struct cel_value *args,
                            struct cel_value *kwargs, struct cel_value *options);
void sig_append_option(struct cel_canvas *c, struct cel_value *sig, const char *name,
                       struct cel_value *value);
void sig_link(struct cel_canvas *c, struct cel_value *sig, struct cel_value *callback);
void sig_link_error(struct cel_canvas *c, struct cel_value *sig, struct cel_value *errback);
/* A value or an array of them as an array; NULL and null are the empty one. */
struct cel_value *canvas_list(struct cel_canvas *c, struct cel_value *value);
/* maybe_unroll_group(), _is_empty_group(), _is_chain_led_by_task(), chord._descend(). */
struct cel_value *sig_unroll_group(struct cel_canvas *c, struct cel_value *sig);
bool sig_is_empty_group(struct cel_canvas *c, struct cel_value *sig);
bool sig_is_led_by_task(struct cel_canvas *c, struct cel_value *body);
int64_t sig_descend(struct cel_canvas *c, struct cel_value *sig);
/* chord._unroll_body(): chord and tail as an array. chain._unroll_chords(): in place. */
struct cel_value *sig_unroll_body(struct cel_canvas *c, struct cel_value *chord);
void sig_unroll_chords(struct cel_canvas *c, struct cel_value *chain);
/* _strip_chord_header_links(). */
void sig_strip_header_links(struct cel_canvas *c, struct cel_value *sig);

/* ---- canvas_freeze.c ---- */
struct frozen canvas_freeze(struct cel_canvas *c, struct cel_value *sig,
                            const struct freeze_options *o);
/* group._freeze_group_tasks(): like freezing the group, and *is_complex says if a member is one. */
struct frozen canvas_freeze_group(struct cel_canvas *c, struct cel_value *group,
                                  const struct freeze_options *o, bool *is_complex);
/* chain.prepare_steps(): the frozen steps, last first; *first_result is the last step's. */
struct cel_value *canvas_prepare_steps(struct cel_canvas *c, struct cel_value *tasks,
                                       struct cel_value *args, struct cel_value *kwargs,
                                       struct cel_value *link_error, const struct freeze_options *o,
                                       bool clone, struct frozen *first_result);

/* ---- canvas_apply.c: apply_async() of any signature; its result. trail: add it to children ----
 */
struct frozen canvas_apply_async(struct cel_canvas *c, struct cel_value *sig,
                                 struct cel_value *args, struct cel_value *kwargs,
                                 struct cel_value *options, bool trail);

/* ---- canvas_send.c ---- */
/* app.send_task(): adds the PUBLISH. */
void canvas_send_task(struct cel_canvas *c, struct cel_value *name, struct cel_value *args,
                      struct cel_value *kwargs, struct cel_value *options, struct cel_value *id);

/* [[id, null], children or null] */
struct cel_value *canvas_tuple(struct cel_canvas *c, struct cel_value *id,
                               struct cel_value *children);

#endif
