/*
 * What the tests of the store's calls share: one store on an empty database, and a tenant, for all
 * cases of a program.
 */
#ifndef TESTS_STORE_STAGE_H
#define TESTS_STORE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/store/page.h"
#include "notify/store/store.h"
#include "tests/integration/store/database.h"

/* 2026-11-22T20:26:26.823977Z, in microseconds. */
#define CREATED INT64_C(1795379186823977)

extern struct store *store;
extern struct uuid tenant;

/* The newest rows, up to so many; valid until the next call. */
struct store_page *newest(uint32_t limit);

/* cmocka set-up and tear-down of the group. */
int stage_set_up(void **state);
int stage_tear_down(void **state);

/* With a second store, which may send; cmocka set-up and tear-down that are used in place of these.
 */
extern struct store *sender;
int stage_set_up_sender(void **state);
int stage_tear_down_sender(void **state);

#endif
