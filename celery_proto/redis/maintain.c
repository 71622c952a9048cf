#include "celery_proto/redis/maintain.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/restore.h"
#include "celery_proto/redis/script.h"

/* kombu's defaults. */
#define VISIBILITY_TIMEOUT_S 3600
#define MUTEX_MS 300000

/* Tags refreshed by one script. */
#define REFRESH_CHUNK 256

/* Scores are renewed this many times within the visibility timeout. */
#define REFRESHES 4

/* Longest node name in a registration. */
#define NAME_MAX_BYTES 255

/* Digits of a score with its fraction. */
#define SCORE_MAX 64

/* A worker's id and its registration: two numbers and its name. */
#define REGISTRATION_MAX (CEL_WORKER_ID_MAX + 2 * SCORE_MAX + NAME_MAX_BYTES)

struct cel_maintainer {
    struct cel_conn *conn;
    const struct cel_keys *keys;
    uint32_t visibility_timeout;
    struct strbuf names; /* worker id, name, and keys that never change */
    struct span worker_id, name, workers_key, own_key, record_key;
    struct strbuf text; /* scratch */
    struct cel_pipeline pipeline;
    struct cel_restorer *restorer;
    struct strbuf dead; /* id and registration of a dead peer; empty: none */
    size_t dead_id_len;
    bool is_registered;
    uint64_t beat;
    uint64_t answered_beat; /* the last one with an answer */
    const atomic_uint_fast64_t *answered_batch;
    bool has_leftovers; /* perhaps: we must begin anew */
    int64_t beat_ns;    /* when the next beat is due */
    int64_t refresh_ns; /* when the next refresh begins */
    bool is_refreshing; /* one is under way, up to the score in refresh_before */
    struct strbuf refresh_cursor;
    int64_t refresh_second; /* at which it began */
    int64_t overdue_ns;     /* when the next search for overdue deliveries begins */
    char mutex_token[UUID_SIZE];
    bool has_mutex;
    struct strbuf ceiling; /* of that search */
    struct span *lost;
    size_t lost_cap;
};

/* Offsets first, spans when the buffer has stopped moving. */
static enum celeriac_err write_names(struct cel_maintainer *m, const char *worker_id,
                                     const char *worker_name)
{
    struct strbuf *b = &m->names;
    struct span id = span_of(worker_id);
    size_t end[5];
    strbuf_add_span(b, id);
    end[0] = b->len;
    strbuf_add_span(b, span_of(worker_name));
    end[1] = b->len;
    cel_key_workers(m->keys, b);
    end[2] = b->len;
    cel_key_own(m->keys, id, b);
    end[3] = b->len;
    cel_key_claim(m->keys, id, b);
    end[4] = b->len;
    if (strbuf_status(b) != CELERIAC_OK)
        return strbuf_status(b);
    m->worker_id = (struct span){b->ptr, end[0]};
    m->name = (struct span){b->ptr + end[0], end[1] - end[0]};
    m->workers_key = (struct span){b->ptr + end[1], end[2] - end[1]};
    m->own_key = (struct span){b->ptr + end[2], end[3] - end[2]};
    m->record_key = (struct span){b->ptr + end[3], end[4] - end[3]};
    return CELERIAC_OK;
}

static enum celeriac_err check_options(const struct cel_maintainer_options *options,
                                       struct celeriac_error *err)
{
    if (options->keys == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a maintainer needs keys");
    if (options->worker_id == NULL || options->worker_id[0] == '\0' ||
        strlen(options->worker_id) > CEL_WORKER_ID_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "worker_id must have 1 to %d bytes",
                                  CEL_WORKER_ID_MAX);
    if (options->worker_name != NULL && strlen(options->worker_name) > NAME_MAX_BYTES)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "worker_name has at most %d bytes",
                                  NAME_MAX_BYTES);
    return CELERIAC_OK;
}

enum celeriac_err cel_maintainer_create(const struct cel_maintainer_options *options,
                                        struct cel_maintainer **maintainer,
                                        struct celeriac_error *err)
{
    enum celeriac_err code = check_options(options, err);
    if (code != CELERIAC_OK)
        return code;
    struct cel_maintainer *m = mem_calloc(1, sizeof *m);
    if (m == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a maintainer");
    m->keys = options->keys;
    m->answered_batch = options->answered;
    m->visibility_timeout =
        options->visibility_timeout != 0 ? options->visibility_timeout : VISIBILITY_TIMEOUT_S;
    strbuf_init(&m->names, 8 * (size_t)CEL_KEY_OPTION_MAX);
    strbuf_init(&m->text, 4 * (size_t)CEL_KEY_OPTION_MAX);
    strbuf_init(&m->dead, REGISTRATION_MAX);
    strbuf_init(&m->refresh_cursor, SCORE_MAX);
    strbuf_init(&m->ceiling, SCORE_MAX);
    cel_pipeline_init(&m->pipeline);
    code = write_names(m, options->worker_id,
                       options->worker_name != NULL ? options->worker_name : "");
    if (code == CELERIAC_OK)
        code = cel_restorer_create(m->keys, &m->restorer);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for a maintainer");
    if (code == CELERIAC_OK)
        code = cel_conn_create(&options->conn, &m->conn, err);
    if (code != CELERIAC_OK) {
        cel_maintainer_destroy(m);
        return code;
    }
    *maintainer = m;
    return CELERIAC_OK;
}

void cel_maintainer_destroy(struct cel_maintainer *maintainer)
{
    if (maintainer == NULL)
        return;
    cel_conn_destroy(maintainer->conn);
    cel_restorer_destroy(maintainer->restorer);
    cel_pipeline_close(&maintainer->pipeline);
    strbuf_close(&maintainer->names);
    strbuf_close(&maintainer->text);
    strbuf_close(&maintainer->dead);
    strbuf_close(&maintainer->refresh_cursor);
    strbuf_close(&maintainer->ceiling);
    mem_free(maintainer->lost);
    mem_free(maintainer);
}

/* ---- registration and beat ------------------------------------------------------------------ */

/* What a worker's own hash says of itself; see lua/held_function.lua. Longer than 64 bytes, so
 * that Redis makes it a hash table (hash-max-listpack-value). */
static const char about_own[] =
    "delivery tag -> second of its score, order, list: what this Celeriac worker holds unacked";

/* Keeps the dead peer that a beat has found. A registration that none of us can have written is
 * passed over. */
static enum celeriac_err note_dead(struct cel_maintainer *m, struct span id,
                                   struct span registration, struct celeriac_error *err)
{
    if (id.len == 0 || m->dead.len > 0 || id.len + registration.len > REGISTRATION_MAX)
        return CELERIAC_OK;
    strbuf_add_span(&m->dead, id);
    m->dead_id_len = id.len;
    strbuf_add_span(&m->dead, registration);
    enum celeriac_err code = strbuf_status(&m->dead);
    if (code == CELERIAC_OK)
        return code;
    strbuf_clear(&m->dead);
    return celeriac_error_set(err, code, "no memory for a peer");
}

static int64_t beat_pause_ms(bool is_peer_late, bool may_be_rare)
{
    if (is_peer_late)
        return CEL_LEASE_LATE_BEAT_MS;
    return may_be_rare ? CEL_LEASE_IDLE_BEAT_MS : CEL_LEASE_BEAT_MS;
}

/* A beat; about is what registers a worker that is not there, or empty. */
static enum celeriac_err beat(struct cel_maintainer *m, struct span about, int64_t now_ns,
                              struct celeriac_error *err)
{
    cel_pipeline_clear(&m->pipeline);
    cel_script_begin(&m->pipeline, &cel_script_beat, 3, 10);
    cel_pipeline_arg(&m->pipeline, m->workers_key);
    cel_pipeline_arg(&m->pipeline, m->own_key);
    cel_pipeline_arg(&m->pipeline, m->record_key);
    cel_pipeline_arg(&m->pipeline, m->worker_id);
    cel_pipeline_arg_int(&m->pipeline, (int64_t)++m->beat);
    cel_pipeline_arg(&m->pipeline, m->name);
    cel_pipeline_arg(&m->pipeline, about);
    cel_pipeline_arg_int(&m->pipeline, CEL_LEASE_SILENCE_MS);
    cel_pipeline_arg_int(&m->pipeline, CEL_LEASE_LATE_MS);
    cel_pipeline_arg_int(&m->pipeline, CEL_LEASE_DEAD_MS);
    cel_pipeline_arg_int(&m->pipeline, (int64_t)m->answered_beat);
    cel_pipeline_arg_int(&m->pipeline,
                         m->answered_batch != NULL ? (int64_t)atomic_load(m->answered_batch) : 0);
    cel_pipeline_arg_int(&m->pipeline, CEL_LEASE_LOOK_MS);
    enum celeriac_err code = cel_script_run(&m->pipeline, m->conn, &cel_script_beat, err);
    if (code != CELERIAC_OK)
        return code;
    const struct redisReply *reply = cel_pipeline_reply(&m->pipeline, 0);
    bool is_known = cel_reply_int(cel_reply_at(reply, 0)) == 1;
    bool is_late = cel_reply_int(cel_reply_at(reply, 1)) == 1;
    bool holds = cel_reply_int(cel_reply_at(reply, 4)) == 1;
    /* The next one will be as late, if the machine is busy. */
    bool came_late = m->is_registered && now_ns - m->beat_ns > CEL_LEASE_IDLE_DELAY_MS * NS_PER_MS;
    m->is_registered = is_known;
    m->answered_beat = m->beat;
    m->beat_ns = now_ns + beat_pause_ms(is_late, !holds && !came_late) * NS_PER_MS;
    return note_dead(m, cel_reply_span(cel_reply_at(reply, 2)),
                     cel_reply_span(cel_reply_at(reply, 3)), err);
}

/* ---- restoring ------------------------------------------------------------------------------ */

static void add_report(struct cel_maintain_report *report, const struct cel_restore_report *one)
{
    report->restored += one->restored;
    report->quarantined += one->quarantined;
    report->orphans += one->orphans;
}

/* Removes the registration of a worker that holds nothing; *is_gone tells whether it went. */
static enum celeriac_err depart(struct cel_maintainer *m, struct span id, struct span registration,
                                bool *is_gone, struct celeriac_error *err)
{
    struct strbuf *b = &m->text;
    strbuf_clear(b);
    cel_key_own(m->keys, id, b);
    size_t own_len = b->len;
    cel_key_claim(m->keys, id, b);
    if (strbuf_status(b) != CELERIAC_OK)
        return celeriac_error_set(err, strbuf_status(b), "a worker's id is too long");
    cel_pipeline_clear(&m->pipeline);
    cel_script_begin(&m->pipeline, &cel_script_depart, 3, 2);
    cel_pipeline_arg(&m->pipeline, m->workers_key);
    cel_pipeline_arg(&m->pipeline, (struct span){b->ptr, own_len});
    cel_pipeline_arg(&m->pipeline, (struct span){b->ptr + own_len, b->len - own_len});
    cel_pipeline_arg(&m->pipeline, id);
    cel_pipeline_arg(&m->pipeline, registration);
    enum celeriac_err code = cel_script_run(&m->pipeline, m->conn, &cel_script_depart, err);
    if (code == CELERIAC_OK)
        *is_gone = cel_reply_int(cel_pipeline_reply(&m->pipeline, 0)) == 1;
    return code;
}

/* A chunk of a dead peer's messages. *is_more: there is more to do at once. */
static enum celeriac_err bury(struct cel_maintainer *m, int64_t now_ns,
                              struct cel_maintain_report *report, bool *is_more,
                              struct celeriac_error *err)
{
    struct cel_restore_report one;
    bool is_gone = false;
    if (m->dead.len == 0)
        return CELERIAC_OK;
    struct span id = {m->dead.ptr, m->dead_id_len};
    struct span registration = {m->dead.ptr + m->dead_id_len, m->dead.len - m->dead_id_len};
    enum celeriac_err code = cel_restore_owned(m->restorer, m->conn, id, registration, &one, err);
    if (code != CELERIAC_OK)
        return code;
    add_report(report, &one);
    *is_more = true;
    if (!one.is_alive && !one.is_over)
        return CELERIAC_OK;
    if (!one.is_alive)
        code = depart(m, id, registration, &is_gone, err);
    if (code != CELERIAC_OK)
        return code;
    if (is_gone) {
        report->dead_workers++;
        log_warning("redis", "a worker died; its messages are back in their queues",
                    LOG_SPAN("worker", id), LOG_SPAN("registration", registration));
    }
    strbuf_clear(&m->dead);
    /* There may be another. */
    m->beat_ns = now_ns;
    return CELERIAC_OK;
}

/* Gives back a chunk of what the server says is ours, before we register again. */
static enum celeriac_err begin_anew(struct cel_maintainer *m, struct cel_maintain_report *report,
                                    struct celeriac_error *err)
{
    struct cel_restore_report one;
    bool is_gone = false;
    enum celeriac_err code =
        cel_restore_owned(m->restorer, m->conn, m->worker_id, (struct span){0}, &one, err);
    if (code != CELERIAC_OK)
        return code;
    add_report(report, &one);
    if (one.is_over)
        code = depart(m, m->worker_id, (struct span){0}, &is_gone, err);
    m->has_leftovers = !is_gone;
    return code;
}

/* The server's time in microseconds. */
static enum celeriac_err server_time(struct cel_maintainer *m, int64_t *us,
                                     struct celeriac_error *err)
{
    cel_pipeline_clear(&m->pipeline);
    CEL_COMMAND(&m->pipeline, SPAN("TIME"));
    enum celeriac_err code = cel_pipeline_run(&m->pipeline, m->conn, err);
    const struct redisReply *reply = cel_pipeline_reply(&m->pipeline, 0);
    if (code == CELERIAC_OK)
        code = cel_reply_check(reply, err);
    if (code == CELERIAC_OK)
        *us = cel_reply_int(cel_reply_at(reply, 0)) * US_PER_SEC +
              cel_reply_int(cel_reply_at(reply, 1));
    return code;
}

static enum celeriac_err lock(struct cel_maintainer *m, struct celeriac_error *err)
{
    uuid_new(m->mutex_token);
    cel_pipeline_clear(&m->pipeline);
    cel_pipeline_begin(&m->pipeline, 6);
    cel_pipeline_arg(&m->pipeline, SPAN("SET"));
    cel_pipeline_arg(&m->pipeline, cel_key_unacked_mutex(m->keys));
    cel_pipeline_arg(&m->pipeline, span_of(m->mutex_token));
    cel_pipeline_arg(&m->pipeline, SPAN("NX"));
    cel_pipeline_arg(&m->pipeline, SPAN("PX"));
    cel_pipeline_arg_int(&m->pipeline, MUTEX_MS);
    enum celeriac_err code = cel_pipeline_run(&m->pipeline, m->conn, err);
    const struct redisReply *reply = cel_pipeline_reply(&m->pipeline, 0);
    m->has_mutex = false;
    /* Without memory for a lock there is another time for what it protects. */
    if (code != CELERIAC_OK || cel_reply_is_error_word(reply, "OOM"))
        return code;
    code = cel_reply_check(reply, err);
    m->has_mutex = code == CELERIAC_OK && !cel_reply_is_nil(reply);
    return code;
}

static enum celeriac_err unlock(struct cel_maintainer *m, struct celeriac_error *err)
{
    m->has_mutex = false;
    cel_pipeline_clear(&m->pipeline);
    cel_script_begin(&m->pipeline, &cel_script_unlock, 1, 1);
    cel_pipeline_arg(&m->pipeline, cel_key_unacked_mutex(m->keys));
    cel_pipeline_arg(&m->pipeline, span_of(m->mutex_token));
    return cel_script_run(&m->pipeline, m->conn, &cel_script_unlock, err);
}

/* kombu's restore_visible, a chunk at a time under its lock. */
static enum celeriac_err restore_overdue(struct cel_maintainer *m, int64_t now_ns,
                                         struct cel_maintain_report *report, bool *is_more,
                                         struct celeriac_error *err)
{
    struct cel_restore_report one = {0};
    enum celeriac_err code = CELERIAC_OK;
    if (!m->has_mutex) {
        if (now_ns < m->overdue_ns)
            return CELERIAC_OK;
        int64_t now_us = 0;
        code = server_time(m, &now_us, err);
        if (code == CELERIAC_OK)
            code = lock(m, err);
        if (code != CELERIAC_OK)
            return code;
        strbuf_clear(&m->ceiling);
        strbuf_add_int(&m->ceiling, now_us / US_PER_SEC - m->visibility_timeout);
        m->overdue_ns = now_ns + CEL_RESTORE_INTERVAL_S * NS_PER_SEC;
        if (!m->has_mutex)
            return CELERIAC_OK;
    }
    code = cel_restore_overdue(m->restorer, m->conn, strbuf_span(&m->ceiling), &one, err);
    if (code != CELERIAC_OK)
        return code;
    add_report(report, &one);
    if (one.is_over)
        return unlock(m, err);
    *is_more = true;
    return CELERIAC_OK;
}

/* ---- refreshing ----------------------------------------------------------------------------- */

static enum celeriac_err report_lost(struct cel_maintainer *m, const struct redisReply *reply,
                                     struct cel_maintain_report *report)
{
    size_t count = cel_reply_count(reply) - 1;
    if (count > m->lost_cap) {
        struct span *larger = mem_resize(m->lost, count, sizeof *larger);
        if (larger == NULL)
            return CELERIAC_ERR_MEMORY;
        m->lost = larger;
        m->lost_cap = count;
    }
    for (size_t i = 0; i < count; i++)
        m->lost[i] = cel_reply_span(cel_reply_at(reply, i + 1));
    report->lost = m->lost;
    report->lost_count = count;
    return CELERIAC_OK;
}

/* Fresh scores for what we hold, a chunk at a time. The last thing in a round: lost tags lie in
 * the pipeline's reply. */
static enum celeriac_err refresh(struct cel_maintainer *m, int64_t now_ns,
                                 struct cel_maintain_report *report, bool *is_more,
                                 struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    if (!m->is_refreshing) {
        if (now_ns < m->refresh_ns)
            return CELERIAC_OK;
        int64_t now_us = 0;
        code = server_time(m, &now_us, err);
        if (code != CELERIAC_OK)
            return code;
        m->refresh_second = now_us / US_PER_SEC;
        strbuf_clear(&m->refresh_cursor);
        strbuf_add_char(&m->refresh_cursor, '0');
        m->is_refreshing = true;
        m->refresh_ns = now_ns + m->visibility_timeout * NS_PER_SEC / REFRESHES;
    }
    cel_pipeline_clear(&m->pipeline);
    cel_script_begin(&m->pipeline, &cel_script_refresh, 2, 3);
    cel_pipeline_arg(&m->pipeline, cel_key_unacked_index(m->keys));
    cel_pipeline_arg(&m->pipeline, m->own_key);
    cel_pipeline_arg(&m->pipeline, strbuf_span(&m->refresh_cursor));
    cel_pipeline_arg_int(&m->pipeline, REFRESH_CHUNK);
    cel_pipeline_arg_int(&m->pipeline, m->refresh_second);
    code = cel_script_run(&m->pipeline, m->conn, &cel_script_refresh, err);
    if (code != CELERIAC_OK)
        return code;
    const struct redisReply *reply = cel_pipeline_reply(&m->pipeline, 0);
    strbuf_clear(&m->refresh_cursor);
    strbuf_add_span(&m->refresh_cursor, cel_reply_span(cel_reply_at(reply, 0)));
    if (strbuf_status(&m->refresh_cursor) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "a cursor is too long");
    m->is_refreshing = !span_is(strbuf_span(&m->refresh_cursor), "0");
    *is_more = *is_more || m->is_refreshing;
    return report_lost(m, reply, report);
}

/* ---- the round ------------------------------------------------------------------------------ */

static int64_t earliest(int64_t a, int64_t b, int64_t c)
{
    int64_t first = a < b ? a : b;
    return first < c ? first : c;
}

enum celeriac_err cel_maintain(struct cel_maintainer *maintainer, int64_t now_ns,
                               struct cel_maintain_report *report, int64_t *next_ns,
                               struct celeriac_error *err)
{
    struct cel_maintainer *m = maintainer;
    struct cel_maintain_report done = {0};
    bool is_more = false;
    enum celeriac_err code = CELERIAC_OK;
    if (m->has_leftovers) {
        code = begin_anew(m, &done, err);
        *report = done;
        *next_ns = now_ns;
        return code;
    }
    if (!m->is_registered) {
        code = beat(m, span_of(about_own), now_ns, err);
        m->refresh_ns = now_ns + m->visibility_timeout * NS_PER_SEC / REFRESHES;
    } else if (now_ns >= m->beat_ns) {
        code = beat(m, (struct span){0}, now_ns, err);
    }
    if (code == CELERIAC_OK && !m->is_registered) {
        log_warning("redis", "this worker was declared dead, or the server has lost data; "
                             "registering again");
        m->has_leftovers = true;
        *report = (struct cel_maintain_report){.evicted = true};
        *next_ns = now_ns;
        return CELERIAC_OK;
    }
    if (code == CELERIAC_OK)
        code = bury(m, now_ns, &done, &is_more, err);
    if (code == CELERIAC_OK)
        code = restore_overdue(m, now_ns, &done, &is_more, err);
    if (code == CELERIAC_OK)
        code = refresh(m, now_ns, &done, &is_more, err);
    if (code != CELERIAC_OK)
        return code;
    *report = done;
    *next_ns = is_more ? now_ns : earliest(m->beat_ns, m->overdue_ns, m->refresh_ns);
    return CELERIAC_OK;
}

enum celeriac_err cel_maintain_pause(struct cel_maintainer *maintainer, int wake_fd)
{
    return cel_conn_pause(maintainer->conn, wake_fd);
}

enum celeriac_err cel_maintain_leave(struct cel_maintainer *maintainer, size_t *restored,
                                     struct celeriac_error *err)
{
    struct cel_maintainer *m = maintainer;
    struct cel_restore_report one;
    size_t total = 0;
    bool is_gone = false;
    while (!is_gone) {
        enum celeriac_err code =
            cel_restore_owned(m->restorer, m->conn, m->worker_id, (struct span){0}, &one, err);
        if (code == CELERIAC_OK && one.is_over)
            code = depart(m, m->worker_id, (struct span){0}, &is_gone, err);
        if (code != CELERIAC_OK)
            return code;
        total += one.restored;
    }
    m->is_registered = false;
    if (restored != NULL)
        *restored = total;
    return CELERIAC_OK;
}
