/*
 * What 5,000 messages cost the ledger: captures, intents and deliveries in batches of a hundred,
 * with all fsyncs on. Prints seconds of wall clock and of CPU by thread.
 *
 *   bench_ledger DIRECTORY [MESSAGES [OCTETS]]
 */
#include <event2/event.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/ledger/ledger.h"

#define BATCH 100

struct bench {
    struct event_base *base;
    struct ledger *ledger;
    unsigned waiting;
    int64_t folder;
    struct ledger_copy *copies;
    size_t n;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_all(struct bench *bench)
{
    while (bench->waiting > 0)
        event_base_loop(bench->base, EVLOOP_ONCE);
}

static void on_folder(void *arg, const struct ledger_folder *folder)
{
    struct bench *bench = arg;
    bench->folder = folder->id;
    bench->waiting--;
}

static void on_captured(void *arg, enum capture_outcome outcome)
{
    (void)outcome;
    ((struct bench *)arg)->waiting--;
}

static void on_done(void *arg)
{
    ((struct bench *)arg)->waiting--;
}

static void on_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due, bool *keep)
{
    struct bench *bench = arg;
    (void)next_due;
    bench->copies = copies;
    bench->n = n;
    *keep = true;
    bench->waiting--;
}

static void capture(struct bench *bench, uint32_t uid, const char *octets, size_t len)
{
    static const char plan[] = "directions 1\nsender someone@example.org\nrecipient to "
                               "alice@example.org\nrule everything\ndomain example.org\n";
    char id[32];
    unsigned char random[16];
    RAND_bytes(random, sizeof(random));
    for (int i = 0; i < 26; i++)
        id[i] = "abcdefghijklmnopqrstuvwxyz234567"[random[i % 16] >> (i / 16 * 3) & 31];
    id[26] = '\0';
    struct ledger_new_copy copy = {.target = "compliance", .monitor_id = id, .plan = plan};
    struct ledger_capture capture = {.folder = bench->folder,
                                     .uid = uid,
                                     .internaldate = 1700000000,
                                     .header_len = 20,
                                     .copies = &copy,
                                     .n_copies = 1};
    RAND_bytes(capture.sha256, 32);
    struct spool_entry *entry = spool_entry_new(bench->ledger);
    spool_entry_write(entry, octets, len);
    bench->waiting++;
    ledger_capture(bench->ledger, &capture, entry, on_captured, bench);
}

static void deliver_batch(struct bench *bench)
{
    struct ledger_intended intended[BATCH];
    struct ledger_delivery deliveries[BATCH];
    const struct ledger_destination place = {"imap.test:143/monitor", "Monitor/2026-11", 77, 5};
    memset(intended, 0, sizeof(intended));
    for (size_t i = 0; i < bench->n; i++) {
        intended[i].copy = bench->copies[i].id;
        deliveries[i] = (struct ledger_delivery){bench->copies[i].id, 77, (uint32_t)i + 1};
    }
    bench->waiting++;
    ledger_intent(bench->ledger, intended, bench->n, &place, on_done, bench);
    wait_all(bench);
    bench->waiting++;
    ledger_delivered(bench->ledger, deliveries, bench->n, on_done, bench);
    wait_all(bench);
    ledger_copies_free(bench->copies, bench->n);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    uint32_t messages = argc > 2 ? (uint32_t)atoi(argv[2]) : 5000;
    size_t len = argc > 3 ? (size_t)atoi(argv[3]) : 36000;
    struct bench bench = {.base = event_base_new()};
    struct ledger_options options = {argv[1], "bench", "00", 0, 0};
    char *why, *octets = malloc(len + 1);
    if (octets == NULL || ledger_open(bench.base, &options, &bench.ledger, &why) != LEDGER_OPENED)
        return 1;
    memset(octets, 'x', len);
    bench.waiting++;
    ledger_folder_open(bench.ledger, "alice", "INBOX", 1, 1, true, on_folder, &bench);
    wait_all(&bench);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double loop = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t uid = 1; uid <= messages; uid++) {
        capture(&bench, uid, octets, len);
        if (uid % BATCH == 0)
            wait_all(&bench);
    }
    wait_all(&bench);
    double captured = seconds(CLOCK_MONOTONIC) - wall;
    do {
        bench.waiting++;
        ledger_pending(bench.ledger, "compliance", time(NULL), BATCH, on_pending, &bench);
        wait_all(&bench);
        if (bench.n > 0)
            deliver_batch(&bench);
    } while (bench.n > 0);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    loop = seconds(CLOCK_THREAD_CPUTIME_ID) - loop;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%u messages of %zu octets: %.3f s, of it capture %.3f s; CPU: ledger %.3f s, loop"
           " %.3f s\n",
           messages, len, wall, captured, cpu - loop, loop);
    ledger_close(bench.ledger);
    event_base_free(bench.base);
    free(octets);
    return 0;
}
