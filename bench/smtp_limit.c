/*
 * The fastest honest SMTP client: COUNT mails over a few kept connections, one command at a time.
 * Usage: smtp_limit PORT COUNT; prints mails/s and its CPU-ms per mail.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/parse_num.h"

enum { CONNECTIONS = 8 };

struct part {
    in_port_t port;
    int mails;
    int failed;
};

static int expect(int fd, char code)
{
    char reply[512];
    ssize_t n = read(fd, reply, sizeof reply);

    return n > 0 && reply[0] == code ? 0 : -1;
}

static int say(int fd, const char *text, char code)
{
    size_t len = strlen(text);

    return write(fd, text, len) == (ssize_t)len ? expect(fd, code) : -1;
}

static int send_mail(int fd)
{
    return say(fd, "MAIL FROM:<noreply@example.com>\r\n", '2') ||
           say(fd, "RCPT TO:<user@example.com>\r\n", '2') || say(fd, "DATA\r\n", '3') ||
           say(fd,
               "Subject: Hello\r\nFrom: noreply@example.com\r\nTo: "
               "user@example.com\r\n\r\nHi\r\n.\r\n",
               '2');
}

static void *run(void *argument)
{
    struct part *part = argument;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(part->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    part->failed = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
                   expect(fd, '2') || say(fd, "EHLO bench\r\n", '2');
    for (int i = 0; !part->failed && i < part->mails; i++)
        part->failed = send_mail(fd);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct part parts[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    struct timespec began;
    struct timespec ended;
    struct rusage used;
    int64_t port = 0;
    int64_t count = 0;
    int failed = 0;
    double took;

    if (argc != 3 || parse_int64(span_of(argv[1]), 1, 65535, &port) ||
        parse_int64(span_of(argv[2]), CONNECTIONS, 100000000, &count)) {
        fputs("usage: smtp_limit PORT COUNT\n", stderr);
        return EXIT_FAILURE;
    }

    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < CONNECTIONS; i++) {
        parts[i] = (struct part){.port = (in_port_t)port, .mails = (int)(count / CONNECTIONS)};
        failed |= pthread_create(&threads[i], NULL, run, &parts[i]);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        pthread_join(threads[i], NULL);
        failed |= parts[i].failed;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    getrusage(RUSAGE_SELF, &used);
    took = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    count = count / CONNECTIONS * CONNECTIONS;
    printf("%.0f %.4f\n", (double)count / took,
           1000 * (seconds(used.ru_utime) + seconds(used.ru_stime)) / (double)count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
