/*
 * How fast a session moves messages: MULTIAPPEND in batches into a selected folder, then one long
 * UID FETCH, against a Dovecot of the benchmark's own.
 * Usage: bench_stream [MESSAGES [SIZE [plain]]]. Prints messages/s, MB/s and our own CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "imapclient/scripted_dovecot.h"
#include "imapclient/session.h"
#include "imapclient/util/memory.h"

#define BATCH 100

struct bench {
    struct event_base *base;
    struct imap_session *session;
    size_t messages, size, batches_left;
    uint64_t octets, bodies;
    char *text;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static ssize_t give(void *arg, struct evbuffer *out, size_t want)
{
    const struct bench *bench = arg;
    size_t now = want < 65536 ? want : 65536;
    evbuffer_add_reference(out, bench->text, now, NULL, NULL);
    return (ssize_t)now;
}

static void on_done(void *arg, const struct imap_result *result)
{
    struct bench *bench = arg;
    if (result->kind != IMAP_RESULT_OK) {
        fprintf(stderr, "%s\n", result->reason);
        exit(1);
    }
    if (--bench->batches_left == 0)
        event_base_loopbreak(bench->base);
}

static void on_selected(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    (void)mailbox;
    on_done(arg, result);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    (void)arg;
    fprintf(stderr, "the session ended: %s\n", failure->reason);
    exit(1);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    (void)body;
    ((struct bench *)arg)->bodies++;
    return true;
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    (void)data;
    ((struct bench *)arg)->octets += len;
}

static void run(struct bench *bench, const char *what, size_t commands)
{
    double begin = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    bench->batches_left = commands;
    event_base_dispatch(bench->base);
    double took = seconds(CLOCK_MONOTONIC) - begin;
    printf("%-7s %7.0f messages/s %7.1f MB/s, %.3f s of CPU in %.3f s\n", what,
           (double)bench->messages / took,
           (double)bench->messages * (double)bench->size / took / 1e6,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, took);
}

static void append_all(struct bench *bench)
{
    struct imap_append_message messages[BATCH];
    size_t commands = 0;
    for (size_t i = 0; i < BATCH; i++)
        messages[i] = (struct imap_append_message){.size = bench->size, .read = give, .arg = bench};
    for (size_t left = bench->messages; left > 0; commands++) {
        size_t now = left < BATCH ? left : BATCH;
        imap_append(bench->session, "INBOX", messages, now, on_done, bench);
        left -= now;
    }
    run(bench, "append", commands);
}

static void fetch_all(struct bench *bench, const char *what)
{
    struct imap_uidset all = {0};
    imap_uidset_add(&all, 1, UINT32_MAX);
    imap_uid_fetch(bench->session, &all, "(UID FLAGS INTERNALDATE BODY.PEEK[])", on_done, bench);
    imap_uidset_clear(&all);
    run(bench, what, 1);
}

int main(int argc, char **argv)
{
    struct bench bench = {.messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000,
                          .size = argc > 2 ? strtoull(argv[2], NULL, 10) : 36000};
    bool plain = argc > 3 && strcmp(argv[3], "plain") == 0;
    static const struct imap_events events = {
        .on_closed = on_closed, .on_body_begin = on_body_begin, .on_body_data = on_body_data};
    struct dovecot *dovecot = dovecot_start();
    char *why;
    bench.text = xmalloc(65536);
    memset(bench.text, 'x', 65536); /* line ends would be Dovecot's business, not ours */
    bench.base = event_base_new();
    struct imap_options options = {
        .host = "127.0.0.1",
        .port = plain ? dovecot_imap_port(dovecot) : dovecot_imaps_port(dovecot),
        .security = plain ? IMAP_SECURITY_NONE : IMAP_SECURITY_TLS,
        .tls = imap_tls_context_new(dovecot_ca_file(dovecot), &why),
        .login = "bench",
        .secret = "wonder",
    };
    bench.session = imap_session_new(bench.base, NULL, &options, &events, &bench);
    imap_select(bench.session, "INBOX", on_selected, &bench);
    bench.batches_left = 1;
    event_base_dispatch(bench.base);
    append_all(&bench);
    fetch_all(&bench, "fetch");
    fetch_all(&bench, "again");
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%llu bodies, %llu octets, peak %.1f MB\n", (unsigned long long)bench.bodies,
           (unsigned long long)bench.octets, (double)usage.ru_maxrss * 1024 / 1e6);
    imap_session_free(bench.session);
    event_base_free(bench.base);
    SSL_CTX_free(options.tls);
    free(bench.text);
    dovecot_stop(dovecot);
    return bench.octets == 2 * (uint64_t)bench.messages * bench.size ? 0 : 1;
}
