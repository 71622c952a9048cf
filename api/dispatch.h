/*
 * From a request to its handler: host, size, key, route, method, in the order in which Django and
 * the existing deployments check them.
 */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/http.h"

/* The longest body that a path's route takes; context is the struct api. Any thread. */
size_t dispatch_body_max(struct span path, void *context);

/* The first step of every request; context is the struct api. */
void dispatch(struct http_exchange *http, void *context);

#endif
