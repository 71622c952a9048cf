/*
 * What a fuzz target is: a function that takes any bytes and ends the program when a promise of the
 * codec is broken. The same function is driven by libFuzzer and by fuzz_driver.c. One thread.
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for it. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, so that a fuzzer keeps the input, unless the promise holds. */
#define FUZZ_PROMISE(promise) \
    do {                      \
        if (!(promise))       \
            __builtin_trap(); \
    } while (0)

#endif
