/* The life of one message, as a line of steps; the outcome of its returns, and the counts at
 * the end. The balance under everything at once is agent/probe/roundtrip/test_balance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/roundtrip/book.h"
#include "in_range.h"

#define SECOND INT64_C(1000000)
static const struct book_limits limits = {.crit = 60, .lost = 600};
static const unsigned char nonce[TOKEN_NONCE] = "a message of us";

struct stage {
    struct roundtrip_book *book;
    struct book_time now;
    struct book_entry row; /* as a database would have it */
    bool has_row;
    struct book_counts counts; /* as reported with it */
    unsigned forgotten;
    char said[200];
};

static void on_changed(void *arg, const struct book_entry *entry, const struct book_counts *counts)
{
    struct stage *stage = arg;
    stage->row = *entry;
    stage->has_row = entry->state != BOOK_REJECTED;
    stage->counts = *counts;
}

static void on_forgotten(void *arg, const unsigned char gone[TOKEN_NONCE])
{
    struct stage *stage = arg;
    if (memcmp(gone, stage->row.nonce, TOKEN_NONCE) == 0)
        stage->has_row = false;
    stage->forgotten++;
}

static const struct book_events events = {on_changed, on_forgotten};

static void begin(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    stage->now = (struct book_time){
        .wall_us = 1700000000 * SECOND, .boot_us = 5000 * SECOND, .boot_id = "first"};
    stage->book = roundtrip_book_new(&limits, &events, stage);
}

static void restart(struct stage *stage)
{
    roundtrip_book_free(stage->book);
    stage->book = roundtrip_book_new(&limits, &events, stage);
    roundtrip_book_load(stage->book, &stage->row, stage->has_row, &stage->counts);
    roundtrip_book_restarted(stage->book, &stage->now);
}

static void answer(struct stage *stage, const char *folder, uint32_t uid)
{
    static const char *const texts[] = {
        [BOOK_IS_RETURNED] = "returned",   [BOOK_IS_LATE] = "late",
        [BOOK_IS_DUPLICATE] = "duplicate", [BOOK_IS_AFTER_VERDICT] = "after-verdict",
        [BOOK_IS_KNOWN] = "known",         [BOOK_IS_FOREIGN] = "foreign",
    };
    struct book_place place = {.uidvalidity = 3, .uid = uid};
    const struct book_entry *entry;
    snprintf(place.folder, sizeof(place.folder), "%s", folder);
    enum book_return what =
        roundtrip_book_returned(stage->book, nonce, &place, &stage->now, &entry);
    assert_true((entry == NULL) == (what == BOOK_IS_FOREIGN));
    strcat(stage->said, stage->said[0] == '\0' ? "" : " ");
    strcat(stage->said, texts[what]);
}

/* NAME or NAME=NUMBER */
static void step(struct stage *stage, const char *name, long number)
{
    if (strcmp(name, "intend") == 0)
        assert_true(roundtrip_book_intend(stage->book, nonce, &stage->now));
    else if (strcmp(name, "sent") == 0)
        roundtrip_book_sent(stage->book, nonce, &stage->now);
    else if (strcmp(name, "rejected") == 0)
        roundtrip_book_rejected(stage->book, nonce, REJECT_RCPT, &stage->now);
    else if (strcmp(name, "uncertain") == 0)
        roundtrip_book_uncertain(stage->book, nonce, &stage->now);
    else if (strcmp(name, "inbox") == 0)
        answer(stage, "INBOX", (uint32_t)number);
    else if (strcmp(name, "junk") == 0)
        answer(stage, "Junk", (uint32_t)number);
    else if (strcmp(name, "tick") == 0)
        roundtrip_book_tick(stage->book, &stage->now);
    else if (strcmp(name, "restart") == 0)
        restart(stage);
    else if (strcmp(name, "wall") == 0)
        stage->now.wall_us += number * SECOND;
    else if (strcmp(name, "wait") == 0) {
        stage->now.wall_us += number * SECOND;
        stage->now.boot_us += number * SECOND;
    } else if (strcmp(name, "reboot") == 0) {
        strcat(stage->now.boot_id, "+");
        stage->now.boot_us = number * SECOND;
        restart(stage);
    } else
        fail_msg("no step \"%s\"", name);
}

static void play(struct stage *stage, const char *steps)
{
    char text[300], *rest = NULL;
    snprintf(text, sizeof(text), "%s", steps);
    for (char *name = strtok_r(text, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        char *number = strchr(name, '=');
        if (number != NULL)
            *number++ = '\0';
        step(stage, name, number == NULL ? 0 : strtol(number, NULL, 10));
        assert_true(book_balances(roundtrip_book_counts(stage->book)));
    }
}

/* What is not zero. */
static void counts_text(const struct book_counts *counts, char text[200])
{
    const struct {
        const char *name;
        uint64_t n;
    } all[] = {{"sent", counts->sent},
               {"returned", counts->returned},
               {"late", counts->late},
               {"lost", counts->lost},
               {"uncertain", counts->uncertain},
               {"outstanding", counts->outstanding},
               {"duplicates", counts->duplicates},
               {"after", counts->after_verdict},
               {"rejected", counts->rejected[REJECT_RCPT]}};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        size_t len = strlen(text);
        if (all[i].n > 0)
            snprintf(text + len, 200 - len, "%s%s=%llu", len > 0 ? " " : "", all[i].name,
                     (unsigned long long)all[i].n);
    }
}

struct example {
    const char *steps, *said, *counts;
};

static const struct example examples[] = {
    /* the plain life */
    {"intend", "", ""},
    {"intend sent", "", "sent=1 outstanding=1"},
    {"intend sent wait=5 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wait=60 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wait=61 inbox=1", "late", "sent=1 late=1"},
    {"intend sent wait=600 tick", "", "sent=1 outstanding=1"},
    {"intend sent wait=601 tick", "", "sent=1 lost=1"},
    {"intend rejected", "", "rejected=1"},
    {"intend uncertain", "", "sent=1 uncertain=1"},
    /* the duration begins with the sending, not with its end */
    {"intend wait=30 sent wait=31 inbox=1", "late", "sent=1 late=1"},
    /* again, and again the same */
    {"intend sent inbox=1 inbox=2", "returned duplicate", "sent=1 returned=1 duplicates=1"},
    {"intend sent inbox=1 junk=1", "returned duplicate", "sent=1 returned=1 duplicates=1"},
    {"intend sent inbox=1 inbox=1", "returned known", "sent=1 returned=1"},
    {"intend sent inbox=1 restart inbox=1 inbox=2", "returned known duplicate",
     "sent=1 returned=1 duplicates=1"},
    {"intend sent wait=61 junk=4 junk=4", "late known", "sent=1 late=1"},
    /* after the verdict */
    {"intend sent wait=601 tick inbox=1", "after-verdict", "sent=1 lost=1 after=1"},
    {"intend sent wait=601 inbox=1", "after-verdict", "sent=1 lost=1 after=1"},
    {"intend sent wait=601 inbox=1 inbox=1 inbox=2", "after-verdict known duplicate",
     "sent=1 lost=1 duplicates=1 after=1"},
    {"intend uncertain wait=5 inbox=1", "after-verdict", "sent=1 uncertain=1 after=1"},
    {"intend uncertain wait=5 inbox=1 restart inbox=1", "after-verdict known",
     "sent=1 uncertain=1 after=1"},
    /* what is not in the books */
    {"inbox=1", "foreign", ""},
    {"intend rejected inbox=1", "foreign", "rejected=1"},
    {"intend rejected restart inbox=1", "foreign", "rejected=1"},
    {"sent uncertain rejected", "", ""},
    /* the answer is faster than the reply to DATA, and that one cannot change it any more */
    {"intend inbox=1 sent", "returned", "sent=1 returned=1"},
    {"intend inbox=1 rejected", "returned", "sent=1 returned=1"},
    {"intend inbox=1 uncertain restart", "returned", "sent=1 returned=1"},
    /* an outcome is reported once */
    {"intend sent sent rejected uncertain", "", "sent=1 outstanding=1"},
    {"intend uncertain sent rejected uncertain", "", "sent=1 uncertain=1"},
    {"intend rejected sent uncertain rejected", "", "rejected=1"},
    {"intend sent wait=601 tick sent uncertain", "", "sent=1 lost=1"},
    /* restarts: what was intended is uncertain, the rest stays */
    {"intend restart", "", "sent=1 uncertain=1"},
    {"intend restart sent", "", "sent=1 uncertain=1"},
    {"intend restart restart", "", "sent=1 uncertain=1"},
    {"intend sent restart wait=5 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wait=601 restart tick", "", "sent=1 lost=1"},
    {"restart", "", ""},
    /* a moved clock moves no verdict within one boot, over a restart neither */
    {"intend sent wall=86400 wait=5 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wall=-86400 wait=61 inbox=1", "late", "sent=1 late=1"},
    {"intend sent wall=86400 restart tick wait=5 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wall=-86400 wait=601 tick", "", "sent=1 lost=1"},
    /* over a reboot the wall clock is all there is; it is never negative */
    {"intend sent wait=20 reboot=9 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wait=61 reboot=6000 inbox=1", "late", "sent=1 late=1"},
    {"intend sent wall=-3600 reboot=1 inbox=1", "returned", "sent=1 returned=1"},
    {"intend sent wall=3600 reboot=1 tick", "", "sent=1 lost=1"},
};

static void examples_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        const struct example *example = &examples[i];
        struct stage stage;
        char counts[200];
        begin(&stage);
        play(&stage, example->steps);
        counts_text(roundtrip_book_counts(stage.book), counts);
        if (strcmp(stage.said, example->said) != 0 || strcmp(counts, example->counts) != 0)
            fail_msg("\"%s\": \"%s\", \"%s\"", example->steps, stage.said, counts);
        assert_int_equal(roundtrip_book_find(stage.book, nonce) != NULL, stage.has_row);
        roundtrip_book_free(stage.book);
    }
}

static void books_without_events_are_books_too(void **state)
{
    (void)state;
    struct book_time now = {.wall_us = 1};
    struct roundtrip_book *book = roundtrip_book_new(&limits, NULL, NULL);
    assert_true(roundtrip_book_intend(book, nonce, &now));
    assert_false(roundtrip_book_intend(book, nonce, &now));
    roundtrip_book_sent(book, nonce, &now);
    assert_int_equal(roundtrip_book_counts(book)->outstanding, 1);
    roundtrip_book_free(book);
}

static void what_is_kept_of_an_answer(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    play(&stage, "intend wait=2 sent wait=10 junk=7 wait=100 inbox=9");
    const struct book_entry *entry = roundtrip_book_find(stage.book, nonce);
    assert_int_equal(entry->accepted_us, 1700000002 * SECOND);
    assert_int_equal(entry->returned.wall_us, 1700000012 * SECOND);
    assert_int_equal(entry->duration_us, 12 * SECOND);
    assert_string_equal(entry->place.folder, "Junk");
    assert_int_equal(entry->place.uidvalidity, 3);
    assert_int_equal(entry->place.uid, 7);
    assert_memory_equal(entry, &stage.row, sizeof(stage.row));
    const struct book_counts *counts = roundtrip_book_counts(stage.book);
    assert_int_equal(counts->last_sent, 1700000000);
    assert_int_equal(counts->last_success, 1700000012);
    assert_true(counts->last_duration > 11.999 && counts->last_duration < 12.001);
    roundtrip_book_free(stage.book);
}

static void late_is_no_success_but_has_a_duration(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    assert_true(roundtrip_book_counts(stage.book)->last_duration < 0);
    play(&stage, "intend sent wait=200 inbox=1");
    const struct book_counts *counts = roundtrip_book_counts(stage.book);
    assert_int_equal(counts->last_success, 0);
    assert_int_equal(counts->buckets[8], 1); /* 120 to 300 */
    assert_true(counts->duration_sum > 199.999 && counts->duration_sum < 200.001);
    roundtrip_book_free(stage.book);
}

static void durations_fall_into_their_buckets(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        size_t bucket;
    } durations[] = {{0, 0},      {500000, 0},         {500001, 1},
                     {SECOND, 1}, {3600 * SECOND, 12}, {3600 * SECOND + 1, 13}};
    const struct book_limits wide = {.lost = 86400};
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        struct stage stage;
        begin(&stage);
        roundtrip_book_set_limits(stage.book, &wide);
        play(&stage, "intend sent");
        stage.now.boot_us += durations[i].us;
        play(&stage, "inbox=1");
        assert_string_equal(stage.said, "returned"); /* crit 0: nothing is late */
        assert_int_equal(roundtrip_book_counts(stage.book)->buckets[durations[i].bucket], 1);
        roundtrip_book_free(stage.book);
    }
}

static void ticks_come_when_they_are_needed(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    assert_int_equal(roundtrip_book_tick(stage.book, &stage.now), 0);
    play(&stage, "intend sent wait=590");
    unsigned wait = roundtrip_book_tick(stage.book, &stage.now);
    assert_int_equal(wait, 11);
    assert_int_equal(roundtrip_book_oldest(stage.book, &stage.now), 590 * SECOND);
    stage.now.boot_us += wait * SECOND;
    assert_int_equal(roundtrip_book_tick(stage.book, &stage.now), BOOK_TICK_MAX);
    assert_int_equal(roundtrip_book_counts(stage.book)->lost, 1);
    assert_int_equal(roundtrip_book_oldest(stage.book, &stage.now), -1);
    stage.now.boot_us += BOOK_MEMORY * SECOND - 100 * SECOND;
    wait = roundtrip_book_tick(stage.book, &stage.now);
    assert_uint_in_range(wait, 90, 110);
    assert_int_equal(stage.forgotten, 0);
    stage.now.boot_us += wait * SECOND;
    assert_int_equal(roundtrip_book_tick(stage.book, &stage.now), 0);
    assert_int_equal(stage.forgotten, 1);
    play(&stage, "inbox=1");
    assert_string_equal(stage.said, "foreign");
    roundtrip_book_free(stage.book);
}

static void nonce_of(uint32_t number, unsigned char out[TOKEN_NONCE])
{
    memset(out, 0, TOKEN_NONCE);
    uint32_t mixed = number * 2654435761u;
    memcpy(out, &mixed, sizeof(mixed));
    memcpy(out + TOKEN_NONCE - sizeof(number), &number, sizeof(number));
}

/* Full of open ones sending stops; a settled one makes room, the first one first. */
static void memory_is_bounded(void **state)
{
    (void)state;
    struct stage stage;
    unsigned char one[TOKEN_NONCE];
    begin(&stage);
    for (uint32_t i = 0; i < BOOK_ENTRIES_MAX; i++) {
        nonce_of(i, one);
        assert_true(roundtrip_book_intend(stage.book, one, &stage.now));
        roundtrip_book_sent(stage.book, one, &stage.now);
    }
    for (uint32_t i = 0; i < BOOK_ENTRIES_MAX; i++) {
        nonce_of(i, one);
        assert_memory_equal(roundtrip_book_find(stage.book, one)->nonce, one, TOKEN_NONCE);
    }
    assert_false(roundtrip_book_intend(stage.book, nonce, &stage.now));
    play(&stage, "inbox=1");
    assert_string_equal(stage.said, "foreign");
    const struct book_place place = {"INBOX", 3, 9};
    const struct book_entry *entry;
    for (uint32_t i = 7; i > 5; i--) {
        nonce_of(i, one);
        roundtrip_book_returned(stage.book, one, &place, &stage.now, &entry);
    }
    play(&stage, "intend");
    assert_int_equal(stage.forgotten, 1);
    nonce_of(7, one);
    assert_null(roundtrip_book_find(stage.book, one));
    nonce_of(6, one);
    assert_non_null(roundtrip_book_find(stage.book, one));
    assert_int_equal(roundtrip_book_counts(stage.book)->sent, BOOK_ENTRIES_MAX);
    roundtrip_book_free(stage.book);
}

/* Rows that somebody deleted, and counts that somebody changed. */
static void what_was_tampered_with_balances_again(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    play(&stage, "intend sent");
    stage.has_row = false;
    restart(&stage);
    const struct book_counts *counts = roundtrip_book_counts(stage.book);
    assert_int_equal(counts->sent, 1);
    assert_int_equal(counts->lost, 1);
    assert_true(book_balances(counts));
    stage.counts = (struct book_counts){.sent = 2, .returned = 5};
    restart(&stage);
    assert_int_equal(roundtrip_book_counts(stage.book)->sent, 5);
    assert_true(book_balances(roundtrip_book_counts(stage.book)));
    roundtrip_book_free(stage.book);
}

static void the_clock_of_this_machine(void **state)
{
    (void)state;
    struct book_time first, second;
    book_time_now(&first);
    book_time_now(&second);
    assert_int_equal(strlen(first.boot_id), 36);
    assert_string_equal(first.boot_id, second.boot_id);
    assert_true(book_time_between(&first, &second) == second.boot_us - first.boot_us);
    assert_int_equal(book_time_between(&second, &first), 0);
}

static void times_of_unknown_boots_are_told_by_the_wall_clock(void **state)
{
    (void)state;
    struct book_time a = {.wall_us = 5, .boot_us = 100}, b = {.wall_us = 12, .boot_us = 900};
    assert_int_equal(book_time_between(&a, &b), 7);
    a.wall_us = INT64_MIN;
    assert_int_equal(book_time_between(&a, &b), 0);
}

static void rejections_have_names(void **state)
{
    (void)state;
    assert_string_equal(book_rejection_text(REJECT_CONNECT), "connect");
    assert_string_equal(book_rejection_text(REJECT_DATA), "data");
    assert_string_equal(book_rejection_text(REJECT_REASONS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_hold),
        cmocka_unit_test(books_without_events_are_books_too),
        cmocka_unit_test(what_is_kept_of_an_answer),
        cmocka_unit_test(late_is_no_success_but_has_a_duration),
        cmocka_unit_test(durations_fall_into_their_buckets),
        cmocka_unit_test(ticks_come_when_they_are_needed),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(what_was_tampered_with_balances_again),
        cmocka_unit_test(the_clock_of_this_machine),
        cmocka_unit_test(times_of_unknown_boots_are_told_by_the_wall_clock),
        cmocka_unit_test(rejections_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
