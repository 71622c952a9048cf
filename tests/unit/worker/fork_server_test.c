/* worker/fork_server.c and its process, and what children do about those who talk to them. */
#include "tests/unit/worker/child_fixture.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse_num.h"

/* A child whose stream is the test's own. */
struct raw {
    int work;
    int control;
};

static struct raw spawn(struct child_fixture *f)
{
    char ready[CEL_FRAME_HEADER];
    struct raw raw = {-1, -1};

    assert_int_equal(cel_fork_server_spawn(f->server, &raw.work, &raw.control, NULL), CELERIAC_OK);
    assert_int_equal(read(raw.work, ready, sizeof ready), CEL_FRAME_HEADER);
    assert_int_equal(ready[0], CEL_FRAME_READY);
    return raw;
}

/* Sends it home; returns the status of its end. */
static int send_home(const struct raw *raw)
{
    struct cel_fork_record record = {0};
    struct pollfd fd = {.fd = raw->control, .events = POLLIN};

    close(raw->work);
    while (record.news != CEL_FORK_ENDED) {
        assert_int_equal(poll(&fd, 1, -1), 1);
        assert_int_equal(recv(raw->control, &record, sizeof record, 0), sizeof record);
    }
    close(raw->control);
    return record.value;
}

/* How many descriptors this process has. */
static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = -1; /* that of the folder */

    while (folder && (entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return count;
}

static void count_mine(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, count_descriptors());
}

static void add_count(struct child_fixture *f)
{
    static const struct celeriac_task_options count = {.name = "count", .run = count_mine};

    assert_int_equal(cel_registry_add(f->runtime.registry, &count, NULL), CELERIAC_OK);
}

/* Leaves a process behind that says who has taken it over, when its father is dead. */
static void leave_orphan(struct celeriac_task *task, void *user)
{
    atomic_int *parent = user;
    pid_t father = getpid();

    if (fork() == 0) {
        while (getppid() == father)
            usleep(1000);
        atomic_store(parent, getppid());
        _exit(0);
    }
    celeriac_task_return_null(task);
}

static void stop(void *user)
{
    (void)user;
    _exit(42);
}

static void who_is_sent_home_stops_in_order(void **state)
{
    struct child_fixture *f = *state;
    struct raw raw;

    child_serve(f, &(struct cel_child_plan){.stop = stop});
    (void)child_await(f, CEL_FRAME_READY);
    raw = spawn(f);
    assert_int_equal(WEXITSTATUS(send_home(&raw)), 42);
}

/* A request that is cut off is never run, wherever it is cut. */
static void a_request_cut_short_ends_the_child(void **state)
{
    struct child_fixture *f = *state;
    struct span request;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "look", 1);
    request = strbuf_span(cel_child_out(f->child));
    for (size_t len = 0; len < request.len; len++) {
        struct raw raw;
        char said;

        if (len > CEL_FRAME_HEADER + 24 && len + 8 < request.len)
            continue;
        raw = spawn(f);
        assert_int_equal(send(raw.work, request.ptr, len, 0), len);
        assert_int_equal(shutdown(raw.work, SHUT_WR), 0);
        assert_int_equal(read(raw.work, &said, 1), 0);
        assert_int_equal(send_home(&raw), len == 0 ? 0 : 1 << 8);
    }
}

/* What is no request ends it as well; it does not wait for the rest. */
static void a_broken_request_ends_the_child(void **state)
{
    static const struct {
        unsigned char bytes[CEL_FRAME_HEADER + 4];
        size_t len;
    } broken[] = {
        {{CEL_FRAME_READY}, CEL_FRAME_HEADER},
        {{0}, CEL_FRAME_HEADER},
        {{77}, CEL_FRAME_HEADER},
        {{CEL_FRAME_REQUEST, 1, 0, 0, 9}, CEL_FRAME_HEADER},
        {{CEL_FRAME_REQUEST, 0, 0, 0, 255, 255, 255, 255}, CEL_FRAME_HEADER},
        {{CEL_FRAME_REQUEST, 0, 0, 0, 4}, CEL_FRAME_HEADER + 4},
    };
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){0});
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct raw raw = spawn(f);
        struct pollfd fd = {.fd = raw.work, .events = POLLHUP};

        assert_int_equal(send(raw.work, broken[i].bytes, broken[i].len, 0), broken[i].len);
        assert_int_equal(poll(&fd, 1, -1), 1);
        assert_int_equal(send_home(&raw), 1 << 8);
    }
}

static void a_child_has_no_descriptors_but_its_own(void **state)
{
    struct child_fixture *f = *state;
    struct raw others[3];
    int private_fd = eventfd(0, EFD_CLOEXEC);
    char wanted[16];
    int before;

    assert_true(private_fd >= 0);
    before = count_descriptors();
    add_count(f);
    child_serve(f, &(struct cel_child_plan){.private_fds = &private_fd, .private_count = 1});
    (void)child_await(f, CEL_FRAME_READY);
    for (size_t i = 0; i < 3; i++)
        others[i] = spawn(f);
    cel_child_destroy(f->child, clock_monotonic_ns() + 5 * NS_PER_SEC);
    f->child = NULL;
    assert_int_equal(cel_child_create(f->server, &f->child, NULL), CELERIAC_OK);
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "count", 1);
    /* Its stream has come, and the private one is gone. */
    (void)snprintf(wanted, sizeof wanted, "%d", before);
    assert_string_equal(child_answer(f), wanted);
    for (size_t i = 0; i < 3; i++)
        (void)send_home(&others[i]);
    close(private_fd);
}

/* The server lives on, and so do the children that it has. */
static void a_server_without_descriptors_makes_no_child(void **state)
{
    struct child_fixture *f = *state;
    const struct cel_child_plan plan = {.runtime = &f->runtime};
    enum celeriac_err code;
    struct rlimit old;
    struct rlimit few;
    struct cel_frame frame;
    struct cel_child *second = NULL;
    int lowest = dup(STDERR_FILENO);

    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    /* Its two sockets, of which one is closed for its signals; then two for the first child, of
     * which it keeps one. */
    few.rlim_cur = (rlim_t)lowest + 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    add_count(f);
    code = cel_fork_server_create(&plan, &f->server, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(code, CELERIAC_OK);
    assert_int_equal(cel_child_create(f->server, &f->child, NULL), CELERIAC_OK);
    (void)child_await(f, CEL_FRAME_READY);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cel_child_create(f->server, &second, NULL), CELERIAC_OK);
        assert_int_equal(cel_child_wait(second, -1, -1, &frame), CEL_CHILD_GONE);
        assert_false(cel_child_was_started(second));
        cel_child_destroy(second, 0);
    }
    child_ask(f, "count", 1);
    (void)child_answer(f);
    cel_child_destroy(f->child, clock_monotonic_ns() + 5 * NS_PER_SEC);
    f->child = NULL;
    assert_int_equal(cel_child_create(f->server, &f->child, NULL), CELERIAC_OK);
    (void)child_await(f, CEL_FRAME_READY);
}

/* Each of two servers ends when its worker does, although the second has the first one's socket. */
static void two_servers_end_in_any_order(void **state)
{
    struct child_fixture *f = *state;
    const struct cel_child_plan plan = {.runtime = &f->runtime};
    struct cel_fork_server *first = NULL;

    assert_int_equal(cel_fork_server_create(&plan, &first, NULL), CELERIAC_OK);
    child_serve(f, &plan);
    cel_fork_server_destroy(first);
    (void)child_await(f, CEL_FRAME_READY);
}

static pid_t parent_of(pid_t pid)
{
    char name[64];
    char text[512];
    const char *after;
    FILE *stat;
    int64_t parent = -1;
    struct span word;
    struct span rest;

    (void)snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    stat = fopen(name, "r");
    assert_non_null(stat);
    assert_non_null(fgets(text, sizeof text, stat));
    (void)fclose(stat);
    /* "PID (NAME) STATE PARENT ..." */
    after = strrchr(text, ')');
    assert_non_null(after);
    (void)span_cut(span_of(after + 4), ' ', &word, &rest);
    assert_int_equal(parse_int64(word, 1, INT32_MAX, &parent), CELERIAC_OK);
    return (pid_t)parent;
}

/* In a container there may be nobody else who buries it. */
static void the_server_takes_orphans_over(void **state)
{
    struct child_fixture *f = *state;
    atomic_int *parent =
        mmap(NULL, sizeof *parent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct celeriac_task_options orphan = {
        .name = "orphan", .run = leave_orphan, .user = parent};
    pid_t server;

    assert_true(parent != MAP_FAILED);
    assert_int_equal(cel_registry_add(f->runtime.registry, &orphan, NULL), CELERIAC_OK);
    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    server = parent_of((pid_t)cel_child_pid(f->child));
    child_ask(f, "orphan", 1);
    (void)child_answer(f);
    cel_child_signal(f->child, SIGKILL, false);
    child_await_end(f);
    while (atomic_load(parent) == 0)
        usleep(1000);
    assert_int_equal(atomic_load(parent), server);
    assert_int_equal(munmap(parent, sizeof *parent), 0);
}

static void a_server_that_is_gone_makes_no_children(void **state)
{
    struct child_fixture *f = *state;
    struct cel_child *second = NULL;
    struct celeriac_error err = {0};
    siginfo_t ended;
    pid_t server;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    server = getpgid((pid_t)cel_child_pid(f->child)) == cel_child_pid(f->child)
                 ? parent_of((pid_t)cel_child_pid(f->child))
                 : -1;
    assert_true(server > 0 && server != getpid());
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)server, &ended, WEXITED | WNOWAIT), 0);
    child_await_end(f);
    assert_int_equal(cel_child_create(f->server, &second, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_string_equal(err.text, "the fork server is gone");
}

static void *wait_for_end(void *argument)
{
    uint64_t count;

    return read(*(int *)argument, &count, sizeof count) < 0 ? argument : NULL;
}

static void refuses_a_process_with_threads(void **state)
{
    struct child_fixture *f = *state;
    const struct cel_child_plan plan = {.runtime = &f->runtime};
    struct celeriac_error err = {0};
    const uint64_t one = 1;
    int fd = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;

    assert_true(fd >= 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &fd), 0);
    assert_int_equal(cel_fork_server_create(&plan, &f->server, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "celeriac_worker_prefork()"));
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
    pthread_join(thread, NULL);
    close(fd);
/* Its sanitizer keeps a thread of its own from the first one on. */
#ifndef __SANITIZE_THREAD__
    assert_int_equal(cel_fork_server_create(&plan, &f->server, NULL), CELERIAC_OK);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHILD_TEST(who_is_sent_home_stops_in_order),
        CHILD_TEST(a_request_cut_short_ends_the_child),
        CHILD_TEST(a_broken_request_ends_the_child),
        CHILD_TEST(a_child_has_no_descriptors_but_its_own),
        CHILD_TEST(a_server_without_descriptors_makes_no_child),
        CHILD_TEST(two_servers_end_in_any_order),
        CHILD_TEST(the_server_takes_orphans_over),
        CHILD_TEST(a_server_that_is_gone_makes_no_children),
        CHILD_TEST(refuses_a_process_with_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
