/* worker/exit_text.c; expected texts are those of billiard 4.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/exit_text.h"

/* The status of waitpid(): the signal in the low bits, an exit code above them. */
#define EXITED(code) ((code) << 8)
#define DUMPED 0x80

static void says_it_as_billiard_does(void **state)
{
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {EXITED(0), "exitcode 0"},
        {EXITED(3), "exitcode 3"},
        {EXITED(255), "exitcode 255"},
        {11, "signal 11 (SIGSEGV)"},
        {11 | DUMPED, "signal 11 (SIGSEGV)"},
        {9, "signal 9 (SIGKILL)"},
        {6, "signal 6 (SIGABRT)"},
        {1, "signal 1 (SIGHUP)"},
        {29, "signal 29 (SIGPOLL)"},
        {33, "signal 33"},
        {34, "signal 34 (SIGRTMIN)"},
        {35, "signal 35"},
        {64, "signal 64 (SIGRTMAX)"},
    };
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 128);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strbuf_clear(&text);
        cel_exit_text(cases[i].status, &text);
        assert_string_equal(strbuf_text(&text), cases[i].text);
    }
    strbuf_close(&text);
}

static void names_the_job(void **state)
{
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 128);
    cel_lost_text(11, 0, &text);
    assert_string_equal(strbuf_text(&text),
                        "Worker exited prematurely: signal 11 (SIGSEGV) Job: 0.");
    strbuf_clear(&text);
    cel_lost_text(EXITED(3), UINT64_MAX, &text);
    assert_string_equal(strbuf_text(&text),
                        "Worker exited prematurely: exitcode 3 Job: 18446744073709551615.");
    strbuf_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_it_as_billiard_does),
        cmocka_unit_test(names_the_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
