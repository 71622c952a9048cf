#include "worker/chord_wait.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum celeriac_err cel_chord_wait_create(const struct cel_chord_part *part, int64_t size,
                                        struct span record, struct cel_request *request,
                                        unsigned depth, struct cel_chord_wait **wait,
                                        struct celeriac_error *err)
{
    struct cel_chord_wait *w = mem_alloc(sizeof *w + part->group_id.len + part->body.len);
    enum celeriac_err code;

    if (!w)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a chord");
    *w = (struct cel_chord_wait){.request = request, .size = size, .depth = depth};
    memcpy(w->text, part->group_id.ptr, part->group_id.len);
    memcpy(w->text + part->group_id.len, part->body.ptr, part->body.len);
    w->part.group_id = (struct span){w->text, part->group_id.len};
    w->part.body = (struct span){w->text + part->group_id.len, part->body.len};
    code = cel_group_join_create(record, &w->join, err);
    if (code) {
        cel_chord_wait_destroy(w);
        return code;
    }
    *wait = w;
    return CELERIAC_OK;
}

void cel_chord_wait_destroy(struct cel_chord_wait *wait)
{
    if (!wait)
        return;
    cel_group_join_destroy(wait->join);
    mem_free(wait);
}

/* What the last look leaves: the list, or why there is none. */
static enum cel_chord_wait_state end(struct cel_chord_wait *w, enum celeriac_err code,
                                     struct strbuf *results, struct strbuf *why,
                                     struct celeriac_error *err)
{
    if (code == CELERIAC_OK && strbuf_span(why).len == 0) {
        code = cel_group_join_write(w->join, results);
        if (code)
            (void)celeriac_error_set(err, code, "the results are too long");
    }
    if (code == CELERIAC_OK)
        code = strbuf_status(why);
    if (code == CELERIAC_OK)
        return CEL_CHORD_JOINED;
    strbuf_clear(results);
    strbuf_clear(why);
    if (code == CELERIAC_ERR_UNAVAILABLE || code == CELERIAC_ERR_MEMORY)
        return CEL_CHORD_AWAY;
    strbuf_printf(why, "Join error: RuntimeError('%s')", err->text);
    return CEL_CHORD_JOINED;
}

enum cel_chord_wait_state cel_chord_wait_look(struct cel_chord_wait *wait,
                                              struct cel_chord_store *chords, int64_t now_ns,
                                              struct strbuf *results, struct strbuf *why,
                                              struct celeriac_error *err)
{
    size_t missing = 0;
    bool held = true;
    enum celeriac_err code = cel_group_join_look(wait->join, chords, &missing, why, err);

    if (code == CELERIAC_OK && wait->was_looked_at)
        code = cel_chord_hold(chords, wait->part.group_id, wait->size, &held, err);
    wait->was_looked_at = true;
    if (code) {
        wait->deadline_ns = 0;
        return end(wait, code, results, why, err);
    }
    if (!held)
        return CEL_CHORD_TAKEN;
    if (missing > 0 && strbuf_span(why).len == 0) {
        if (wait->deadline_ns == 0)
            wait->deadline_ns = now_ns + CEL_JOIN_TIMEOUT_MS * NS_PER_MS;
        if (now_ns < wait->deadline_ns) {
            wait->due_ns = now_ns + CEL_JOIN_LOOK_MS * NS_PER_MS;
            return CEL_CHORD_WAITS;
        }
        strbuf_add_text(why, "Join error: TimeoutError('The operation timed out.')");
    }
    return end(wait, CELERIAC_OK, results, why, err);
}
