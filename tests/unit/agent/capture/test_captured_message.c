/* Captured messages: octets in pieces of any size, the decision, what the ledger gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/capture/captured_message.h"
#include "agent/ledger/ledger_help.h"
#include "agent/ledger/plan.h"
#include "in_range.h"
#include "rules/rule_maker.h"

#define MIB (1024 * 1024)
#define FROM_BOB RECEIVED "From: bob@partner.test\r\nTo: alice@example.org\r\nSubject: hi\r\n"
#define FROM_CAROL RECEIVED "From: carol@example.org\r\nTo: alice@example.org\r\nSubject: hi\r\n"

struct stage {
    struct room room;
    struct config config;
    struct account account;
    struct context context;
    struct message_facts facts;
    char stored[200]; /* targets, in the order of context->stored() */
};

static void on_stored(void *arg, const char *target)
{
    struct stage *stage = arg;
    size_t used = strlen(stage->stored);
    snprintf(stage->stored + used, sizeof(stage->stored) - used, "%s ", target);
}

static int setup(void **state)
{
    static char *no_aliases[] = {NULL};
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    room_make(&stage->room);
    room_open(&stage->room);
    stage->config.instance = (char *)"example.org";
    stage->config.internal_wait = 10;
    stage->config.rules = make_set();
    stage->account = (struct account){.name = (char *)"alice",
                                      .address = (char *)"alice@example.org",
                                      .aliases = no_aliases,
                                      .monitor = true};
    stage->context = (struct context){.base = stage->room.base,
                                      .ledger = stage->room.ledger,
                                      .config = &stage->config,
                                      .stored = on_stored,
                                      .arg = stage};
    stage->facts = (struct message_facts){
        .account = &stage->account,
        .folder = "INBOX",
        .role = FOLDER_OTHER,
        .ledger_folder = room_folder(&stage->room, "alice", "INBOX", 77, 1, true),
        .uidvalidity = 77,
        .uid = 1,
        .internaldate = INTERNALDATE,
        .internaldate_zone = 60};
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    room_remove(&stage->room);
    rule_set_free(stage->config.rules);
    free(stage);
    return 0;
}

static struct captured_message *write_in(struct stage *stage, const char *octets, size_t len,
                                         size_t piece)
{
    struct captured_message *captured = captured_message_new(
        &stage->context, stage->facts.account, stage->facts.folder, stage->facts.role);
    for (size_t at = 0; at < len; at += piece)
        captured_message_write(captured, octets + at, len - at < piece ? len - at : piece);
    assert_int_equal(captured_message_size(captured), len);
    return captured;
}

/* Decides, and stores what is wanted; waits for the ledger. */
static bool take(struct stage *stage, const char *octets, size_t len, size_t piece)
{
    struct captured_message *captured = write_in(stage, octets, len, piece);
    struct outcome outcome = captured_message_decide(captured, &stage->facts);
    free(outcome.reason);
    if (outcome.wanted)
        captured_message_store(captured, &stage->facts);
    else
        captured_message_free(captured);
    room_figures(&stage->room);
    return outcome.wanted;
}

static void on_whole(void *arg, const void *data, size_t len, const char *why)
{
    struct stage *stage = ((void **)arg)[0];
    char **octets = &((char **)arg)[1];
    assert_null(why);
    *octets = xmemdup0(data, len);
    stage->room.waiting--;
}

/* The ledger's copy i has these octets, the header of that length. */
static void assert_in_spool(struct stage *stage, size_t i, const char *octets, size_t len,
                            size_t header)
{
    const struct ledger_copy *copy = &stage->room.copies[i];
    unsigned char digest[32];
    void *arg[2] = {stage, NULL};
    assert_int_equal(copy->size, len);
    assert_int_equal(copy->header_len, header);
    SHA256((const unsigned char *)octets, len, digest);
    assert_memory_equal(copy->sha256, digest, 32);
    SHA256((const unsigned char *)octets + header, len - header, digest);
    assert_memory_equal(copy->body_sha256, digest, 32);
    if (len > LEDGER_READ_MAX)
        return;
    stage->room.waiting++;
    spool_read(stage->context.ledger, copy->spool_segment, copy->spool_offset, len, on_whole, arg);
    room_wait(&stage->room);
    assert_memory_equal(arg[1], octets, len);
    free(arg[1]);
}

/* ---- octets ---- */

static void comes_in_pieces_of_any_size(void **state)
{
    struct stage *stage = *state;
    static const size_t pieces[] = {1, 2, 3, 7, 64, 4096, 100000};
    size_t n = sizeof(pieces) / sizeof(*pieces);
    char texts[7][600];
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof(texts[i]), FROM_BOB "\r\nLine one\r\n\r\nLine %zu\r\n\r\n", i);
        stage->facts.uid = (uint32_t)i + 1;
        assert_true(take(stage, texts[i], strlen(texts[i]), pieces[i]));
    }
    assert_int_equal(stage->context.count.captured, n);
    assert_int_equal(room_pending(&stage->room, "t", time(NULL), 100), n);
    for (size_t i = 0; i < n; i++)
        assert_in_spool(stage, i, texts[i], strlen(texts[i]), strlen(FROM_BOB) + 2);
}

struct shape {
    const char *title, *octets;
    size_t header;
};

static const struct shape shapes[] = {
    {"ends inside its header", "From: bob@partner.test\r\nSubject: no en", 38},
    {"ends after a field", "From: bob@partner.test\r\n", 24},
    {"header only", "From: eve@partner.test\r\n\r\n", 26},
    {"body only", "\r\nbody only\r\n", 2},
    {"bare line feeds", "From: bob@partner.test\n\nbody\n", 24},
    {"an empty line with LF after CRLF", "From: bob@partner.test\r\n\nbody\n", 25},
    {"NUL octets", "From: bob@partner.test\r\nX: \0\r\n\r\n\0\0\0", 32},
};

static void has_a_header_as_long_as_it_is(void **state)
{
    struct stage *stage = *state;
    size_t n = sizeof(shapes) / sizeof(*shapes);
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    for (size_t i = 0; i < n; i++) {
        size_t len = i == n - 1 ? 35 : strlen(shapes[i].octets);
        stage->facts.uid = (uint32_t)i + 1;
        assert_true(take(stage, shapes[i].octets, len, 1));
        assert_int_equal(room_pending(&stage->room, "t", time(NULL), 100), i + 1);
        if (stage->room.copies[i].header_len != shapes[i].header)
            fail_msg("%s: a header of %u", shapes[i].title, stage->room.copies[i].header_len);
        assert_in_spool(stage, i, shapes[i].octets, len, shapes[i].header);
    }
}

static void holds_nothing_at_all(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    struct captured_message *captured = captured_message_new(
        &stage->context, stage->facts.account, stage->facts.folder, stage->facts.role);
    captured_message_write(captured, NULL, 0);
    struct outcome outcome = captured_message_decide(captured, &stage->facts);
    assert_true(outcome.wanted);
    captured_message_store(captured, &stage->facts);
    room_figures(&stage->room);
    assert_int_equal(room_pending(&stage->room, "t", time(NULL), 100), 1);
    assert_int_equal(stage->room.copies[0].size, 0);
    assert_int_equal(stage->room.copies[0].header_len, 0);
}

/* ---- a header longer than what is kept of one ---- */

#define HUGE_FROM "From: alice@example.org\r\nTo: bob@partner.test\r\n"

/* Its Received field is past the limit. */
static char *huge_header(size_t *len)
{
    char *text = xmalloc(HEADER_MAX + 10000);
    size_t at = (size_t)sprintf(text, HUGE_FROM);
    while (at < HEADER_MAX + 100)
        at += (size_t)sprintf(text + at, "X-Filler: %0900zu\r\n", at);
    at += (size_t)sprintf(text + at, RECEIVED "\r\n");
    *len = at;
    return text;
}

static void a_cut_header_proves_nothing_missing(void **state)
{
    struct stage *stage = *state;
    size_t header;
    char *text = huge_header(&header);
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    stage->config.internal_wait = 0;
    assert_true(take(stage, text, header, 65536));
    assert_int_equal(room_pending(&stage->room, "t", time(NULL) + 1, 100), 1);
    assert_in_spool(stage, 0, text, header, header);
    struct plan *plan = plan_parse(stage->room.copies[0].plan);
    assert_true((plan->warnings & WARNING_HEADER_TRUNCATED) != 0);
    assert_int_equal(plan->directions,
                     DIRECTION_INCOMING | DIRECTION_OUTGOING | DIRECTION_INTERNAL);
    assert_true(plan->sender_claimed);
    plan_free(plan);
    free(text);
}

/* It may be received, it may be sent: a rule for sent mail does not lose it. */
static void a_cut_header_alone_proves_nothing_missing(void **state)
{
    struct stage *stage = *state;
    size_t header;
    char *text = huge_header(&header);
    struct outcome outcome;
    struct rule *rule = make_rule(stage->config.rules, "outgoing");
    rule->incoming = rule->internal = SELECT_NONE;
    prepare(stage->config.rules);
    assert_int_equal(
        header_decide(&stage->context, &stage->facts, text, HEADER_MAX, header, &outcome),
        MATCH_YES);
    assert_int_equal(
        header_decide(&stage->context, &stage->facts, HUGE_FROM, strlen(HUGE_FROM), 100, &outcome),
        MATCH_YES);
    free(text);
}

/* ---- decisions ---- */

/* A header too large to be read whole: neither rule can know the subject. */
static void doubt_is_an_outcome(void **state)
{
    struct stage *stage = *state;
    size_t header;
    char *text = huge_header(&header);
    struct outcome outcome;
    struct rule *rule = make_rule(stage->config.rules, "skip");
    rule->subject = LIST("*secret*");
    rule->skip_undecided = true;
    prepare(stage->config.rules);
    assert_int_equal(
        header_decide(&stage->context, &stage->facts, text, HEADER_MAX, header, &outcome),
        MATCH_NO);
    assert_int_equal(outcome.state, UID_UNDECIDED);
    assert_string_equal(outcome.reason, "subject");
    assert_int_not_equal(outcome.skipped, 0);
    free(outcome.reason);
    stage->config.rules->rules[0].skip_undecided = false;
    assert_int_equal(
        header_decide(&stage->context, &stage->facts, text, HEADER_MAX, header, &outcome),
        MATCH_YES);
    assert_true(outcome.wanted);
    assert_int_not_equal(outcome.copied, 0);
    free(text);
}

static void the_header_decides(void **state)
{
    struct stage *stage = *state;
    struct rule *rule = make_rule(stage->config.rules, "from");
    rule->from = LIST("bob@*");
    rule = make_rule(stage->config.rules, "large");
    rule->has_min_size = true;
    rule->min_size = 5000;
    rule = make_rule(stage->config.rules, "zip");
    rule->from = LIST("dan@*");
    rule->attachment = LIST("*.zip");
    rule = make_rule(stage->config.rules, "privileged");
    rule->exempt = true;
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
    rule->addresses = LIST("council@law.test");
    prepare(stage->config.rules);
    static const struct {
        const char *header;
        uint64_t size;
        enum match_result result;
        bool wanted;
        enum uid_state state;
        const char *reason;
    } cases[] = {
        {FROM_BOB, 100, MATCH_YES, true, UID_CAPTURED, NULL},
        {FROM_CAROL, 100, MATCH_NO, false, UID_NOT_WANTED, NULL},
        {FROM_CAROL, 5000, MATCH_YES, true, UID_CAPTURED, NULL},
        {RECEIVED "From: dan@partner.test\r\nContent-Type: multipart/mixed; boundary=x\r\n", 100,
         MATCH_NEEDS_BODY, false, UID_NOT_WANTED, NULL},
        {RECEIVED "From: council@law.test\r\n", 5000, MATCH_NO, false, UID_EXEMPT,
         "rule privileged: from council@law.test (claimed)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct outcome outcome;
        enum match_result result = header_decide(&stage->context, &stage->facts, cases[i].header,
                                                 strlen(cases[i].header), cases[i].size, &outcome);
        if (result != cases[i].result || outcome.wanted != cases[i].wanted ||
            outcome.state != cases[i].state)
            fail_msg("case %zu: result %d, wanted %d, state %d", i, (int)result, outcome.wanted,
                     (int)outcome.state);
        if (cases[i].reason == NULL)
            assert_null(outcome.reason);
        else
            assert_string_equal(outcome.reason, cases[i].reason);
        outcome_clear(&outcome);
    }
}

#define PARTS(name)                                                                                \
    FROM_BOB "Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\r\nplease wire it\r\n"  \
             "--cut\r\nContent-Type: application/zip; name=\"" name "\"\r\n\r\nPK\r\n--cut--\r\n"

static void the_body_decides_in_pieces_of_any_size(void **state)
{
    struct stage *stage = *state;
    struct rule *rule = make_rule(stage->config.rules, "zip");
    rule->attachment = LIST("*.zip");
    rule->body = LIST("/wire/");
    prepare(stage->config.rules);
    static const char yes[] = PARTS("a.zip"), no[] = PARTS("a.txt");
    for (size_t piece = 1; piece < sizeof(yes) + 1; piece = piece * 3 + 1) {
        struct captured_message *captured = write_in(stage, yes, sizeof(yes) - 1, piece);
        assert_true(captured_message_decide(captured, &stage->facts).wanted);
        captured_message_free(captured);
        captured = write_in(stage, no, sizeof(no) - 1, piece);
        struct outcome outcome = captured_message_decide(captured, &stage->facts);
        assert_false(outcome.wanted);
        assert_int_equal(outcome.state, UID_NOT_WANTED);
        captured_message_free(captured);
    }
}

/* Also where no rule asks for the body, so that it is not read. */
static void an_encrypted_one_is_warned_of(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    static const char text[] =
        FROM_BOB "Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b--\r\n";
    struct captured_message *captured = write_in(stage, text, sizeof(text) - 1, 10);
    struct outcome outcome = captured_message_decide(captured, &stage->facts);
    assert_true(outcome.wanted);
    assert_int_equal(outcome.warnings, WARNING_ENCRYPTED);
    captured_message_free(captured);
}

static void an_exempt_one_names_its_rule(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    struct rule *rule = make_rule(stage->config.rules, "privileged");
    rule->exempt = true;
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
    rule->addresses = LIST("bob@partner.test");
    prepare(stage->config.rules);
    static const char text[] = FROM_BOB "\r\nbody\r\n";
    struct captured_message *captured = write_in(stage, text, sizeof(text) - 1, 10);
    struct outcome outcome = captured_message_decide(captured, &stage->facts);
    assert_false(outcome.wanted);
    assert_int_equal(outcome.state, UID_EXEMPT);
    assert_string_equal(outcome.reason, "rule privileged: from bob@partner.test (claimed)");
    assert_string_equal(outcome.exempt_by, "privileged");
    outcome_clear(&outcome);
    captured_message_free(captured);
}

/* ---- what remains ---- */

static void nothing_is_left_of_what_is_not_wanted(void **state)
{
    struct stage *stage = *state;
    struct rule *rule = make_rule(stage->config.rules, "none");
    rule->from = LIST("nobody@x.test");
    prepare(stage->config.rules);
    unsigned files = 1;
    char *big = xmalloc(20 * MIB);
    memset(big, 'x', 20 * MIB);
    memcpy(big, FROM_BOB "\r\n", strlen(FROM_BOB) + 2);
    assert_false(take(stage, big, 20 * MIB, 65536));
    assert_false(take(stage, big, 2000, 100));
    struct captured_message *captured = write_in(stage, big, 3 * MIB, 65536);
    captured_message_free(captured); /* the session broke before its end */
    room_figures(&stage->room);
    assert_int_equal(room_spool(&stage->room, &files), 0);
    assert_int_equal(files, 0);
    assert_int_equal(stage->room.figures.spool_bytes, 0);
    assert_false(ledger_is_full(stage->room.ledger));
    assert_int_equal(room_sql(&stage->room, "SELECT COUNT(*) FROM message"), 0);
    free(big);
}

/* ---- what the ledger gets ---- */

static void every_target_gets_a_copy(void **state)
{
    struct stage *stage = *state;
    struct rule *rule = make_rule(stage->config.rules, "first");
    rule->purpose = xstrdup("audit");
    rule = make_rule(stage->config.rules, "second");
    free(rule->targets[0]);
    free(rule->targets);
    rule->targets = LIST("u", "t");
    prepare(stage->config.rules);
    stage->facts.old = true;
    static const char text[] = FROM_BOB "\r\nbody\r\n";
    assert_true(take(stage, text, sizeof(text) - 1, 100));
    assert_string_equal(stage->stored, "t u ");
    static const char *const targets[] = {"t", "u"};
    static const char *const rules[] = {"rule first\nrule second\npurpose audit\n",
                                        "rule second\n"};
    for (size_t i = 0; i < 2; i++) {
        char id[MONITOR_ID_LEN + 1];
        assert_int_equal(room_pending(&stage->room, targets[i], time(NULL), 10), 1);
        const struct ledger_copy *copy = &stage->room.copies[0];
        monitor_id_make(stage->config.rules->key, "alice", "INBOX", 77, 1, targets[i], id);
        assert_string_equal(copy->monitor_id, id);
        char *plan = xasprintf("directions 1\nwarnings %d\nclaimed bob@partner.test\n"
                               "owner alice@example.org\n%sdomain example.org\n",
                               WARNING_OLD_MESSAGE, rules[i]);
        assert_string_equal(copy->plan, plan);
        free(plan);
        assert_int_equal(copy->internaldate, INTERNALDATE);
        assert_int_equal(copy->internaldate_zone, 60);
        assert_int_equal(copy->uidvalidity, 77);
        assert_int_equal(copy->uid, 1);
        assert_string_equal(copy->folder, "INBOX");
    }
}

static void the_same_octets_again_are_a_duplicate(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    static const char text[] = FROM_BOB "\r\nbody\r\n";
    assert_true(take(stage, text, sizeof(text) - 1, 100));
    stage->facts.uid = 2;
    assert_true(take(stage, text, sizeof(text) - 1, 3));
    assert_int_equal(stage->context.count.captured, 1);
    assert_int_equal(stage->context.count.duplicates, 1);
    assert_int_equal(room_pending(&stage->room, "t", time(NULL), 10), 1);
}

static void an_internal_one_waits_and_is_joined(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    ledger_set_plans(stage->room.ledger, plan_join, plan_covers);
    static const char received[] = FROM_CAROL "\r\nbody\r\n";
    static const char sent[] = "From: carol@example.org\r\nTo: alice@example.org\r\n"
                               "Subject: hi\r\nBcc: dan@example.org\r\n\r\nbody";
    time_t now = time(NULL);
    assert_true(take(stage, received, sizeof(received) - 1, 10));
    assert_int_equal(room_pending(&stage->room, "t", now, 10), 0);
    assert_uint_in_range(stage->room.next_due, now + 9, now + 12);
    struct account carol = stage->account;
    carol.name = (char *)"carol";
    carol.address = (char *)"carol@example.org";
    stage->facts = (struct message_facts){
        .account = &carol,
        .folder = "Sent",
        .role = FOLDER_SENT,
        .ledger_folder = room_folder(&stage->room, "carol", "Sent", 5, 1, true),
        .uidvalidity = 5,
        .uid = 1,
        .internaldate = INTERNALDATE};
    assert_true(take(stage, sent, sizeof(sent) - 1, 10));
    assert_int_equal(stage->context.count.joined, 1);
    assert_int_equal(room_pending(&stage->room, "t", now + 60, 10), 1);
    struct plan *plan = plan_parse(stage->room.copies[0].plan);
    assert_string_equal(plan->sender, "carol@example.org");
    assert_false(plan->sender_claimed);
    assert_int_equal(plan->warnings, 0);
    assert_int_equal(plan->n_recipients, 2);
    assert_string_equal(plan->recipients[1].address, "dan@example.org");
    assert_int_equal(plan->recipients[1].basis, BASIS_BCC);
    plan_free(plan);
}

/* A reload frees the account while its message comes. */
static void the_account_may_go_before_the_header_ends(void **state)
{
    struct stage *stage = *state;
    static const char text[] = FROM_CAROL "\r\nbody\r\n";
    char *alias[] = {xstrdup("a@example.org"), NULL};
    struct account *old = xmalloc(sizeof(*old));
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    *old = stage->account;
    old->name = xstrdup("alice");
    old->address = xstrdup("alice@example.org");
    old->aliases = alias;
    char *folder = xstrdup("INBOX");
    struct captured_message *captured =
        captured_message_new(&stage->context, old, folder, FOLDER_OTHER);
    captured_message_write(captured, text, 10);
    free(folder);
    free(alias[0]);
    free(old->name);
    free(old->address);
    free(old);
    captured_message_write(captured, text + 10, sizeof(text) - 1 - 10);
    assert_true(captured_message_decide(captured, &stage->facts).wanted);
    captured_message_store(captured, &stage->facts);
    room_figures(&stage->room);
    assert_int_equal(stage->context.count.captured, 1);
}

/* ---- explain ---- */

static void is_explained_without_a_ledger(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->config.rules, "all");
    prepare(stage->config.rules);
    stage->context.ledger = NULL;
    static const char text[] = FROM_BOB "\r\nbody\r\n";
    unsigned char digest[32];
    size_t len;
    struct captured_message *captured = write_in(stage, text, sizeof(text) - 1, 5);
    struct decision *decision = captured_message_explain(captured, &stage->facts);
    assert_int_equal(decision->result, MATCH_YES);
    assert_true(decision->rules[0].n_reasons > 0);
    const char *header = captured_message_header(captured, &len);
    assert_int_equal(len, strlen(FROM_BOB) + 2);
    assert_memory_equal(header, text, len);
    SHA256((const unsigned char *)text, sizeof(text) - 1, digest);
    assert_memory_equal(captured_message_sha256(captured), digest, 32);
    decision_free(decision);
    captured_message_free(captured);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comes_in_pieces_of_any_size),
        TEST(has_a_header_as_long_as_it_is),
        TEST(holds_nothing_at_all),
        TEST(a_cut_header_proves_nothing_missing),
        TEST(a_cut_header_alone_proves_nothing_missing),
        TEST(doubt_is_an_outcome),
        TEST(the_header_decides),
        TEST(the_body_decides_in_pieces_of_any_size),
        TEST(an_encrypted_one_is_warned_of),
        TEST(an_exempt_one_names_its_rule),
        TEST(nothing_is_left_of_what_is_not_wanted),
        TEST(every_target_gets_a_copy),
        TEST(the_same_octets_again_are_a_duplicate),
        TEST(an_internal_one_waits_and_is_joined),
        TEST(the_account_may_go_before_the_header_ends),
        TEST(is_explained_without_a_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
