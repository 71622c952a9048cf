/*
 * `celeriac-api check`: what is wrong with the configuration, before anything is served.
 */
#ifndef API_CHECK_H
#define API_CHECK_H

#include <stdbool.h>

#include "api/options.h"
#include "base/strbuf.h"

/*
 * Looks at all parts, connects to database and broker, and appends a line for each finding: `ok`,
 * `warn` or `FAIL`, the part, and a sentence. True when nothing failed. Blocks, some seconds for
 * each server that is away.
 */
bool api_check(const struct api_options *options, struct strbuf *out);

/* Appends the line of a part that failed. */
void api_check_failed(struct strbuf *out, const char *part, const char *sentence);

#endif
