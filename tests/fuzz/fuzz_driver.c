/*
 * Drives a fuzz target without a fuzzer: first every file of the seed corpus, then mutations of
 * them, the same ones in every run.
 *
 *     fuzz_driver CORPUS_FOLDER MUTATIONS
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_target.h"

/* Bytes of the longest input, and files of the largest corpus. */
#define INPUT_MAX ((size_t)64 * 1024)
#define SEEDS_MAX ((size_t)64)

struct seed {
    uint8_t *bytes;
    size_t len;
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* What JSON, Celery and C programs trip over. */
static const char *const tokens[] = {"null",
                                     "true",
                                     "{}",
                                     "[]",
                                     "\"\"",
                                     "{\"redelivered\": 1}",
                                     "NaN",
                                     "-Infinity",
                                     "1e999",
                                     "99999999999999999999",
                                     "-1",
                                     "\\ud800",
                                     "\\u0000",
                                     "\\\"",
                                     "\"task\"",
                                     "\"id\"",
                                     "\"headers\": ",
                                     "\"properties\": ",
                                     "\"delivery_info\": ",
                                     "\"body_encoding\": \"utf-8\"",
                                     "\"compression\": \"gzip\"",
                                     "\"eta\": \"2024-01-01\"",
                                     "\"__type__\": \"uuid\"",
                                     "\"__value__\": ",
                                     "[[1], {}, {}]",
                                     ", ",
                                     ": ",
                                     "\xff",
                                     "\xc3",
                                     "\x06\x16",
                                     "[[[[[[[[",
                                     "]]]]]]]]"};

/* xorshift64*: any generator will do, as long as it is always the same. */
static size_t random_below(size_t bound)
{
    if (bound == 0)
        return 0;
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % bound;
}

static bool load_seed(const char *folder, const char *name)
{
    char path[4096];
    FILE *stream;
    struct seed *s = &seeds[seed_count];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);

    if (len < 0 || (size_t)len >= sizeof(path) || seed_count == SEEDS_MAX)
        return false;
    stream = fopen(path, "rb");
    if (stream == NULL)
        return false;
    s->bytes = malloc(INPUT_MAX);
    if (s->bytes == NULL) {
        (void)fclose(stream);
        return false;
    }
    s->len = fread(s->bytes, 1, INPUT_MAX, stream);
    seed_count++;
    return fclose(stream) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Loads the corpus in the order of names, so that every run is the same. */
static bool load_corpus(const char *folder)
{
    char *names[SEEDS_MAX];
    size_t count = 0;
    bool fine = true;
    DIR *dir = opendir(folder);

    if (dir == NULL)
        return false;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.' && count < SEEDS_MAX)
            names[count++] = strdup(e->d_name);
    }
    (void)closedir(dir);
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        fine = fine && names[i] != NULL && load_seed(folder, names[i]);
        free(names[i]);
    }
    return fine && count > 0;
}

/* Replaces `removed` bytes at `at` by others; what does not fit is cut off. */
static size_t splice(uint8_t *input, size_t len, size_t at, size_t removed, const void *bytes,
                     size_t added)
{
    size_t tail = len - at - removed;

    if (added > INPUT_MAX - at)
        added = INPUT_MAX - at;
    if (tail > INPUT_MAX - at - added)
        tail = INPUT_MAX - at - added;
    memmove(input + at + added, input + at + removed, tail);
    memcpy(input + at, bytes, added);
    return at + added + tail;
}

/* One random change. */
static size_t mutate(uint8_t *input, size_t len)
{
    size_t at = random_below(len + 1);
    size_t rest = len - at;
    size_t some = rest == 0 ? 0 : random_below(rest < 32 ? rest + 1 : 32);
    const struct seed *other = &seeds[random_below(seed_count)];
    const char *token = tokens[random_below(sizeof(tokens) / sizeof(tokens[0]))];
    size_t from = random_below(other->len + 1);
    size_t take = random_below(other->len - from + 1);
    uint8_t byte = (uint8_t)random_below(256);

    switch (random_below(7)) {
    case 0:
        if (rest > 0)
            input[at] ^= (uint8_t)(1u << random_below(8));
        return len;
    case 1:
        return splice(input, len, at, rest > 0 ? 1 : 0, &byte, 1);
    case 2:
        return splice(input, len, at, some, "", 0);
    case 3:
        return splice(input, len, at, some, token, strlen(token));
    case 4:
        return splice(input, len, at, 0, token, strlen(token));
    case 5:
        return splice(input, len, at, 0, other->bytes + from, take < 200 ? take : 200);
    default:
        return random_below(4) == 0 ? at : len;
    }
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    unsigned long mutations;

    if (argc != 3 || !load_corpus(argv[1])) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER MUTATIONS\n", argv[0]);
        return 2;
    }
    mutations = strtoul(argv[2], NULL, 10);
    for (size_t i = 0; i < seed_count; i++)
        (void)LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].len);
    for (unsigned long i = 0; i < mutations; i++) {
        const struct seed *s = &seeds[random_below(seed_count)];
        size_t len = s->len;

        memcpy(input, s->bytes, len);
        for (size_t changes = 1 + random_below(6); changes > 0; changes--)
            len = mutate(input, len);
        (void)LLVMFuzzerTestOneInput(input, len);
    }
    printf("%zu seeds, %lu mutations\n", seed_count, mutations);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    return 0;
}
