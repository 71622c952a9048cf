/*
 * Connection strings for libpq. Pure; any thread.
 */
#ifndef NOTIFY_STORE_CONNINFO_H
#define NOTIFY_STORE_CONNINFO_H

#include "base/strbuf.h"

/* One parameter; see "Parameter Key Words" in libpq's manual. */
struct store_conninfo_part {
    const char *keyword; /* e.g. "host" */
    const char *value;   /* NULL or "": the parameter is left out */
};

/*
 * Appends "host='...' port='...' ..." with quotes and backslashes escaped; parts end with a row
 * whose keyword is NULL. Errors are sticky in out.
 */
void store_conninfo(struct strbuf *out, const struct store_conninfo_part *parts);

#endif
