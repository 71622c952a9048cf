/*
 * What PostgreSQL's errors mean for the calls that caused them.
 */
#ifndef NOTIFY_STORE_FAILURE_H
#define NOTIFY_STORE_FAILURE_H

#include <libpq-fe.h>

/* What to do about an error. */
enum store_fate {
    STORE_FATE_REFUSE = 1, /* the data are to blame: the call fails */
    STORE_FATE_RETRY,      /* this server, later: deadlock, lock, disk, memory, missing table */
    STORE_FATE_RECONNECT   /* another connection, later: shutdown, fail-over */
};

/* Bytes of text kept, with the NUL. */
#define STORE_FAILURE_TEXT_MAX 200

/* One error of the server. */
struct store_failure {
    char sqlstate[6]; /* "" when there is none */
    enum store_fate fate;
    char text[STORE_FAILURE_TEXT_MAX]; /* safe to log: no values of columns */
};

/*
 * The fate for a code of PostgreSQL's appendix "Error Codes". What is not known is retried: an
 * error that is not understood must not lose a notification. Pure; any thread.
 */
enum store_fate store_fate_of(const char *sqlstate);

/* What a server says of an error: "Error and Notice Message Fields" of its protocol; none NULL. */
struct store_complaint {
    const char *sqlstate;
    const char *message;
    const char *column;
    const char *constraint;
};

/* Fills *failure with what a complaint means. Pure; any thread. */
void store_failure_judge(const struct store_complaint *complaint, struct store_failure *failure);

/* The same for a result with an error. */
void store_failure_read(const PGresult *result, struct store_failure *failure);

#endif
