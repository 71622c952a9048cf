/*
 * Matching a routing key against the pattern that kombu stores with a topic binding: the regular
 * expression made by TopicExchange.key_to_pattern (kombu/transport/virtual/exchange.py). Only what
 * that function writes is understood, so no stored text can make matching slow. Pure; any thread.
 */
#ifndef CEL_REDIS_TOPIC_MATCH_H
#define CEL_REDIS_TOPIC_MATCH_H

#include <stdbool.h>

#include "base/span.h"

/* Most elements of a pattern: a binding key has at most 255 bytes, each at most one element. */
#define TOPIC_ELEMENTS_MAX 1024

/*
 * Whether re.match(pattern, key) would match, for patterns of literal characters (escaped or not),
 * `.` and `[^\.]`, each with an optional `*`, `*?`, `+` or `+?`, between `^` and `$`: the wildcard
 * `*` is `.*?[^\.]` up to kombu 5.6 and `[^\.]+` since, `#` is `.*?`. An empty pattern matches
 * everything, as in Python. *understood tells whether the pattern was of that kind; if not, the
 * result is false.
 */
bool cel_topic_match(struct span pattern, struct span key, bool *understood);

#endif
