/*
 * Somebody else's transaction that holds locks: what a test needs to make the store's statements
 * wait. One thread.
 */
#ifndef TESTS_STORE_BLOCKER_H
#define TESTS_STORE_BLOCKER_H

struct blocker;

/* Opens a transaction and runs one statement in it, e.g. LOCK TABLE. Fails the test otherwise. */
struct blocker *blocker_start(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Undoes the transaction, which lets go of its locks. */
void blocker_end(struct blocker *b);

/* Commits it instead. */
void blocker_commit(struct blocker *b);

/* Waits until that many statements of a store wait for a lock. */
void blocker_await(int statements);

#endif
