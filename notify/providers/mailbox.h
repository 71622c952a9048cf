/*
 * Mail addresses in their two spellings, "a@b.c" and "Name <a@b.c>", as Django's sanitize_address()
 * takes them. Comments and routes of RFC 5322 are refused. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_MAILBOX_H
#define NOTIFY_PROVIDERS_MAILBOX_H

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* One address, taken apart. Release it with mailbox_close(). */
struct mailbox {
    struct strbuf
        name; /* display name without quotes, words separated by one space; may be empty */
    struct strbuf local; /* local part without quotes */
    struct span domain;  /* borrowed; empty when there is no '@', as in "root" */
};

/*
 * Takes text apart. Start from nothing: *m is initialised here, and released here on failure.
 * CELERIAC_ERR_SYNTAX when text is no address, CELERIAC_ERR_UNSUPPORTED for a domain beyond ASCII,
 * CELERIAC_ERR_LIMIT for a label of more than 63 bytes, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err mailbox_parse(struct mailbox *m, struct span text) CELERIAC_MUST_CHECK;

/* Releases the parts. */
void mailbox_close(struct mailbox *m);

/*
 * Appends local part and domain for SMTP: quoted where needed, a local part beyond ASCII as an
 * encoded word (as Django does). CELERIAC_ERR_SYNTAX when that word does not fit on one line.
 */
enum celeriac_err mailbox_write_bare(const struct mailbox *m,
                                     struct strbuf *out) CELERIAC_MUST_CHECK;

/* Appends the whole address for a header, its name encoded or quoted. Same errors. */
enum celeriac_err mailbox_write_header(const struct mailbox *m,
                                       struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
