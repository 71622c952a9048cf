/*
 * Whether a node's name fits the pattern of a remote command (kombu/matcher.py). Pure; any thread.
 */
#ifndef CEL_NODE_MATCH_H
#define CEL_NODE_MATCH_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"

/*
 * Longest pattern and name compared. Patterns come from whoever can publish to the broker; names of
 * nodes have a few dozen characters.
 */
#define CEL_NODE_PATTERN_MAX 1024

/*
 * Compares by the matcher "glob" (Python's fnmatch: whole name, `*`, `?`, `[...]`) or "pcre"
 * (Python's re.match: from the start of the name). *matches is untouched on failure:
 * CELERIAC_ERR_VALUE for another matcher or a pattern that is no expression, CELERIAC_ERR_LIMIT
 * for one that is too long or takes too long, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_node_match(struct span node, struct span pattern, struct span matcher,
                                 bool *matches, struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
