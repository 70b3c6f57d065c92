/*
 * The balance of the books as a property: 12,000 simulated messages for each seed, in a world that
 * drops, delays, duplicates, reorders and refuses mail, loses the reply to DATA, moves the wall
 * clock, restarts the agent (with a dialogue at work, too) and reboots the machine. The messages
 * are accounted a second time here, by what the world knows, and both must agree after each step.
 *
 * What the books report is written to rows as a database would keep them; a restart has nothing
 * else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/roundtrip/book.h"
#include "rules/util/memory.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define MESSAGES 12000
#define EVENTS_MAX 4096
#define SEEN_MAX 16 /* messages that an inbox gives again after a restart */

static const struct book_limits limits = {.crit = 60, .lost = 6 * 3600};

/* ---- chance: splitmix64 ---- */

static uint64_t chance_next(uint64_t *chance)
{
    uint64_t z = (*chance += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static unsigned below(uint64_t *chance, unsigned n)
{
    return (unsigned)(chance_next(chance) % n);
}

/* Most take some seconds, some more than crit, few more than lost, a very few come when they are
 * forgotten. */
static int64_t transit(uint64_t *chance)
{
    static const int64_t most[] = {3 * SECOND,  3 * SECOND,  3 * SECOND, 30 * SECOND,
                                   80 * SECOND, 80 * SECOND, 2 * HOUR,   9 * HOUR};
    if (below(chance, 100) == 0)
        return 8 * 24 * HOUR;
    return (int64_t)(chance_next(chance) % (uint64_t)(2 * most[below(chance, 8)]));
}

/* ---- the world ---- */

enum fate { UNSENT, TRYING, SENT, REJECTED, DOUBTFUL };

/* What the world knows of one message. */
struct truth {
    enum fate fate;
    int64_t began, began_wall;
    unsigned boot;
    enum book_state verdict; /* BOOK_INTENDED: none yet */
    bool answered;
    uint32_t first_uid;
    unsigned verdicts; /* that the books reported: one at most */
    bool has_row;
    struct book_entry row;
};

struct happening {
    int64_t at;
    enum { DIALOGUE_ENDS, ARRIVES } what;
    uint32_t message, uid;
    enum fate fate; /* how the dialogue ends */
};

struct world {
    uint64_t seed, chance;
    int64_t now, wall_ahead, boot_began;
    unsigned boot;
    uint32_t next_uid, begun, step;
    struct roundtrip_book *book;
    struct book_counts told, expected;
    struct truth messages[MESSAGES];
    struct happening events[EVENTS_MAX]; /* unordered */
    size_t n_events;
    struct happening seen[SEEN_MAX];
    size_t n_seen;
    uint32_t trying;         /* message whose dialogue is at work, MESSAGES: none */
    unsigned early, foreign; /* answers before the reply to DATA; of forgotten messages */
};

#define CHECK(world, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %" PRIu64 ", step %u: %s", (world)->seed, (world)->step, #condition);   \
    } while (0)

static void name_message(const struct world *world, uint32_t message,
                         unsigned char nonce[TOKEN_NONCE])
{
    uint64_t mixed = world->seed + message, first = chance_next(&mixed);
    memset(nonce, 0, TOKEN_NONCE);
    memcpy(nonce, &first, sizeof(first));
    memcpy(nonce + TOKEN_NONCE - sizeof(message), &message, sizeof(message));
}

static struct truth *truth_of(struct world *world, const unsigned char nonce[TOKEN_NONCE])
{
    uint32_t message;
    memcpy(&message, nonce + TOKEN_NONCE - sizeof(message), sizeof(message));
    CHECK(world, message < MESSAGES);
    return &world->messages[message];
}

static struct book_time clock_of(const struct world *world)
{
    struct book_time now = {.wall_us = world->now + world->wall_ahead,
                            .boot_us = world->now - world->boot_began};
    snprintf(now.boot_id, sizeof(now.boot_id), "boot %u", world->boot);
    return now;
}

/* As the contract has it: true time within a boot, else the difference of wall clocks. */
static int64_t age(const struct world *world, const struct truth *truth)
{
    int64_t wall = world->now + world->wall_ahead - truth->began_wall;
    if (truth->boot == world->boot)
        return world->now - truth->began;
    return wall > 0 ? wall : 0;
}

/* ---- what the books report ---- */

static bool is_verdict(enum book_state state)
{
    return state >= BOOK_RETURNED && state <= BOOK_UNCERTAIN;
}

static void on_changed(void *arg, const struct book_entry *entry, const struct book_counts *counts)
{
    struct world *world = arg;
    struct truth *truth = truth_of(world, entry->nonce);
    bool had = truth->has_row && is_verdict(truth->row.state);
    CHECK(world, book_balances(counts));
    CHECK(world, !had || truth->row.state == entry->state);
    if (is_verdict(entry->state) && !had)
        CHECK(world, ++truth->verdicts == 1);
    truth->row = *entry;
    truth->has_row = entry->state != BOOK_REJECTED;
    world->told = *counts;
}

static void on_forgotten(void *arg, const unsigned char nonce[TOKEN_NONCE])
{
    struct world *world = arg;
    struct truth *truth = truth_of(world, nonce);
    CHECK(world, truth->has_row && is_verdict(truth->row.state));
    CHECK(world, age(world, truth) > (limits.lost + BOOK_MEMORY) * SECOND);
    truth->has_row = false;
}

static const struct book_events events = {on_changed, on_forgotten};

/* ---- the second account ---- */

static void expect_sent(struct world *world)
{
    world->expected.sent++;
    world->expected.outstanding++;
}

static void expect_verdict(struct world *world, struct truth *truth, enum book_state verdict)
{
    struct book_counts *counts = &world->expected;
    truth->verdict = verdict;
    counts->outstanding--;
    counts->returned += verdict == BOOK_RETURNED;
    counts->late += verdict == BOOK_LATE;
    counts->lost += verdict == BOOK_LOST;
    counts->uncertain += verdict == BOOK_UNCERTAIN;
}

static bool is_outstanding(const struct truth *truth)
{
    return truth->fate == SENT && truth->verdict == BOOK_INTENDED;
}

static void expect_lost(struct world *world)
{
    for (uint32_t i = 0; i < world->begun; i++) {
        struct truth *truth = &world->messages[i];
        if (is_outstanding(truth) && age(world, truth) > limits.lost * SECOND)
            expect_verdict(world, truth, BOOK_LOST);
    }
}

static enum book_return expect_arrival(struct world *world, struct truth *truth, uint32_t uid)
{
    if (!truth->has_row) {
        world->foreign++;
        return BOOK_IS_FOREIGN;
    }
    if (truth->fate == TRYING) {
        world->early++;
        truth->fate = SENT;
        expect_sent(world);
    }
    if (is_outstanding(truth) && age(world, truth) > limits.lost * SECOND)
        expect_verdict(world, truth, BOOK_LOST);
    if (truth->answered && truth->first_uid == uid)
        return BOOK_IS_KNOWN;
    if (truth->answered) {
        world->expected.duplicates++;
        return BOOK_IS_DUPLICATE;
    }
    truth->answered = true;
    truth->first_uid = uid;
    if (truth->verdict != BOOK_INTENDED) {
        world->expected.after_verdict++;
        return BOOK_IS_AFTER_VERDICT;
    }
    bool in_time = age(world, truth) <= limits.crit * SECOND;
    expect_verdict(world, truth, in_time ? BOOK_RETURNED : BOOK_LATE);
    return in_time ? BOOK_IS_RETURNED : BOOK_IS_LATE;
}

/* Not less than before in any counter, balanced, and as the world has it. */
static void check_counts(struct world *world, const struct book_counts *before)
{
    const struct book_counts *counts = roundtrip_book_counts(world->book);
    const struct book_counts *expected = &world->expected;
    uint64_t measured = 0;
    CHECK(world, book_balances(counts));
    CHECK(world, counts->sent == expected->sent && counts->sent >= before->sent);
    CHECK(world, counts->returned == expected->returned && counts->returned >= before->returned);
    CHECK(world, counts->late == expected->late && counts->late >= before->late);
    CHECK(world, counts->lost == expected->lost && counts->lost >= before->lost);
    CHECK(world, counts->uncertain == expected->uncertain);
    CHECK(world, counts->uncertain >= before->uncertain);
    CHECK(world, counts->outstanding == expected->outstanding);
    CHECK(world, counts->duplicates == expected->duplicates);
    CHECK(world, counts->duplicates >= before->duplicates);
    CHECK(world, counts->after_verdict == expected->after_verdict);
    CHECK(world, counts->after_verdict >= before->after_verdict);
    CHECK(world, counts->duration_sum >= before->duration_sum);
    for (size_t i = 0; i < REJECT_REASONS; i++)
        CHECK(world, counts->rejected[i] == expected->rejected[i]);
    for (size_t i = 0; i <= BOOK_BUCKETS; i++)
        measured += counts->buckets[i];
    CHECK(world, measured == counts->returned + counts->late);
}

/* ---- what happens ---- */

static void schedule(struct world *world, struct happening happening)
{
    CHECK(world, world->n_events < EVENTS_MAX);
    world->events[world->n_events++] = happening;
}

static struct happening take_first(struct world *world)
{
    size_t first = 0;
    for (size_t i = 1; i < world->n_events; i++)
        if (world->events[i].at < world->events[first].at)
            first = i;
    struct happening happening = world->events[first];
    world->events[first] = world->events[--world->n_events];
    return happening;
}

static void deliver(struct world *world, uint32_t message, int64_t after)
{
    schedule(world, (struct happening){.at = world->now + after + transit(&world->chance),
                                       .what = ARRIVES,
                                       .message = message,
                                       .uid = world->next_uid++});
}

/* One of ten is dropped, one of ten comes twice or thrice. */
static void deliver_or_drop(struct world *world, uint32_t message, int64_t after)
{
    unsigned luck = below(&world->chance, 20);
    if (luck < 2)
        return;
    for (unsigned copies = luck < 4 ? luck : 1; copies > 0; copies--)
        deliver(world, message, after);
}

static void begin_message(struct world *world)
{
    uint32_t message = world->begun;
    if (message == MESSAGES || world->trying != MESSAGES)
        return;
    struct truth *truth = &world->messages[message];
    struct book_time now = clock_of(world);
    unsigned char nonce[TOKEN_NONCE];
    world->begun++;
    *truth = (struct truth){
        .fate = TRYING, .began = world->now, .began_wall = now.wall_us, .boot = world->boot};
    name_message(world, message, nonce);
    CHECK(world, roundtrip_book_intend(world->book, nonce, &now));
    CHECK(world, truth->has_row && truth->row.state == BOOK_INTENDED);
    static const enum fate fates[] = {REJECTED, DOUBTFUL, DOUBTFUL, SENT, SENT, SENT,
                                      SENT,     SENT,     SENT,     SENT, SENT, SENT};
    struct happening end = {.at = world->now + below(&world->chance, 4000000),
                            .what = DIALOGUE_ENDS,
                            .message = message,
                            .fate = fates[below(&world->chance, 12)]};
    if (end.fate == SENT || (end.fate == DOUBTFUL && below(&world->chance, 2) == 0))
        deliver_or_drop(world, message, below(&world->chance, 10) == 0 ? 0 : end.at - world->now);
    schedule(world, end);
    world->trying = message;
}

static void end_dialogue(struct world *world, const struct happening *end)
{
    struct truth *truth = &world->messages[end->message];
    struct book_time now = clock_of(world);
    unsigned char nonce[TOKEN_NONCE];
    name_message(world, end->message, nonce);
    world->trying = MESSAGES;
    if (end->fate == REJECTED) {
        enum book_rejection reason = below(&world->chance, REJECT_REASONS);
        roundtrip_book_rejected(world->book, nonce, reason, &now);
        world->expected.rejected[reason]++;
        truth->fate = REJECTED;
        return;
    }
    bool was_seen = truth->fate == SENT; /* before the reply to DATA */
    if (end->fate == SENT)
        roundtrip_book_sent(world->book, nonce, &now);
    else
        roundtrip_book_uncertain(world->book, nonce, &now);
    if (was_seen)
        return;
    truth->fate = end->fate;
    expect_sent(world);
    if (end->fate == DOUBTFUL)
        expect_verdict(world, truth, BOOK_UNCERTAIN);
}

static void arrive(struct world *world, const struct happening *arrival)
{
    struct truth *truth = &world->messages[arrival->message];
    struct book_time now = clock_of(world);
    struct book_place place = {.folder = "INBOX", .uidvalidity = 1, .uid = arrival->uid};
    unsigned char nonce[TOKEN_NONCE];
    const struct book_entry *entry;
    name_message(world, arrival->message, nonce);
    enum book_return expected = expect_arrival(world, truth, arrival->uid);
    enum book_return what = roundtrip_book_returned(world->book, nonce, &place, &now, &entry);
    CHECK(world, what == expected);
    if (what == BOOK_IS_RETURNED)
        CHECK(world, entry->state == BOOK_RETURNED && entry->duration_us == age(world, truth));
    world->seen[world->n_seen++ % SEEN_MAX] = *arrival;
}

static bool is_due(const struct world *world)
{
    for (size_t i = 0; i < world->n_events; i++)
        if (world->events[i].at <= world->now)
            return true;
    return false;
}

static void happen(struct world *world)
{
    struct happening next = take_first(world);
    if (next.at > world->now)
        world->now = next.at;
    if (next.what == DIALOGUE_ENDS)
        end_dialogue(world, &next);
    else
        arrive(world, &next);
}

static void tick(struct world *world)
{
    struct book_time now = clock_of(world);
    expect_lost(world);
    roundtrip_book_tick(world->book, &now);
}

static void forget_dialogue(struct world *world)
{
    for (size_t i = 0; i < world->n_events; i++)
        if (world->events[i].what == DIALOGUE_ENDS) {
            world->events[i] = world->events[--world->n_events];
            break;
        }
    struct truth *truth = &world->messages[world->trying];
    world->trying = MESSAGES;
    if (truth->fate != TRYING)
        return; /* its answer was there already */
    truth->fate = DOUBTFUL;
    expect_sent(world);
    expect_verdict(world, truth, BOOK_UNCERTAIN);
}

/* The dialogue dies, wherever it was; the rows are all there is; the inbox gives again what it gave
 * last. */
static void restart(struct world *world)
{
    struct book_entry *rows = xcalloc(MESSAGES, sizeof(*rows));
    struct book_time now = clock_of(world);
    size_t n = 0;
    for (uint32_t i = 0; i < world->begun; i++)
        if (world->messages[i].has_row)
            rows[n++] = world->messages[i].row;
    if (world->trying != MESSAGES)
        forget_dialogue(world);
    roundtrip_book_free(world->book);
    world->book = roundtrip_book_new(&limits, &events, world);
    roundtrip_book_load(world->book, rows, n, &world->told);
    roundtrip_book_restarted(world->book, &now);
    free(rows);
    size_t seen = world->n_seen < SEEN_MAX ? world->n_seen : SEEN_MAX;
    struct happening again[SEEN_MAX];
    memcpy(again, world->seen, sizeof(again));
    for (size_t i = 0; i < seen; i++)
        arrive(world, &again[i]);
}

static void reboot(struct world *world)
{
    world->boot++;
    world->boot_began = world->now;
    world->now += 20 * SECOND;
    restart(world);
}

static void move_wall_clock(struct world *world)
{
    world->wall_ahead += ((int64_t)below(&world->chance, 10 * 3600) - 5 * 3600) * SECOND;
}

static void one_step(struct world *world)
{
    unsigned luck = below(&world->chance, 1000);
    if (luck < 3)
        restart(world);
    else if (luck < 4)
        reboot(world);
    else if (luck < 8)
        move_wall_clock(world);
    else if (luck < 60)
        tick(world);
    else if (luck < 70)
        world->now += 20 * 60 * SECOND;
    else if (world->n_events > 0 && (luck < 400 || (luck < 950 && is_due(world))))
        happen(world);
    else {
        world->now += 60 * SECOND;
        begin_message(world);
    }
}

/* Rows and books agree, message by message. */
static void check_rows(struct world *world)
{
    for (uint32_t i = 0; i < world->begun; i++) {
        const struct truth *truth = &world->messages[i];
        unsigned char nonce[TOKEN_NONCE];
        name_message(world, i, nonce);
        const struct book_entry *entry = roundtrip_book_find(world->book, nonce);
        CHECK(world, (entry != NULL) == truth->has_row);
        if (entry != NULL)
            CHECK(world, memcmp(entry, &truth->row, sizeof(*entry)) == 0);
        CHECK(world, truth->fate == REJECTED || truth->fate == TRYING || is_outstanding(truth) ||
                         truth->verdicts == 1);
    }
}

static void play(uint64_t seed)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->seed = world->chance = seed;
    world->now = 30 * HOUR;
    world->wall_ahead = 1700000000 * SECOND;
    world->trying = MESSAGES;
    world->next_uid = 1;
    world->book = roundtrip_book_new(&limits, &events, world);
    while (world->begun < MESSAGES || world->n_events > 0) {
        struct book_counts before = *roundtrip_book_counts(world->book);
        world->step++;
        one_step(world);
        check_counts(world, &before);
        if (world->step % 2000 == 0)
            check_rows(world);
    }
    world->now += 7 * 24 * HOUR;
    reboot(world);
    world->wall_ahead += 100 * 24 * HOUR;
    tick(world);
    const struct book_counts *counts = roundtrip_book_counts(world->book);
    CHECK(world, counts->outstanding == 0);
    for (uint32_t i = 0; i < MESSAGES; i++)
        CHECK(world, !world->messages[i].has_row);
    /* The world was one in which everything happens. */
    CHECK(world, counts->returned > 1000 && counts->late > 500 && counts->lost > 200);
    CHECK(world, counts->uncertain > 500 && counts->duplicates > 200);
    CHECK(world, counts->after_verdict > 200 && world->boot > 5);
    CHECK(world, world->early > 20 && world->foreign > 20);
    print_message("seed %" PRIu64 ": %u steps, %" PRIu64 " sent = %" PRIu64 " returned + %" PRIu64
                  " late + %" PRIu64 " lost + %" PRIu64 " uncertain; %" PRIu64
                  " duplicates, %" PRIu64 " after their verdict, %u boots\n",
                  seed, world->step, counts->sent, counts->returned, counts->late, counts->lost,
                  counts->uncertain, counts->duplicates, counts->after_verdict, world->boot + 1);
    roundtrip_book_free(world->book);
    free(world);
}

static void books_balance_whatever_happens(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {1, 20061117, 0xfeedface, 4711};
    const char *own = getenv("MAILVIGIL_TEST_SEED");
    if (own != NULL) {
        play(strtoull(own, NULL, 0));
        return;
    }
    for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
        play(seeds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(books_balance_whatever_happens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
