/*
 * An SMTP server that misbehaves on order, inside the test program: it listens on a free port of
 * 127.0.0.1 and speaks real SMTP, with TLS when it has a certificate. Ordinary delivery is tested
 * against the servers of tests/services; this one is for what those cannot be asked to do.
 */
#ifndef TESTS_SMTP_SCRIPTED_SERVER_H
#define TESTS_SMTP_SCRIPTED_SERVER_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Instead of a reply: the connection is closed, or nothing more is said. */
#define SCRIPT_CLOSE "close"
#define SCRIPT_SILENCE "silence"

/* How one connection goes. Replies without CRLF, several lines separated by \r\n; NULL: as usual.
 */
struct script {
    const char *greeting, *ehlo, *mail, *rcpt, *data, *end;
    bool no_starttls;           /* it is not offered, though there is a certificate */
    unsigned close_after_mails; /* 0: never */
    const char *farewell;       /* said just before that */
    unsigned close_at_mail;  /* the connection is closed when this MAIL command comes; 0: never */
    size_t close_in_message; /* closed after so many bytes of a message; 0: never */
};

struct scripted_server;

/*
 * Starts a server. The i-th connection follows scripts[i], further ones the last of them; none
 * means a well-behaved server. tls may be NULL. scripts and tls outlive the server. Fails the
 * running test when it cannot start.
 */
struct scripted_server *scripted_server_start(const struct script *scripts, size_t count,
                                              SSL_CTX *tls);

/* Ends all connections and releases the server. */
void scripted_server_stop(struct scripted_server *server);

unsigned scripted_server_port(const struct scripted_server *server);

/* Numbers so far. */
struct scripted_counts {
    unsigned connections; /* accepted */
    unsigned closed;      /* of these, ended by either side */
    unsigned mails;       /* whole messages, whatever the reply to them */
    unsigned logins;      /* AUTH commands */
    unsigned tls;         /* handshakes that succeeded */
};
struct scripted_counts scripted_server_counts(struct scripted_server *server);

/* Waits until so many connections have ended; fails the test after ten seconds. */
void scripted_server_wait_closed(struct scripted_server *server, unsigned closed);

/* Appends the last whole message, dots undone, with its CRLFs, without the final dot. */
void scripted_server_last_message(struct scripted_server *server, struct strbuf *out);

#endif
