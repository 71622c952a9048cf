#include "notify/store/login.h"

#include <string.h>

#include "base/alloc.h"

/*
 * What we want unless the server's keywords say otherwise (libpq takes the last of a repeated
 * keyword). A dead host is noticed after 5 + 3 * 2 s of silence, unanswered data after 8 s.
 */
static const char *const defaults[][2] = {
    {"fallback_application_name", "celeriac"},
    {"connect_timeout", "3"},
    {"target_session_attrs", "read-write"},
    {"keepalives", "1"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "8000"},
};

#define DEFAULT_COUNT (sizeof defaults / sizeof defaults[0])

/* Keywords in all: defaults, the server's, our own two at the end, the final NULL. */
#define KEYWORDS_MAX (DEFAULT_COUNT + STORE_SERVER_KEYWORDS_MAX + 3)

struct store_login {
    char *keywords[KEYWORDS_MAX];
    char *values[KEYWORDS_MAX];
    size_t count;
};

static enum celeriac_err add(struct store_login *login, const char *keyword, const char *value)
{
    char *key_copy = mem_dup(keyword);
    char *value_copy = mem_dup(value);
    if (!key_copy || !value_copy) {
        mem_free(key_copy);
        mem_free(value_copy);
        return CELERIAC_ERR_MEMORY;
    }
    login->keywords[login->count] = key_copy;
    login->values[login->count] = value_copy;
    login->count++;
    return CELERIAC_OK;
}

/* Lets libpq read a connection string, so that a mistake shows at the start and not as an outage.
 */
static enum celeriac_err check_string(const char *value, struct celeriac_error *err)
{
    char *reason = NULL;
    if (!strchr(value, '=') && !strstr(value, "://"))
        return CELERIAC_OK;
    PQconninfoOption *options = PQconninfoParse(value, &reason);
    PQconninfoFree(options);
    if (reason)
        PQfreemem(reason);
    if (options)
        return CELERIAC_OK;
    /* libpq's reason may quote the string, and the string may hold the password. */
    return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                              "dbname: libpq cannot read this connection string");
}

static enum celeriac_err add_server(struct store_login *login, const struct store_server *server,
                                    struct celeriac_error *err)
{
    for (size_t i = 0; server->keywords && server->keywords[i]; i++) {
        const char *value = server->values[i];
        if (i == STORE_SERVER_KEYWORDS_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "more than %d connection keywords",
                                      STORE_SERVER_KEYWORDS_MAX);
        if (!value || !*value)
            continue;
        if (strcmp(server->keywords[i], "dbname") == 0) {
            enum celeriac_err rc = check_string(value, err);
            if (rc != CELERIAC_OK)
                return rc;
        }
        if (add(login, server->keywords[i], value) != CELERIAC_OK)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    }
    return CELERIAC_OK;
}

static enum celeriac_err add_all(struct store_login *login, const struct store_server *server,
                                 const char *application_name, struct celeriac_error *err)
{
    for (size_t i = 0; i < DEFAULT_COUNT; i++) {
        const char *value = i == 0 && application_name ? application_name : defaults[i][1];
        if (add(login, defaults[i][0], value) != CELERIAC_OK)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    }
    enum celeriac_err rc = add_server(login, server, err);
    if (rc != CELERIAC_OK)
        return rc;
    if (add(login, "client_encoding", "UTF8") != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    return CELERIAC_OK;
}

enum celeriac_err store_login_create(const struct store_server *server,
                                     const char *application_name, struct store_login **login,
                                     struct celeriac_error *err)
{
    struct store_login *made = mem_calloc(1, sizeof *made);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    enum celeriac_err rc = add_all(made, server, application_name, err);
    if (rc != CELERIAC_OK) {
        store_login_destroy(made);
        return rc;
    }
    *login = made;
    return CELERIAC_OK;
}

void store_login_destroy(struct store_login *login)
{
    if (!login)
        return;
    for (size_t i = 0; i < login->count; i++) {
        explicit_bzero(login->values[i], strlen(login->values[i]));
        mem_free(login->keywords[i]);
        mem_free(login->values[i]);
    }
    mem_free(login);
}

enum celeriac_err store_login_connect(const struct store_login *login, PGconn **pg,
                                      struct celeriac_error *err)
{
    PGconn *made = PQconnectdbParams((const char *const *)login->keywords,
                                     (const char *const *)login->values, 1);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a connection");
    if (PQstatus(made) != CONNECTION_OK) {
        const char *reason = PQerrorMessage(made);
        enum celeriac_err rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%.*s",
                                                  (int)strcspn(reason, "\n"), reason);
        PQfinish(made);
        return rc;
    }
    *pg = made;
    return CELERIAC_OK;
}
