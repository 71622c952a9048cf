/*
 * A complete chord whose header holds groups, from the moment when its last part is returned until
 * the stored results of all its tasks are read. It never waits by itself: the settler's thread
 * looks now and then, so that nothing else has to stand behind it. Part of that thread.
 */
#ifndef WORKER_CHORD_WAIT_H
#define WORKER_CHORD_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/redis/chord.h"
#include "worker/aftermath.h"
#include "worker/chord_join.h"

/* How long results are waited for that should be there: result_chord_join_timeout. */
#define CEL_JOIN_TIMEOUT_MS 3000

/* Pause between looks for a result that is not there yet. */
#define CEL_JOIN_LOOK_MS 100

struct cel_request;

struct cel_chord_wait {
    struct cel_chord_wait *next;
    struct cel_request *request; /* whose part was the last; borrowed */
    struct cel_chord_part part;  /* group_id and body only; owned */
    struct cel_group_join *join;
    int64_t size;        /* as in struct cel_chord_return */
    unsigned depth;      /* chords whose ends have led here */
    bool was_looked_at;  /* the claim may have run out since */
    int64_t deadline_ns; /* for the results that are missing; 0: nothing was read yet */
    int64_t due_ns;      /* the next look */
    char text[];
};

enum cel_chord_wait_state {
    CEL_CHORD_WAITS,  /* until due_ns */
    CEL_CHORD_AWAY,   /* the result backend is away, or memory is short */
    CEL_CHORD_JOINED, /* results, or why, are there */
    CEL_CHORD_TAKEN   /* somebody else ends the chord, or did */
};

/* Makes one; part's texts are copied. Errors as cel_group_join_create(). */
enum celeriac_err cel_chord_wait_create(const struct cel_chord_part *part, int64_t size,
                                        struct span record, struct cel_request *request,
                                        unsigned depth, struct cel_chord_wait **wait,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* wait may be NULL. */
void cel_chord_wait_destroy(struct cel_chord_wait *wait);

/*
 * One look. results and why are empty before; with CEL_CHORD_JOINED one of them is filled: the list
 * for the body, or the text of the ChordError. err: with CEL_CHORD_AWAY what is wrong.
 */
enum cel_chord_wait_state cel_chord_wait_look(struct cel_chord_wait *wait,
                                              struct cel_chord_store *chords, int64_t now_ns,
                                              struct strbuf *results, struct strbuf *why,
                                              struct celeriac_error *err);

#endif
