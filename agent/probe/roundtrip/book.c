#include "agent/probe/roundtrip/book.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "rules/util/memory.h"

#define SECOND INT64_C(1000000) /* in microseconds */
#define FIRST_BUCKETS 64        /* of the hash table; a power of two */

struct slot {
    struct book_entry entry;
    struct slot *chained; /* the next one of its bucket */
    TAILQ_ENTRY(slot) in_order;
};
TAILQ_HEAD(slots, slot);

struct roundtrip_book {
    struct book_limits limits;
    struct book_events events;
    void *arg;
    struct book_counts counts;
    struct slots open;    /* intended and outstanding, in the order of sending */
    struct slots settled; /* in the order of their verdicts */
    struct slot **buckets;
    size_t n_buckets, n_slots;
};

const double book_bucket_bounds[BOOK_BUCKETS] = {.5,  1,   2.5, 5,   10,   30,  60,
                                                 120, 300, 600, 900, 1800, 3600};

const char *book_rejection_text(enum book_rejection reason)
{
    static const char *const texts[REJECT_REASONS] = {
        [REJECT_CONNECT] = "connect",   [REJECT_TLS] = "tls",
        [REJECT_GREETING] = "greeting", [REJECT_CAPABILITY] = "capability",
        [REJECT_AUTH] = "auth",         [REJECT_MAIL] = "mail",
        [REJECT_RCPT] = "rcpt",         [REJECT_DATA] = "data",
    };
    return (size_t)reason < REJECT_REASONS ? texts[reason] : "unknown";
}

bool book_balances(const struct book_counts *counts)
{
    return counts->sent ==
           counts->returned + counts->late + counts->lost + counts->uncertain + counts->outstanding;
}

/* ---- time ---- */

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

void book_time_now(struct book_time *now)
{
    memset(now, 0, sizeof(*now));
    now->wall_us = clock_us(CLOCK_REALTIME);
    now->boot_us = clock_us(CLOCK_BOOTTIME);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, now->boot_id, sizeof(now->boot_id) - 1);
    now->boot_id[len > 0 ? len : 0] = '\0';
    now->boot_id[strcspn(now->boot_id, "\n")] = '\0';
    close(fd);
}

/* Boots without a known id are never the same. */
static bool same_boot(const struct book_time *a, const struct book_time *b)
{
    return a->boot_id[0] != '\0' && strncmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0;
}

int64_t book_time_between(const struct book_time *from, const struct book_time *to)
{
    int64_t between;
    bool overflow = same_boot(from, to)
                        ? __builtin_sub_overflow(to->boot_us, from->boot_us, &between)
                        : __builtin_sub_overflow(to->wall_us, from->wall_us, &between);
    return overflow || between < 0 ? 0 : between;
}

static int64_t lost_after(const struct roundtrip_book *book)
{
    return book->limits.lost * SECOND;
}

static int64_t forgotten_after(const struct roundtrip_book *book)
{
    return lost_after(book) + BOOK_MEMORY * SECOND;
}

/* ---- the hash table ---- */

/* Nonces are random and our own: their first octets are a hash. */
static struct slot **bucket_of(const struct roundtrip_book *book,
                               const unsigned char nonce[TOKEN_NONCE])
{
    uint64_t hash;
    memcpy(&hash, nonce, sizeof(hash));
    return &book->buckets[hash & (book->n_buckets - 1)];
}

/* The pointer to the slot of that nonce, or to the NULL that ends its bucket. */
static struct slot **link_to(const struct roundtrip_book *book,
                             const unsigned char nonce[TOKEN_NONCE])
{
    struct slot **link = bucket_of(book, nonce);
    while (*link != NULL && memcmp((*link)->entry.nonce, nonce, TOKEN_NONCE) != 0)
        link = &(*link)->chained;
    return link;
}

static struct slot *find(const struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE])
{
    return *link_to(book, nonce);
}

static void chain(struct roundtrip_book *book, struct slot *slot)
{
    struct slot **bucket = bucket_of(book, slot->entry.nonce);
    slot->chained = *bucket;
    *bucket = slot;
}

static void grow(struct roundtrip_book *book)
{
    struct slot *slot;
    free(book->buckets);
    book->n_buckets *= 2;
    book->buckets = xcalloc(book->n_buckets, sizeof(*book->buckets));
    TAILQ_FOREACH(slot, &book->open, in_order)
        chain(book, slot);
    TAILQ_FOREACH(slot, &book->settled, in_order)
        chain(book, slot);
}

static bool is_open(const struct slot *slot)
{
    return slot->entry.state == BOOK_INTENDED || slot->entry.state == BOOK_OUTSTANDING;
}

static struct slots *list_of(struct roundtrip_book *book, const struct slot *slot)
{
    return is_open(slot) ? &book->open : &book->settled;
}

static struct slot *add(struct roundtrip_book *book, const struct book_entry *entry)
{
    if (book->n_slots == book->n_buckets)
        grow(book);
    struct slot *slot = xcalloc(1, sizeof(*slot));
    slot->entry = *entry;
    chain(book, slot);
    TAILQ_INSERT_TAIL(list_of(book, slot), slot, in_order);
    book->n_slots++;
    return slot;
}

static void drop(struct roundtrip_book *book, struct slot *slot)
{
    *link_to(book, slot->entry.nonce) = slot->chained;
    TAILQ_REMOVE(list_of(book, slot), slot, in_order);
    book->n_slots--;
    free(slot);
}

static void forget(struct roundtrip_book *book, struct slot *slot)
{
    unsigned char nonce[TOKEN_NONCE];
    memcpy(nonce, slot->entry.nonce, sizeof(nonce));
    drop(book, slot);
    if (book->events.forgotten != NULL)
        book->events.forgotten(book->arg, nonce);
}

/* false: all remembered entries are open. */
static bool make_room(struct roundtrip_book *book)
{
    if (book->n_slots < BOOK_ENTRIES_MAX)
        return true;
    if (TAILQ_EMPTY(&book->settled))
        return false;
    forget(book, TAILQ_FIRST(&book->settled));
    return true;
}

/* ---- counting: each of these ends by reporting the change ---- */

static void report_change(const struct roundtrip_book *book, const struct slot *slot)
{
    if (book->events.changed != NULL)
        book->events.changed(book->arg, &slot->entry, &book->counts);
}

static void count_sent(struct roundtrip_book *book, struct slot *slot)
{
    slot->entry.state = BOOK_OUTSTANDING;
    book->counts.sent++;
    book->counts.outstanding++;
    book->counts.last_sent = slot->entry.began.wall_us / SECOND;
}

static uint64_t *verdict_count(struct book_counts *counts, enum book_state verdict)
{
    switch (verdict) {
    case BOOK_RETURNED:
        return &counts->returned;
    case BOOK_LATE:
        return &counts->late;
    case BOOK_LOST:
        return &counts->lost;
    case BOOK_UNCERTAIN:
        return &counts->uncertain;
    case BOOK_INTENDED:
    case BOOK_OUTSTANDING:
    case BOOK_REJECTED:
        break;
    }
    return NULL;
}

/* Of an outstanding one: the only way out of that state. */
static void settle(struct roundtrip_book *book, struct slot *slot, enum book_state verdict)
{
    TAILQ_REMOVE(&book->open, slot, in_order);
    slot->entry.state = verdict;
    TAILQ_INSERT_TAIL(&book->settled, slot, in_order);
    book->counts.outstanding--;
    ++*verdict_count(&book->counts, verdict);
}

static void count_duration(struct book_counts *counts, int64_t duration_us)
{
    double seconds = (double)duration_us / (double)SECOND;
    size_t bucket = 0;
    while (bucket < BOOK_BUCKETS && seconds > book_bucket_bounds[bucket])
        bucket++;
    counts->buckets[bucket]++;
    counts->duration_sum += seconds;
    counts->last_duration = seconds;
}

/* ---- the life of a message ---- */

bool roundtrip_book_intend(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                           const struct book_time *now)
{
    if (find(book, nonce) != NULL || !make_room(book))
        return false;
    struct book_entry entry = {.state = BOOK_INTENDED, .began = *now, .duration_us = -1};
    memcpy(entry.nonce, nonce, sizeof(entry.nonce));
    report_change(book, add(book, &entry));
    return true;
}

void roundtrip_book_sent(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                         const struct book_time *now)
{
    struct slot *slot = find(book, nonce);
    if (slot == NULL || slot->entry.accepted_us != 0)
        return;
    if (slot->entry.state == BOOK_INTENDED)
        count_sent(book, slot);
    else if (slot->entry.state != BOOK_RETURNED && slot->entry.state != BOOK_LATE)
        return;
    slot->entry.accepted_us = now->wall_us;
    report_change(book, slot);
}

void roundtrip_book_rejected(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                             enum book_rejection reason, const struct book_time *now)
{
    (void)now;
    struct slot *slot = find(book, nonce);
    if (slot == NULL || slot->entry.state != BOOK_INTENDED || (size_t)reason >= REJECT_REASONS)
        return;
    struct slot gone = *slot;
    drop(book, slot);
    gone.entry.state = BOOK_REJECTED;
    book->counts.rejected[reason]++;
    report_change(book, &gone);
}

static void become_uncertain(struct roundtrip_book *book, struct slot *slot)
{
    count_sent(book, slot);
    settle(book, slot, BOOK_UNCERTAIN);
    report_change(book, slot);
}

void roundtrip_book_uncertain(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                              const struct book_time *now)
{
    (void)now;
    struct slot *slot = find(book, nonce);
    if (slot != NULL && slot->entry.state == BOOK_INTENDED)
        become_uncertain(book, slot);
}

static void become_lost(struct roundtrip_book *book, struct slot *slot)
{
    settle(book, slot, BOOK_LOST);
    report_change(book, slot);
}

static void take_answer(struct slot *slot, const struct book_place *place,
                        const struct book_time *now)
{
    struct book_entry *entry = &slot->entry;
    entry->returned = *now;
    entry->duration_us = book_time_between(&entry->began, now);
    entry->place = *place;
    entry->place.folder[sizeof(entry->place.folder) - 1] = '\0';
}

static bool same_place(const struct book_place *a, const struct book_place *b)
{
    return a->uid == b->uid && a->uidvalidity == b->uidvalidity &&
           strncmp(a->folder, b->folder, sizeof(a->folder) - 1) == 0;
}

static enum book_return first_answer(struct roundtrip_book *book, struct slot *slot)
{
    int64_t crit = book->limits.crit * SECOND;
    bool late = crit > 0 && slot->entry.duration_us > crit;
    settle(book, slot, late ? BOOK_LATE : BOOK_RETURNED);
    count_duration(&book->counts, slot->entry.duration_us);
    if (!late)
        book->counts.last_success = slot->entry.returned.wall_us / SECOND;
    report_change(book, slot);
    return late ? BOOK_IS_LATE : BOOK_IS_RETURNED;
}

enum book_return roundtrip_book_returned(struct roundtrip_book *book,
                                         const unsigned char nonce[TOKEN_NONCE],
                                         const struct book_place *place,
                                         const struct book_time *now,
                                         const struct book_entry **entry_r)
{
    struct slot *slot = find(book, nonce);
    *entry_r = slot == NULL ? NULL : &slot->entry;
    if (slot == NULL)
        return BOOK_IS_FOREIGN;
    if (slot->entry.state == BOOK_INTENDED)
        count_sent(book, slot);
    if (is_open(slot) && book_time_between(&slot->entry.began, now) > lost_after(book))
        become_lost(book, slot);
    if (slot->entry.duration_us >= 0 && same_place(&slot->entry.place, place))
        return BOOK_IS_KNOWN;
    if (slot->entry.duration_us >= 0) {
        book->counts.duplicates++;
        report_change(book, slot);
        return BOOK_IS_DUPLICATE;
    }
    take_answer(slot, place, now);
    if (is_open(slot))
        return first_answer(book, slot);
    book->counts.after_verdict++;
    report_change(book, slot);
    return BOOK_IS_AFTER_VERDICT;
}

/* ---- time passes ---- */

/* Seconds until something of that age is older than the limit; 0: it is. */
static int64_t seconds_left(int64_t age, int64_t limit)
{
    return age > limit ? 0 : (limit - age) / SECOND + 1;
}

unsigned roundtrip_book_tick(struct roundtrip_book *book, const struct book_time *now)
{
    struct slot *slot, *next;
    int64_t wait = BOOK_TICK_MAX;
    for (slot = TAILQ_FIRST(&book->open); slot != NULL; slot = next) {
        next = TAILQ_NEXT(slot, in_order);
        int64_t left = seconds_left(book_time_between(&slot->entry.began, now), lost_after(book));
        if (slot->entry.state != BOOK_OUTSTANDING)
            continue;
        if (left == 0)
            become_lost(book, slot);
        else if (left < wait)
            wait = left;
    }
    for (slot = TAILQ_FIRST(&book->settled); slot != NULL; slot = next) {
        next = TAILQ_NEXT(slot, in_order);
        int64_t left =
            seconds_left(book_time_between(&slot->entry.began, now), forgotten_after(book));
        if (left == 0)
            forget(book, slot);
        else if (left < wait)
            wait = left;
    }
    return book->n_slots == 0 ? 0 : (unsigned)wait;
}

int64_t roundtrip_book_oldest(const struct roundtrip_book *book, const struct book_time *now)
{
    const struct slot *slot;
    int64_t oldest = -1;
    TAILQ_FOREACH(slot, &book->open, in_order) {
        int64_t age = book_time_between(&slot->entry.began, now);
        if (slot->entry.state == BOOK_OUTSTANDING && age > oldest)
            oldest = age;
    }
    return oldest;
}

const struct book_entry *roundtrip_book_find(const struct roundtrip_book *book,
                                             const unsigned char nonce[TOKEN_NONCE])
{
    const struct slot *slot = find(book, nonce);
    return slot == NULL ? NULL : &slot->entry;
}

const struct book_counts *roundtrip_book_counts(const struct roundtrip_book *book)
{
    return &book->counts;
}

/* ---- life ---- */

/* The ledger's counts and entries come from one transaction; a ledger that was repaired by hand
 * must not leave books that never balance. */
static void balance(struct book_counts *counts)
{
    uint64_t settled = counts->returned + counts->late + counts->lost + counts->uncertain;
    if (counts->sent > settled + counts->outstanding)
        counts->lost += counts->sent - settled - counts->outstanding;
    else
        counts->sent = settled + counts->outstanding;
}

void roundtrip_book_load(struct roundtrip_book *book, const struct book_entry *entries, size_t n,
                         const struct book_counts *counts)
{
    book->counts = *counts;
    book->counts.outstanding = 0;
    if (counts->returned + counts->late == 0)
        book->counts.last_duration = -1;
    for (size_t i = 0; i < n; i++) {
        if ((size_t)entries[i].state >= BOOK_REJECTED || find(book, entries[i].nonce) != NULL ||
            !make_room(book))
            continue;
        struct slot *slot = add(book, &entries[i]);
        book->counts.outstanding += slot->entry.state == BOOK_OUTSTANDING;
    }
    balance(&book->counts);
}

void roundtrip_book_restarted(struct roundtrip_book *book, const struct book_time *now)
{
    (void)now;
    struct slot *next;
    for (struct slot *slot = TAILQ_FIRST(&book->open); slot != NULL; slot = next) {
        next = TAILQ_NEXT(slot, in_order);
        if (slot->entry.state == BOOK_INTENDED)
            become_uncertain(book, slot);
    }
}

struct roundtrip_book *roundtrip_book_new(const struct book_limits *limits,
                                          const struct book_events *events, void *arg)
{
    struct roundtrip_book *book = xcalloc(1, sizeof(*book));
    book->limits = *limits;
    if (events != NULL)
        book->events = *events;
    book->arg = arg;
    book->counts.last_duration = -1;
    TAILQ_INIT(&book->open);
    TAILQ_INIT(&book->settled);
    book->n_buckets = FIRST_BUCKETS;
    book->buckets = xcalloc(book->n_buckets, sizeof(*book->buckets));
    return book;
}

static void free_all(struct slots *slots)
{
    struct slot *slot;
    while ((slot = TAILQ_FIRST(slots)) != NULL) {
        TAILQ_REMOVE(slots, slot, in_order);
        free(slot);
    }
}

void roundtrip_book_free(struct roundtrip_book *book)
{
    if (book == NULL)
        return;
    free_all(&book->open);
    free_all(&book->settled);
    free(book->buckets);
    free(book);
}

void roundtrip_book_set_limits(struct roundtrip_book *book, const struct book_limits *limits)
{
    book->limits = *limits;
}
