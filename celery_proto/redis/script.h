/*
 * Lua scripts that run inside the server: what must happen in one piece. They are built from the
 * files in lua/ and are called by their digest; a server that does not know one gets its text once.
 */
#ifndef CEL_REDIS_SCRIPT_H
#define CEL_REDIS_SCRIPT_H

#include <stddef.h>

#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/pipeline.h"

struct cel_script {
    const char *name;
    const char *text;
    size_t len;
    const char *sha1; /* 40 hex digits */
};

/* See the head of each lua/NAME.lua for keys, arguments and reply. */
extern const struct cel_script cel_script_announce;
extern const struct cel_script cel_script_beat;
extern const struct cel_script cel_script_chord_done;
extern const struct cel_script cel_script_chord_hold;
extern const struct cel_script cel_script_chord_part;
extern const struct cel_script cel_script_claim;
extern const struct cel_script cel_script_depart;
extern const struct cel_script cel_script_finish;
extern const struct cel_script cel_script_limit;
extern const struct cel_script cel_script_publish_once;
extern const struct cel_script cel_script_recall;
extern const struct cel_script cel_script_refresh;
extern const struct cel_script cel_script_restore;
extern const struct cel_script cel_script_results;
extern const struct cel_script cel_script_take;
extern const struct cel_script cel_script_unlock;

/*
 * Adds a call to a pipeline; exactly keys + args cel_pipeline_arg() follow, keys first.
 */
void cel_script_begin(struct cel_pipeline *p, const struct cel_script *script, size_t keys,
                      size_t args);

/*
 * Runs a pipeline that holds one call of script and nothing else; loads the script if the server
 * does not have it (a few times, should somebody be flushing scripts). CELERIAC_OK with the reply
 * at index 0, which is no error reply. Errors as cel_pipeline_run() and cel_reply_check().
 */
enum celeriac_err cel_script_run(struct cel_pipeline *p, struct cel_conn *conn,
                                 const struct cel_script *script,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Makes the server know a script, for calls inside longer pipelines. */
enum celeriac_err cel_script_load(struct cel_conn *conn, const struct cel_script *script,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
