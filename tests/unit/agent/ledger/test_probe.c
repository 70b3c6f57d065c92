/* What probes keep in the ledger: it is there after a restart, each change whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"
#include "agent/ledger/probe.h"
#include "agent/probe/roundtrip/book.h"

/* ---- calls that wait ---- */

struct loaded {
    struct room *room;
    struct book_entry entries[8];
    size_t n;
    struct book_counts counts;
};

static void on_loaded(void *arg, const struct book_entry *entries, size_t n,
                      const struct book_counts *counts)
{
    struct loaded *loaded = arg;
    for (size_t i = 0; i < n && i < 8; i++)
        loaded->entries[i] = entries[i];
    loaded->n = n;
    loaded->counts = *counts;
    loaded->room->waiting--;
}

static void load(struct room *room, const char *probe, struct loaded *loaded)
{
    memset(loaded, 0, sizeof(*loaded));
    loaded->room = room;
    room->waiting++;
    ledger_probe_load(room->ledger, probe, on_loaded, loaded);
    room_wait(room);
}

struct reply {
    struct room *room;
    bool is_new;
    struct ledger_place place;
    struct ledger_reported reported;
};

static void on_reflected(void *arg, bool is_new)
{
    struct reply *reply = arg;
    reply->is_new = is_new;
    reply->room->waiting--;
}

static bool reflect(struct room *room, const char *reflector, const unsigned char *nonce)
{
    struct reply reply = {.room = room};
    room->waiting++;
    ledger_reflect(room->ledger, reflector, nonce, 1700000000, on_reflected, &reply);
    room_wait(room);
    return reply.is_new;
}

static void on_place(void *arg, const struct ledger_place *place)
{
    struct reply *reply = arg;
    reply->place = *place;
    reply->room->waiting--;
}

static struct ledger_place place_of(struct room *room, const char *who, const char *folder)
{
    struct reply reply = {.room = room};
    room->waiting++;
    ledger_place_get(room->ledger, who, folder, on_place, &reply);
    room_wait(room);
    return reply.place;
}

static void reopen(struct room *room)
{
    room_close(room);
    room_open(room);
}

/* ---- what is kept ---- */

static void name_nonce(unsigned number, unsigned char nonce[TOKEN_NONCE])
{
    memset(nonce, 0xee, TOKEN_NONCE);
    memcpy(nonce, &number, sizeof(number));
}

/* Every member has a value of its own; what lies between them is zero. */
static struct book_entry *sample_entry(unsigned number)
{
    struct book_entry *entry = xcalloc(1, sizeof(*entry));
    name_nonce(number, entry->nonce);
    entry->state = BOOK_RETURNED;
    entry->began.wall_us = 1700000000123456;
    entry->began.boot_us = 77000001;
    strcpy(entry->began.boot_id, "01234567-89ab-cdef-0123-456789abcdef");
    entry->accepted_us = 1700000000223456;
    entry->returned.wall_us = 1700000002123456;
    entry->returned.boot_us = 79000001;
    strcpy(entry->returned.boot_id, "another boot");
    entry->duration_us = 2000000;
    strcpy(entry->place.folder, "Entw\xc3\xbcrfe/\"x\"");
    entry->place.uidvalidity = UINT32_MAX;
    entry->place.uid = UINT32_MAX - 1;
    return entry;
}

static struct book_counts sample_counts(void)
{
    struct book_counts counts = {.sent = 15,
                                 .returned = 1,
                                 .late = 2,
                                 .lost = 3,
                                 .uncertain = 4,
                                 .outstanding = 5,
                                 .duplicates = 6,
                                 .after_verdict = 7,
                                 .duration_sum = 12.75,
                                 .last_duration = -1,
                                 .last_success = 1700000001,
                                 .last_sent = 1700000002};
    for (size_t i = 0; i < REJECT_REASONS; i++)
        counts.rejected[i] = 100 + i;
    for (size_t i = 0; i <= BOOK_BUCKETS; i++)
        counts.buckets[i] = 200 + i;
    return counts;
}

static void change(struct room *room, const char *probe, const struct book_entry *entry,
                   const struct book_counts *counts)
{
    room->waiting++;
    ledger_probe_change(room->ledger, probe, entry, counts, room_done, room);
    room_wait(room);
}

static void nothing_is_kept_of_an_unknown_probe(void **state)
{
    struct loaded loaded;
    const struct book_counts none = {0};
    load(*state, "loop", &loaded);
    assert_int_equal(loaded.n, 0);
    assert_memory_equal(&loaded.counts, &none, sizeof(none));
}

static void all_of_an_entry_and_its_counts_survives(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    change(room, "loop", entry, &counts);
    reopen(room);
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 1);
    assert_memory_equal(&loaded.entries[0], entry, sizeof(*entry));
    assert_memory_equal(&loaded.counts, &counts, sizeof(counts));
    load(room, "other", &loaded);
    assert_int_equal(loaded.n, 0);
    assert_int_equal(loaded.counts.sent, 0);
    free(entry);
}

/* The figures in the database are where their columns say. */
static void columns_have_their_names(void **state)
{
    struct room *room = *state;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    change(room, "loop", entry, &counts);
    assert_int_equal(room_sql(room, "SELECT after_verdict FROM probe_counts"), 7);
    assert_int_equal(room_sql(room, "SELECT rejected_connect FROM probe_counts"), 100);
    assert_int_equal(room_sql(room, "SELECT rejected_data FROM probe_counts"), 107);
    assert_int_equal(room_sql(room, "SELECT within_500ms FROM probe_counts"), 200);
    assert_int_equal(room_sql(room, "SELECT within_1h FROM probe_counts"), 212);
    assert_int_equal(room_sql(room, "SELECT beyond FROM probe_counts"), 213);
    assert_int_equal(room_sql(room, "SELECT last_sent FROM probe_counts"), 1700000002);
    free(entry);
}

static void entries_keep_the_order_of_their_sending(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_counts counts = sample_counts();
    static const unsigned numbers[] = {30, 10, 20};
    for (size_t i = 0; i < 3; i++) {
        struct book_entry *entry = sample_entry(numbers[i]);
        entry->state = BOOK_INTENDED;
        change(room, "loop", entry, &counts);
        free(entry);
    }
    struct book_entry *first = sample_entry(30);
    first->state = BOOK_LATE;
    change(room, "loop", first, &counts);
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 3);
    for (size_t i = 0; i < 3; i++) {
        unsigned char nonce[TOKEN_NONCE];
        name_nonce(numbers[i], nonce);
        assert_memory_equal(loaded.entries[i].nonce, nonce, TOKEN_NONCE);
    }
    assert_int_equal(loaded.entries[0].state, BOOK_LATE);
    free(first);
}

static void what_was_rejected_is_gone_and_counted(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    entry->state = BOOK_INTENDED;
    change(room, "loop", entry, &counts);
    entry->state = BOOK_REJECTED;
    counts.rejected[REJECT_RCPT]++;
    change(room, "loop", entry, &counts);
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 0);
    assert_memory_equal(&loaded.counts, &counts, sizeof(counts));
    free(entry);
}

static void what_is_forgotten_is_gone(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    change(room, "loop", entry, &counts);
    change(room, "other", entry, &counts);
    ledger_probe_forget(room->ledger, "loop", entry->nonce);
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 0);
    assert_int_equal(loaded.counts.sent, counts.sent);
    load(room, "other", &loaded);
    assert_int_equal(loaded.n, 1);
    free(entry);
}

/* The counts cannot be written: neither is the entry; and no done is called meanwhile. */
static void entry_and_counts_are_one_transaction(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    room_sql(room, "CREATE TRIGGER no BEFORE INSERT ON probe_counts"
                   " BEGIN SELECT RAISE(ABORT, 'not now'); END");
    room->waiting++;
    ledger_probe_change(room->ledger, "loop", entry, &counts, room_done, room);
    for (int i = 0; i < 600 && ledger_is_blocked(room->ledger, NULL) == NULL; i++) {
        const struct timeval tick = {.tv_usec = 100000};
        event_base_loopexit(room->base, &tick);
        event_base_loop(room->base, EVLOOP_ONCE);
    }
    assert_non_null(strstr(ledger_is_blocked(room->ledger, NULL), "not now"));
    assert_int_equal(room->waiting, 1);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM probe_entry"), 0);
    room_sql(room, "DROP TRIGGER no");
    room_wait(room);
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 1);
    assert_int_equal(loaded.counts.sent, counts.sent);
    free(entry);
}

/* A row that nobody of us wrote is passed over. */
static void strange_rows_are_passed_over(void **state)
{
    struct room *room = *state;
    struct loaded loaded;
    struct book_entry *entry = sample_entry(1);
    struct book_counts counts = sample_counts();
    change(room, "loop", entry, &counts);
    free(entry);
    entry = sample_entry(2);
    change(room, "loop", entry, &counts);
    room_sql(room, "UPDATE probe_entry SET nonce = 'short' WHERE id = 1");
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 1);
    room_sql(room, "UPDATE probe_entry SET state = 99");
    load(room, "loop", &loaded);
    assert_int_equal(loaded.n, 0);
    free(entry);
}

/* The books themselves: what the ledger gives back is what they stored. */
struct keeper {
    struct room *room;
};

static void on_book_changed(void *arg, const struct book_entry *entry,
                            const struct book_counts *counts)
{
    struct keeper *keeper = arg;
    ledger_probe_change(keeper->room->ledger, "loop", entry, counts, NULL, NULL);
}

static void books_go_on_after_a_restart(void **state)
{
    struct room *room = *state;
    struct keeper keeper = {room};
    struct loaded loaded;
    const struct book_events events = {.changed = on_book_changed};
    const struct book_limits limits = {.crit = 60, .lost = 600};
    const struct book_place place = {"INBOX", 1, 2};
    const struct book_entry *entry;
    struct book_time now;
    unsigned char nonces[3][TOKEN_NONCE];
    book_time_now(&now);
    struct roundtrip_book *book = roundtrip_book_new(&limits, &events, &keeper);
    for (unsigned i = 0; i < 3; i++) {
        name_nonce(i, nonces[i]);
        assert_true(roundtrip_book_intend(book, nonces[i], &now));
    }
    roundtrip_book_rejected(book, nonces[0], REJECT_AUTH, &now);
    roundtrip_book_sent(book, nonces[1], &now);
    roundtrip_book_free(book);
    reopen(room);

    load(room, "loop", &loaded);
    book = roundtrip_book_new(&limits, &events, &keeper);
    roundtrip_book_load(book, loaded.entries, loaded.n, &loaded.counts);
    roundtrip_book_restarted(book, &now);
    assert_int_equal(roundtrip_book_returned(book, nonces[0], &place, &now, &entry),
                     BOOK_IS_FOREIGN);
    assert_int_equal(roundtrip_book_returned(book, nonces[1], &place, &now, &entry),
                     BOOK_IS_RETURNED);
    assert_int_equal(roundtrip_book_returned(book, nonces[2], &place, &now, &entry),
                     BOOK_IS_AFTER_VERDICT);
    load(room, "loop", &loaded);
    assert_memory_equal(&loaded.counts, roundtrip_book_counts(book), sizeof(loaded.counts));
    assert_true(book_balances(&loaded.counts));
    assert_int_equal(loaded.counts.rejected[REJECT_AUTH], 1);
    roundtrip_book_free(book);
}

/* ---- places ---- */

static void places_are_kept_by_name_and_folder(void **state)
{
    struct room *room = *state;
    const struct ledger_place first = {7, 4000000000}, second = {8, 1};
    assert_int_equal(place_of(room, "loop", "INBOX").uidvalidity, 0);
    ledger_place_set(room->ledger, "loop", "INBOX", &second);
    ledger_place_set(room->ledger, "loop", "INBOX", &first);
    ledger_place_set(room->ledger, "loop", "Junk", &second);
    reopen(room);
    assert_int_equal(place_of(room, "loop", "INBOX").uidvalidity, 7);
    assert_int_equal(place_of(room, "loop", "INBOX").seen_through, 4000000000);
    assert_int_equal(place_of(room, "loop", "Junk").uidvalidity, 8);
    assert_int_equal(place_of(room, "scout", "INBOX").seen_through, 0);
}

/* ---- what was alerted ---- */

static void on_told(void *arg, const struct ledger_reported *reported)
{
    struct reply *reply = arg;
    reply->reported = *reported;
    reply->room->waiting--;
}

static struct ledger_reported told_of(struct room *room, const char *probe)
{
    struct reply reply = {.room = room};
    room->waiting++;
    ledger_reported_get(room->ledger, probe, on_told, &reply);
    room_wait(room);
    return reply.reported;
}

static void what_was_alerted_is_kept_for_each_probe(void **state)
{
    struct room *room = *state;
    const struct ledger_reported first = {1, 100, 200}, last = {2, 300, 400};
    assert_int_equal(told_of(room, "mx").status, 0);
    ledger_reported_set(room->ledger, "mx", &first);
    ledger_reported_set(room->ledger, "mx", &last);
    ledger_reported_set(room->ledger, "imap", &first);
    reopen(room);
    struct ledger_reported reported = told_of(room, "mx");
    assert_int_equal(reported.status, 2);
    assert_int_equal(reported.since, 300);
    assert_int_equal(reported.told_at, 400);
    assert_int_equal(told_of(room, "imap").status, 1);
    assert_int_equal(told_of(room, "pop3").told_at, 0);
}

/* ---- nonces that were answered ---- */

static void a_nonce_is_answered_once(void **state)
{
    struct room *room = *state;
    unsigned char nonce[TOKEN_NONCE];
    name_nonce(1, nonce);
    assert_true(reflect(room, "scout", nonce));
    assert_false(reflect(room, "scout", nonce));
    assert_true(reflect(room, "other", nonce));
    reopen(room);
    assert_false(reflect(room, "scout", nonce));
    ledger_reflect_forget(room->ledger, "scout", nonce);
    assert_true(reflect(room, "scout", nonce));
    assert_false(reflect(room, "other", nonce));
}

static void count_new(void *arg, bool is_new)
{
    *(unsigned *)arg += is_new;
}

/* One more than are kept: the first one is dropped, for that reflector alone. */
static void answered_nonces_are_bounded(void **state)
{
    struct room *room = *state;
    unsigned char nonce[TOKEN_NONCE];
    unsigned n = 0;
    name_nonce(5, nonce);
    assert_true(reflect(room, "other", nonce));
    for (unsigned i = 0; i < LEDGER_REFLECTED_MAX + 1; i++) {
        name_nonce(i, nonce);
        ledger_reflect(room->ledger, "scout", nonce, 1700000000, count_new, &n);
    }
    name_nonce(1, nonce);
    assert_false(reflect(room, "scout", nonce));
    assert_int_equal(n, LEDGER_REFLECTED_MAX + 1);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM reflected WHERE reflector = 'scout'"),
                     LEDGER_REFLECTED_MAX);
    name_nonce(0, nonce);
    assert_true(reflect(room, "scout", nonce));
    name_nonce(5, nonce);
    assert_false(reflect(room, "other", nonce));
}

int main(void)
{
#define OPEN(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        OPEN(nothing_is_kept_of_an_unknown_probe),
        OPEN(all_of_an_entry_and_its_counts_survives),
        OPEN(columns_have_their_names),
        OPEN(entries_keep_the_order_of_their_sending),
        OPEN(what_was_rejected_is_gone_and_counted),
        OPEN(what_is_forgotten_is_gone),
        OPEN(entry_and_counts_are_one_transaction),
        OPEN(strange_rows_are_passed_over),
        OPEN(books_go_on_after_a_restart),
        OPEN(places_are_kept_by_name_and_folder),
        OPEN(what_was_alerted_is_kept_for_each_probe),
        OPEN(a_nonce_is_answered_once),
        OPEN(answered_nonces_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
