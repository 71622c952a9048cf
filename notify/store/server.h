/*
 * Which database, as libpq takes it: no quoting involved. See "Parameter Key Words" in libpq's
 * manual.
 */
#ifndef NOTIFY_STORE_SERVER_H
#define NOTIFY_STORE_SERVER_H

/*
 * Two arrays of the same length, `keywords` ended by NULL ("host", "port", ...). A "dbname" that is
 * a connection string or URI is expanded, so {"dbname", NULL} with one string names a whole server.
 * Values that are NULL or "" are left out. Several hosts may be given ("host": "a,b"). Without
 * other wishes a session must be writable, keep-alives notice a dead host within seconds, and
 * connecting takes at most 3 seconds for each address.
 */
struct store_server {
    const char *const *keywords;
    const char *const *values;
};

/* Most keywords in struct store_server: libpq 17 knows about 50. */
#define STORE_SERVER_KEYWORDS_MAX 64

#endif
