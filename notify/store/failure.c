#include "notify/store/failure.h"

#include <stdio.h>
#include <string.h>

/* Prefixes of codes; the first that fits decides. */
static const struct {
    const char *prefix;
    enum store_fate fate;
} fates[] = {
    {"08", STORE_FATE_RECONNECT},    /* connection exception */
    {"0A000", STORE_FATE_RECONNECT}, /* cached plan must not change result type */
    {"22", STORE_FATE_REFUSE},       /* data exception */
    {"23", STORE_FATE_REFUSE},       /* integrity constraint violation */
    {"25", STORE_FATE_RECONNECT},    /* transaction state; 25006: a standby since a fail-over */
    {"26", STORE_FATE_RECONNECT},    /* prepared statement gone, e.g. behind a pooler */
    {"44", STORE_FATE_REFUSE},       /* with check option violation */
    {"54", STORE_FATE_REFUSE},       /* program limit exceeded: row or index entry too large */
    {"57014", STORE_FATE_RETRY},     /* query canceled: statement_timeout */
    {"57", STORE_FATE_RECONNECT},    /* operator intervention: shutdown, crash, starting up */
    {"P0001", STORE_FATE_REFUSE},    /* a trigger of the operator's refuses the row */
};

enum store_fate store_fate_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        if (strncmp(sqlstate, fates[i].prefix, strlen(fates[i].prefix)) == 0)
            return fates[i].fate;
    }
    return STORE_FATE_RETRY;
}

/* The named field, or "" when the server did not send it. */
static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "";
}

/* What is wrong with the data, in words that hold no value of a column. */
static const char *refusal(const char *sqlstate)
{
    static const struct {
        const char *sqlstate;
        const char *text;
    } words[] = {
        {"22001", "a text is too long"},
        {"22003", "a number is out of range"},
        {"22008", "a time is out of range"},
        {"22021", "a text has characters that the database cannot store"},
        {"22030", "JSON with a key twice"},
        {"22P02", "a value cannot be read, such as JSON with a syntax error"},
        {"22P05", "characters that the database cannot store, such as \\u0000 in JSON"},
        {"23502", "a value is missing"},
        {"23503", "it refers to a row that does not exist"},
        {"23505", "a row with these unique values exists"},
        {"23514", "a check of the table forbids it"},
        {"54000", "a value is too large for an index or a page"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(sqlstate, words[i].sqlstate) == 0)
            return words[i].text;
    }
    return "the data are not accepted";
}

void store_failure_judge(const struct store_complaint *complaint, struct store_failure *failure)
{
    memset(failure, 0, sizeof *failure);
    (void)snprintf(failure->sqlstate, sizeof failure->sqlstate, "%.5s", complaint->sqlstate);
    failure->fate = store_fate_of(complaint->sqlstate);
    if (failure->fate == STORE_FATE_REFUSE) {
        /* The primary message may quote values here; names of columns and constraints may not. */
        const char *name = *complaint->column ? complaint->column : complaint->constraint;
        (void)snprintf(failure->text, sizeof failure->text, "%s%s%.64s (SQLSTATE %s)",
                       refusal(failure->sqlstate), *name ? ": " : "", name, failure->sqlstate);
        return;
    }
    int len = (int)strcspn(complaint->message, "\n");
    if (len > 150)
        len = 150;
    (void)snprintf(failure->text, sizeof failure->text, "%.*s (SQLSTATE %s)", len,
                   complaint->message, *failure->sqlstate ? failure->sqlstate : "none");
}

void store_failure_read(const PGresult *result, struct store_failure *failure)
{
    struct store_complaint complaint = {
        .sqlstate = field(result, PG_DIAG_SQLSTATE),
        .message = field(result, PG_DIAG_MESSAGE_PRIMARY),
        .column = field(result, PG_DIAG_COLUMN_NAME),
        .constraint = field(result, PG_DIAG_CONSTRAINT_NAME),
    };
    /* libpq's own errors have no fields. */
    if (!*complaint.sqlstate)
        complaint.message = PQresultErrorMessage(result);
    store_failure_judge(&complaint, failure);
}
