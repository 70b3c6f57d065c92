/* Copies on their way out from a real ledger and spool: their octets, their size, their digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>

#include "agent/deliver/outgoing.h"
#include "agent/ledger/ledger_help.h"
#include "agent/system/limit.h"
#include "imapclient/scripted_client.h"
#include "rules/sameness.h"

#define ID "abcdefghijklmnopqrstuvwx23"
#define HEADER                                                                                     \
    "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: bob@x.test\r\n"                \
    "To: alice@example.org\r\nSubject: hi\r\nDisposition-Notification-To: bob@x.test\r\n"          \
    "Message-ID: <1@x.test>\r\n"
#define PLAN                                                                                       \
    "directions 1\nwarnings 0\nclaimed bob@x.test\nto alice@example.org\nrule all\n"               \
    "domain example.org\n"

struct stage {
    struct room room;
    struct client client; /* a session at rest */
    struct config config;
    struct context context;
    char *original;
    size_t size, header_len;
    struct outgoing *outgoing;
    unsigned ready;
    char *why;
};

static const char *const at_rest[] = {BEGIN(""), NULL};

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    room_make(&stage->room);
    room_open(&stage->room);
    stage->config.instance = (char *)"example.org";
    stage->config.rules = rule_set_new();
    memset(stage->config.rules->key, 7, sizeof(stage->config.rules->key));
    assert_int_equal(rules_prepare(stage->config.rules, NULL, NULL, NULL), 0);
    stage->context = (struct context){
        .base = stage->room.base, .ledger = stage->room.ledger, .config = &stage->config};
    client_init(&stage->client);
    client_serve(&stage->client, at_rest);
    client_start(&stage->client);
    client_await(&stage->client, "ready");
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    outgoing_free(stage->outgoing);
    client_abandon(&stage->client);
    room_remove(&stage->room);
    rule_set_free(stage->config.rules);
    free(stage->original);
    free(stage->why);
    free(stage);
    return 0;
}

/* ---- an original in the spool ---- */

/* header as given, then as many octets as are missing for the size, none of them regular. */
static void make_original(struct stage *stage, const char *header, size_t header_size, size_t size)
{
    uint32_t number = 1;
    stage->size = size > header_size ? size : header_size;
    stage->header_len = header_size;
    stage->original = xmalloc(stage->size);
    memcpy(stage->original, header, header_size);
    for (size_t i = header_size; i < stage->size; i++) {
        number = number * 1664525u + 1013904223u;
        stage->original[i] = (char)(number >> 24);
    }
}

static void capture(struct stage *stage)
{
    struct room *room = &stage->room;
    struct ledger_new_copy copy = {.target = "t", .monitor_id = ID, .plan = PLAN};
    struct ledger_capture capture = {
        .folder = room_folder(room, "alice", "INBOX", 77, 5, true),
        .uid = 5,
        .internaldate = 1700000000,
        .internaldate_zone = -90,
        .header_len = (uint32_t)stage->header_len,
        .copies = &copy,
        .n_copies = 1,
    };
    const unsigned char *octets = (const unsigned char *)stage->original;
    SHA256(octets, stage->size, capture.sha256);
    SHA256(octets + stage->header_len, stage->size - stage->header_len, capture.body_sha256);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    spool_entry_write(entry, octets, stage->size);
    room->waiting++;
    ledger_capture(room->ledger, &capture, entry, room_on_capture, room);
    room_wait(room);
    assert_int_equal(room->outcome, CAPTURE_STORED);
    assert_int_equal(room_pending(room, "t", time(NULL), 10), 1);
}

static void on_made(void *arg, struct outgoing *outgoing, const char *why)
{
    struct stage *stage = arg;
    assert_true(stage->outgoing == NULL || stage->outgoing == outgoing);
    free(stage->why);
    stage->why = why != NULL ? strdup(why) : NULL;
    stage->ready++;
    stage->room.waiting--;
}

static void make_outgoing(struct stage *stage, enum copy_form form)
{
    stage->room.waiting++;
    stage->outgoing = outgoing_new(&stage->context, &stage->room.copies[0], form, on_made, stage);
    assert_int_equal(stage->ready, 0);
    room_wait(&stage->room);
    assert_int_equal(stage->ready, 1);
}

/* ---- what it should be ---- */

struct octets {
    char *data;
    size_t len;
};

static void add_octets(struct octets *octets, const void *data, size_t len)
{
    octets->data = xrealloc(octets->data, octets->len + len + 1);
    if (len > 0)
        memcpy(octets->data + octets->len, data, len);
    octets->len += len;
}

static struct octets expected_copy(const struct stage *stage, enum copy_form form)
{
    static const char *const rules[] = {"all"};
    struct recipient alice = {(char *)"alice@example.org", BASIS_TO};
    const struct ledger_copy *copy = &stage->room.copies[0];
    size_t header = stage->header_len < HEADER_MAX ? stage->header_len : HEADER_MAX;
    struct copy_plan plan = {
        .form = form,
        .directions = DIRECTION_INCOMING,
        .sender = "bob@x.test",
        .sender_claimed = true,
        .recipients = &alice,
        .n_recipients = 1,
        .rules = rules,
        .n_rules = 1,
        .account = "alice",
        .folder = "INBOX",
        .uidvalidity = 77,
        .uid = 5,
        .monitor_id = ID,
        .sha256 = copy->sha256,
        .captured = copy->captured,
        .internaldate = 1700000000,
        .instance = "example.org",
    };
    struct copy_view view;
    struct octets octets = {0};
    copy_make(stage->config.rules, &plan, stage->original, header, stage->size, &view);
    add_octets(&octets, view.prefix, view.prefix_len);
    add_octets(&octets, stage->original + view.from, (size_t)(view.to - view.from));
    add_octets(&octets, view.suffix, view.suffix_len);
    copy_view_clear(&view);
    return octets;
}

/* ---- what it gives ---- */

static void tick(struct stage *stage)
{
    const struct timeval wait = {.tv_usec = 50000};
    event_base_loopexit(stage->room.base, &wait);
    event_base_loop(stage->room.base, EVLOOP_ONCE);
}

/* Reads until `most` octets were given, or until it fails: *failed. */
static struct octets read_octets(struct stage *stage, const struct imap_append_message *message,
                                 size_t want, uint64_t most, bool *failed)
{
    struct evbuffer *out = evbuffer_new();
    struct octets octets = {0};
    time_t limit = time(NULL) + 30;
    uint64_t left = most;
    *failed = false;
    while (left > 0 && !*failed) {
        size_t ask = want < left ? want : (size_t)left;
        ssize_t given = message->read(message->arg, out, ask);
        assert_true(given <= (ssize_t)ask);
        *failed = given < 0;
        left -= given > 0 ? (uint64_t)given : 0;
        if (given == 0) {
            assert_true(time(NULL) < limit);
            tick(stage);
        }
    }
    octets.len = evbuffer_get_length(out);
    octets.data = xmalloc(octets.len + 1);
    evbuffer_remove(out, octets.data, octets.len);
    evbuffer_free(out);
    return octets;
}

static void assert_octets(const struct octets *octets, const struct octets *expected)
{
    assert_int_equal(octets->len, expected->len);
    for (size_t i = 0; i < octets->len; i++)
        if (octets->data[i] != expected->data[i])
            fail_msg("octet %zu is another", i);
}

/* Of what follows the first empty line, and of all as it is computed when the copy is met. */
static void assert_digests(const struct octets *octets, const struct ledger_intended *intended)
{
    unsigned char expected[32], whole[32];
    const char *end = memmem(octets->data, octets->len, "\r\n\r\n", 4);
    assert_non_null(end);
    end += 4;
    SHA256((const unsigned char *)end, octets->len - (size_t)(end - octets->data), expected);
    assert_memory_equal(intended->body_sha256, expected, 32);
    struct header *header = header_parse(octets->data, (size_t)(end - octets->data));
    assert_true(intended->has_octets && sameness_of_copy(header, expected, whole));
    assert_memory_equal(intended->octets, whole, 32);
    header_free(header);
}

static void assert_copy(struct stage *stage, enum copy_form form, size_t want)
{
    struct imap_append_message message;
    struct octets expected = expected_copy(stage, form);
    bool failed;
    outgoing_message(stage->outgoing, stage->client.session, &message);
    assert_int_equal(message.size, expected.len);
    assert_int_equal(outgoing_size(stage->outgoing), expected.len);
    assert_true(message.has_date);
    assert_int_equal(message.date, 1700000000);
    assert_int_equal(message.date_zone, -90);
    struct octets octets = read_octets(stage, &message, want, message.size, &failed);
    assert_false(failed);
    assert_octets(&octets, &expected);
    struct ledger_intended intended = outgoing_intended(stage->outgoing);
    assert_digests(&octets, &intended);
    free(octets.data);
    free(expected.data);
}

static void check_form(struct stage *stage, enum copy_form form, size_t size, size_t want)
{
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, size);
    capture(stage);
    make_outgoing(stage, form);
    assert_null(stage->why);
    assert_ptr_equal(outgoing_copy(stage->outgoing), &stage->room.copies[0]);
    assert_copy(stage, form, want);
}

#define FORM_TEST(name, form, size, want)                                                          \
    static void name(void **state)                                                                 \
    {                                                                                              \
        check_form(*state, form, size, want);                                                      \
    }

#define MIB (1024 * 1024)
FORM_TEST(small_rewritten, COPY_REWRITTEN, 5000, 1000000)
FORM_TEST(small_rewritten_octet_by_octet, COPY_REWRITTEN, 1000, 1)
FORM_TEST(small_attached, COPY_ATTACHED, 5000, 7)
FORM_TEST(small_headers, COPY_HEADERS, 5000, 100)
FORM_TEST(without_body, COPY_REWRITTEN, 0, 100)
FORM_TEST(without_body_attached, COPY_ATTACHED, 0, 100)
FORM_TEST(just_small, COPY_ATTACHED, LIMIT_WHOLE_READ, 65536)
FORM_TEST(just_large, COPY_ATTACHED, LIMIT_WHOLE_READ + 1, 65536)
FORM_TEST(large_rewritten, COPY_REWRITTEN, 3 * MIB, 65536)
FORM_TEST(large_rewritten_in_one, COPY_REWRITTEN, 3 * MIB, 100 * MIB)
FORM_TEST(large_attached, COPY_ATTACHED, 3 * MIB + 17, 4095)
FORM_TEST(large_headers, COPY_HEADERS, 3 * MIB, 65536)

static void ends_inside_its_header(void **state)
{
    struct stage *stage = *state;
    make_original(stage, HEADER, strlen(HEADER) - 2, 0);
    capture(stage);
    make_outgoing(stage, COPY_REWRITTEN);
    assert_copy(stage, COPY_REWRITTEN, 100);
}

/* What the rewriting could not see whole goes out attached, and untouched. */
static void a_header_too_large_goes_out_attached(void **state)
{
    struct stage *stage = *state;
    size_t len = HEADER_MAX + 100000, at = 0;
    char *header = xmalloc(len);
    while (at + 80 < len - 2)
        at += (size_t)sprintf(header + at, "X-Filler: %060zu\r\n", at);
    at += (size_t)sprintf(header + at, "\r\n");
    make_original(stage, header, at, at + 50000);
    free(header);
    capture(stage);
    make_outgoing(stage, COPY_REWRITTEN);
    assert_null(stage->why);
    assert_copy(stage, COPY_ATTACHED, 65536);
}

/* A failed APPEND leaves no trace in the next one. */
static void is_given_again_from_its_beginning(void **state)
{
    struct stage *stage = *state;
    struct imap_append_message message;
    bool failed;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    make_outgoing(stage, COPY_ATTACHED);
    for (uint64_t most = MIB / 2; most < 2 * MIB; most += MIB / 2 + 12345) {
        outgoing_message(stage->outgoing, stage->client.session, &message);
        struct octets part = read_octets(stage, &message, 100000, most, &failed);
        assert_false(failed);
        free(part.data);
    }
    assert_copy(stage, COPY_ATTACHED, 100000);
}

static void freed_while_it_is_read(void **state)
{
    struct stage *stage = *state;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    stage->outgoing =
        outgoing_new(&stage->context, &stage->room.copies[0], COPY_ATTACHED, on_made, stage);
    outgoing_free(stage->outgoing);
    stage->outgoing = NULL;
    room_figures(&stage->room);
    assert_int_equal(stage->ready, 0);
}

static void freed_while_it_is_sent(void **state)
{
    struct stage *stage = *state;
    struct imap_append_message message;
    bool failed;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    make_outgoing(stage, COPY_REWRITTEN);
    outgoing_message(stage->outgoing, stage->client.session, &message);
    struct octets part = read_octets(stage, &message, 65536, MIB, &failed);
    free(part.data);
    outgoing_free(stage->outgoing);
    stage->outgoing = NULL;
    room_figures(&stage->room);
    assert_int_equal(stage->ready, 1);
}

/* ---- a spool that lost data ---- */

static int shorten(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    size_t len = strlen(path);
    (void)walk;
    if (type == FTW_F && len > 4 && strcmp(path + len - 4, ".seg") == 0 && status->st_size > 2000)
        assert_int_equal(truncate(path, 2000), 0);
    return 0;
}

static void damage(const struct stage *stage)
{
    assert_int_equal(nftw(stage->room.dir, shorten, 8, FTW_PHYS), 0);
}

static void lost_data_is_reported(void **state)
{
    struct stage *stage = *state;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 100000);
    capture(stage);
    damage(stage);
    make_outgoing(stage, COPY_REWRITTEN);
    assert_non_null(stage->why);
    assert_non_null(strstr(stage->why, ".seg"));
}

static void data_lost_before_the_digest_is_reported(void **state)
{
    struct stage *stage = *state;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    damage(stage);
    make_outgoing(stage, COPY_ATTACHED);
    assert_non_null(stage->why);
}

static void data_lost_later_ends_the_append(void **state)
{
    struct stage *stage = *state;
    struct imap_append_message message;
    bool failed;
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    make_outgoing(stage, COPY_REWRITTEN);
    assert_null(stage->why);
    damage(stage);
    outgoing_message(stage->outgoing, stage->client.session, &message);
    struct octets part = read_octets(stage, &message, 65536, message.size, &failed);
    free(part.data);
    assert_true(failed);
}

/* ---- with a real APPEND ---- */

static void append_sends_all_of_it(void **state)
{
    struct stage *stage = *state;
    char length[64];
    make_original(stage, HEADER "\r\n", strlen(HEADER) + 2, 3 * MIB);
    capture(stage);
    make_outgoing(stage, COPY_ATTACHED);
    struct octets expected = expected_copy(stage, COPY_ATTACHED), taken = {0};
    snprintf(length, sizeof(length), "L %zu", expected.len);
    const char *const script[] = {BEGIN(""), "C APPEND Copies *{*}",        "S + go", length,
                                  "D ",      "T OK [APPENDUID 9 1] stored", NULL};
    struct client client;
    struct imap_append_message message;
    client_init(&client);
    event_base_free(client.base);
    client.base = stage->room.base; /* one loop for session and ledger, as in the agent */
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    outgoing_message(stage->outgoing, client.session, &message);
    imap_append(client.session, "Copies", &message, 1, client_done,
                client_named(&client, "append"));
    client_await(&client, "append: OK");
    taken.len = evbuffer_get_length(scripted_server_taken(client.server));
    taken.data = xmalloc(taken.len + 1);
    evbuffer_remove(scripted_server_taken(client.server), taken.data, taken.len);
    assert_octets(&taken, &expected);
    free(taken.data);
    free(expected.data);
    client.base = event_base_new();
    client_finish(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_rewritten),
        TEST(small_rewritten_octet_by_octet),
        TEST(small_attached),
        TEST(small_headers),
        TEST(without_body),
        TEST(without_body_attached),
        TEST(just_small),
        TEST(just_large),
        TEST(large_rewritten),
        TEST(large_rewritten_in_one),
        TEST(large_attached),
        TEST(large_headers),
        TEST(ends_inside_its_header),
        TEST(a_header_too_large_goes_out_attached),
        TEST(is_given_again_from_its_beginning),
        TEST(freed_while_it_is_read),
        TEST(freed_while_it_is_sent),
        TEST(lost_data_is_reported),
        TEST(data_lost_before_the_digest_is_reported),
        TEST(data_lost_later_ends_the_append),
        TEST(append_sends_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
