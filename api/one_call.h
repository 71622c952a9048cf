/*
 * One call of the store for a command that then ends.
 */
#ifndef API_ONE_CALL_H
#define API_ONE_CALL_H

#include "api/options.h"
#include "celeriac/error.h"
#include "notify/store/call.h"

/*
 * Connects as the options say, under that name, runs a prepared call and disconnects. The caller
 * releases the call. The codes of the store and of the call, with their words. Blocks for 20
 * seconds at most.
 */
enum celeriac_err api_one_call(const struct api_options *options, const char *application_name,
                               struct store_call *call,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
