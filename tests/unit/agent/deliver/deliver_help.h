/*
 * What the tests of deliver share: a delivery on a scripted server, with a real ledger in a
 * temporary directory. It reads the states from private.h.
 * Include it after cmocka.h.
 */
#ifndef AGENT_DELIVER_DELIVER_HELP_H
#define AGENT_DELIVER_DELIVER_HELP_H

#include "agent/deliver/private.h"
#include "agent/ledger/ledger_help.h"
#include "agent/ledger/store/store.h"
#include "imapclient/scripted_client.h"

#define PLAN                                                                                       \
    "directions 1\nwarnings 0\nclaimed bob@x.test\nto alice@example.org\nrule all\n"               \
    "domain example.org\n"
/* What a session begins with, until its first SELECT. */
#define LEARN "C LIST * INBOX", "S * LIST () \".\" INBOX", "T OK done"
#define LOGS_IN(capabilities) BEGIN(capabilities), LEARN
#define SELECTED                                                                                   \
    "S * 0 EXISTS", "S * FLAGS ()", "S * OK [PERMANENTFLAGS (\\*)] any",                           \
        "S * OK [UIDVALIDITY 9] yes", "S * OK [UIDNEXT 100] yes", "T OK [READ-WRITE] done"
#define SELECT(name) "C SELECT " name, SELECTED
/* One APPEND, up to its reply. */
#define APPEND_NOW(name) "C APPEND " name " * {*+}", "LITERAL", "D "
#define APPEND_SYNC(name) "C APPEND " name " * {*}", "S + go", "LITERAL", "D "
/* In its simplest form, after a refusal: without keywords, with a literal that waits. */
#define APPEND_SIMPLEST(name) "C APPEND " name " \"* {*[0-9]}", "S + go", "LITERAL", "D "
#define STORED(uids) "T OK [APPENDUID 9 " uids "] stored"
/* A batch of two with MULTIAPPEND and LITERAL+, up to its reply. */
#define APPEND_TWO "C APPEND Monitor * {*+}", "LITERAL", "D  (*) * {*+}", "LITERAL", "D "
#define FETCHES_IDS(from)                                                                          \
    "C CHECK", "C UID FETCH " from ":* (UID BODY.PEEK?HEADER.FIELDS (X-Monitor-Id)?)",             \
        "T OK checked"

/* The other ways to search, after a refusal of that. */
#define REFUSED_WAYS(from, id)                                                                     \
    "C UID FETCH " from ":* (UID BODY.PEEK?HEADER?)", "T NO never",                                \
        "C UID FETCH " from ":* (UID)", "T NO never",                                              \
        "C UID SEARCH UID " from ":* HEADER X-Monitor-Id " id, "T NO never"

/* The reply to that: the message with that UID is the copy of message 1, or of message 2. */
#define FOUND(uid, id)                                                                             \
    "R * 1 FETCH (UID " uid " BODY[HEADER.FIELDS (X-Monitor-Id)] {44}\r\nX-Monitor-Id: " id        \
    "\r\n\r\n)\r\n"
#define ID_1 "abaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_2 "acaaaaaaaaaaaaaaaaaaaaaaaa"

struct stage {
    struct room room;
    struct config config;
    struct context context;
    struct server server;
    struct target target;
    char secret[96];
    struct scripted_server *scripted;
    struct deliver *deliver;
    uint32_t captured; /* this many messages, with UIDs from 1 on */
    unsigned stopped;
};

/* ---- the stage ---- */

static inline void write_secret(struct stage *stage)
{
    FILE *out;

    snprintf(stage->secret, sizeof(stage->secret), "%s/secret", stage->room.top);
    out = fopen(stage->secret, "w");
    assert_non_null(out);
    fputs("wonder\n", out);
    fclose(out);
    chmod(stage->secret, 0600);
}

static inline void open_ledger(struct stage *stage)
{
    room_open(&stage->room);
    stage->context.ledger = stage->room.ledger;
}

static inline int stage_setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));

    room_make(&stage->room);
    write_secret(stage);
    stage->config.instance = (char *)"example.org";
    stage->config.rules = rule_set_new();
    memset(stage->config.rules->key, 7, sizeof(stage->config.rules->key));
    assert_int_equal(rules_prepare(stage->config.rules, NULL, NULL, NULL), 0);
    stage->context = (struct context){
        .base = stage->room.base, .config = &stage->config, .links = links_new(stage->room.base)};
    open_ledger(stage);
    stage->server = (struct server){.name = (char *)"office"};
    stage->target = (struct target){.name = (char *)"t",
                                    .server = &stage->server,
                                    .login = (char *)"alice",
                                    .folder = (char *)"Monitor",
                                    .form = COPY_REWRITTEN};
    stage->target.secret.password_file = stage->secret;
    *state = stage;
    return 0;
}

static inline int stage_teardown(void **state)
{
    struct stage *stage = *state;

    deliver_free(stage->deliver);
    if (stage->scripted != NULL)
        scripted_server_free(stage->scripted);
    links_free(stage->context.links);
    room_remove(&stage->room);
    rule_set_free(stage->config.rules);
    free(stage);
    return 0;
}

/* The next connection meets this script. */
static inline void play(struct stage *stage, const char *const *script)
{
    if (stage->scripted != NULL)
        scripted_server_free(stage->scripted);
    stage->scripted = scripted_server_new(stage->room.base, script, NULL, false);
    stage->server.imap = (struct endpoint){.set = true,
                                           .security = SECURITY_PLAIN,
                                           .host = (char *)"127.0.0.1",
                                           .port = scripted_server_port(stage->scripted)};
}

/* ---- messages to deliver ---- */

static inline const char *id_of(uint32_t uid)
{
    static char id[MONITOR_ID_LEN + 1];

    memset(id, 'a', MONITOR_ID_LEN);
    id[0] = (char)('a' + uid / 26 % 26);
    id[1] = (char)('a' + uid % 26);
    return id;
}

/* The next message, of that account, with a body of that size. */
static inline uint32_t capture_sized(struct stage *stage, const char *account, size_t size)
{
    static const char header[] = "From: bob@x.test\r\nTo: alice@example.org\r\n"
                                 "Message-ID: <1@x.test>\r\n\r\n";
    struct room *room = &stage->room;
    struct ledger_new_copy copy = {.target = "t", .plan = PLAN};
    struct ledger_capture capture = {.folder = room_folder(room, account, "INBOX", 77, 1, true),
                                     .uid = ++stage->captured,
                                     .internaldate = 1700000000,
                                     .header_len = sizeof(header) - 1,
                                     .copies = &copy,
                                     .n_copies = 1};
    size_t len = sizeof(header) - 1 + size;
    unsigned char *octets = xmalloc(len);
    struct spool_entry *entry = spool_entry_new(room->ledger);

    memcpy(octets, header, sizeof(header) - 1);
    memset(octets + sizeof(header) - 1, 'a' + (int)(capture.uid % 26), size);
    if (size >= 2)
        memcpy(octets + len - 2, "\r\n", 2);
    copy.monitor_id = id_of(capture.uid);
    SHA256(octets, len, capture.sha256);
    SHA256(octets + capture.header_len, size, capture.body_sha256);
    spool_entry_write(entry, octets, len);
    free(octets);
    room->waiting++;
    ledger_capture(room->ledger, &capture, entry, room_on_capture, room);
    room_wait(room);
    assert_int_equal(room->outcome, CAPTURE_STORED);
    return capture.uid;
}

static inline void capture(struct stage *stage, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        capture_sized(stage, "alice", 1000 + stage->captured);
}

/* As a crash or a lost connection leaves it: an intent for the copy of that message. */
static inline void intend(struct stage *stage, uint32_t uid, const char *folder,
                          uint32_t uidvalidity, uint32_t uidnext)
{
    struct room *room = &stage->room;
    struct ledger_intended intended = {0};
    const struct ledger_destination place = {"", folder, uidvalidity, uidnext};
    size_t n = room_pending(room, "t", time(NULL), 100);

    for (size_t i = 0; i < n; i++)
        if (room->copies[i].uid == uid)
            intended.copy = room->copies[i].id;
    assert_int_not_equal(intended.copy, 0);
    room->waiting++;
    ledger_intent(room->ledger, &intended, 1, &place, room_done, room);
    room_wait(room);
}

/* ---- what the ledger has of them ---- */

static inline int64_t copy_number(const struct stage *stage, uint32_t uid, const char *column)
{
    char *sql = xasprintf(
        "SELECT %s FROM copy WHERE message = (SELECT id FROM message WHERE uid = %u)", column, uid);
    int64_t number = room_sql(&stage->room, sql);

    free(sql);
    return number;
}

/* All that was handed to the ledger is committed first. */
static inline enum copy_state copy_state(struct stage *stage, uint32_t uid)
{
    room_figures(&stage->room);
    return (enum copy_state)copy_number(stage, uid, "state");
}

static inline uint32_t copy_uid(const struct stage *stage, uint32_t uid)
{
    return (uint32_t)copy_number(stage, uid, "target_uid");
}

/* Whether the reason that the ledger has for it holds the text. */
static inline bool copy_reason_has(const struct stage *stage, uint32_t uid, const char *text)
{
    char column[200];

    snprintf(column, sizeof(column), "instr(reason, '%s') > 0", text);
    return copy_number(stage, uid, column) == 1;
}

/* It is due again now, or only later. */
static inline bool copy_is_due(const struct stage *stage, uint32_t uid)
{
    return copy_number(stage, uid, "due") <= time(NULL);
}

/* ---- the delivery ---- */

static inline void run_for(struct stage *stage, unsigned milliseconds)
{
    const struct timeval wait = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};

    event_base_loopexit(stage->room.base, &wait);
    event_base_dispatch(stage->room.base);
}

static inline void begin(struct stage *stage)
{
    stage->deliver = deliver_new(&stage->context, &stage->target);
    stage->deliver->lost_at = 0; /* no wait before a search */
    assert_int_equal(stage->deliver->step, STEP_IDLE);
    deliver_wake(stage->deliver);
}

/* Until the script was played to its end, and the delivery is in that state. */
static inline void await(struct stage *stage, enum deliver_step step)
{
    time_t limit = time(NULL) + 20;
    const char *complaint;

    while ((complaint = scripted_server_complaint(stage->scripted)) != NULL ||
           stage->deliver->step != step) {
        if (complaint != NULL && complaint[0] != '\0')
            fail_msg("%s", complaint);
        if (time(NULL) > limit)
            fail_msg("the script is at its %s, and the delivery in state %d: %s",
                     complaint == NULL ? "end" : "middle", (int)stage->deliver->step,
                     stage->deliver->trouble != NULL ? stage->deliver->trouble : "");
        run_for(stage, 5);
    }
}

/* Until it is in that state, wherever the script is. */
static inline void await_step(struct stage *stage, enum deliver_step step)
{
    for (time_t limit = time(NULL) + 20; stage->deliver->step != step;
         event_base_loop(stage->room.base, EVLOOP_ONCE))
        if (time(NULL) > limit)
            fail_msg("the delivery is in state %d: %s", (int)stage->deliver->step,
                     stage->deliver->trouble != NULL ? stage->deliver->trouble : "");
}

/* A delivery with that script; until it is over and nothing is due. */
static inline void deliver_all(struct stage *stage, const char *const *script)
{
    play(stage, script);
    begin(stage);
    await(stage, STEP_IDLE);
}

/* After a lost session: the next attempt now, with that script. */
static inline void reconnect(struct stage *stage, const char *const *script)
{
    assert_int_equal(stage->deliver->step, STEP_DOWN);
    play(stage, script);
    stage->deliver->lost_at = 0;
    assert_true(deliver_update(stage->deliver, &stage->target));
}

static inline void on_stopped(void *arg)
{
    struct stage *stage = arg;

    stage->stopped++;
}

static inline void await_stopped(struct stage *stage)
{
    for (time_t limit = time(NULL) + 20; stage->stopped == 0; run_for(stage, 5))
        if (time(NULL) > limit)
            fail_msg("it does not stop in state %d", (int)stage->deliver->step);
    assert_int_equal(stage->stopped, 1);
    assert_int_equal(stage->deliver->step, STEP_STOPPED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

#endif
