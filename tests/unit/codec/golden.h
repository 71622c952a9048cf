/*
 * The golden captures: what real Celery 4.4.7, 5.2.6 and 5.6.3 put into Redis, kept in
 * tests/data/celery. Every check of them is a case with a name; a report of all can be had as a
 * file. For the golden test program only; one thread.
 */
#ifndef TESTS_CODEC_GOLDEN_H
#define TESTS_CODEC_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Largest text that a check makes. */
#define GOLDEN_TEXT_MAX ((size_t)1024 * 1024)

/* One captured file, parsed. */
struct golden_file {
    char *text;
    struct json_doc doc;
};

/* Reads tests/data/celery/<name>; ends the program when it cannot. Close it with golden_close(). */
const struct json_node *golden_open(struct golden_file *file, const char *name);
void golden_close(struct golden_file *file);

/* A string's decoded bytes in out, which is cleared before; the program ends when it is none. */
struct span golden_string(const struct json_node *node, struct strbuf *out);

/*
 * Records a case. In the report it is a line "name<TAB>pass|fail<TAB>detail"; a failure is printed
 * too. The report is <CELERIAC_REPORT_DIR>/golden.tsv, if that variable is set.
 */
void golden_case(bool pass, const char *detail, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

/* Cases so far, and those that failed. */
size_t golden_cases(void);
size_t golden_failures(void);

/* Closes the report. */
void golden_end(void);

/* Where two texts differ first, for a case's detail; "" when they are equal. */
const char *golden_difference(struct span got, struct span wanted);

/* The checks of one captured file. */
void golden_check_publish(const char *version, const char *file);
void golden_check_state(const char *version, const char *file);

#endif
