/*
 * Writing commands in Redis' protocol (RESP2): arrays of binary-safe strings. Pure; errors are
 * sticky in the buffer.
 */
#ifndef CEL_REDIS_RESP_H
#define CEL_REDIS_RESP_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

/* Starts a command of argc arguments, its name included; exactly argc arguments must follow. */
void resp_begin(struct strbuf *out, size_t argc);

/* One argument. */
void resp_arg(struct strbuf *out, struct span arg);
void resp_arg_int(struct strbuf *out, int64_t n);

#endif
