/* The folder that copies go to: every reply to NAMESPACE and LIST, SELECT and CREATE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/deliver/target_folder.h"
#include "imapclient/scripted_client.h"
#include "rules/util/memory.h"

#define STEPS_MAX 24

struct asker {
    struct client client;
    struct target_folder *folder;
    unsigned answers;
    char *why;
};

static struct asker *asker; /* of the test: the client's hook has no argument of ours */

static void on_untagged(struct client *client, const struct imap_untagged *untagged)
{
    (void)client;
    if (asker->folder != NULL)
        target_folder_untagged(asker->folder, untagged);
}

static void on_done(void *arg, const char *why)
{
    struct asker *its = arg;

    its->answers++;
    free(its->why);
    its->why = why != NULL ? xstrdup(why) : NULL;
}

static void begin(struct asker *its, const char *const *script)
{
    memset(its, 0, sizeof(*its));
    asker = its;
    client_init(&its->client);
    its->client.on_untagged = on_untagged;
    client_serve(&its->client, script);
    client_start(&its->client);
    client_await(&its->client, "ready");
    its->folder = target_folder_new(its->client.session);
}

/* Until there is the answer, or until the session has ended without one. */
static void await_end(struct asker *its, bool answers)
{
    if (!answers)
        client_await(&its->client, "closed");
    for (unsigned tries = 0; answers && its->answers == 0 && tries < 1000; tries++)
        client_settle(&its->client, 5);
}

static void end(struct asker *its)
{
    target_folder_free(its->folder);
    client_finish(&its->client);
    free(its->why);
}

/* ---- separator and prefix ---- */

struct learning {
    const char *title;
    const char *script[STEPS_MAX];
    bool answers;
    char separator;
    const char *selects; /* for "Monitor" */
};

#define SELECTS(name) "C SELECT " name, "T OK done"

static const struct learning learnings[] = {
    {"a namespace with a prefix",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL", "T OK done",
      SELECTS("INBOX.Monitor"), NULL},
     true,
     '.',
     "INBOX.Monitor"},
    {"a namespace without a prefix",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((\"\" \"/\")) NIL NIL", "T OK done",
      SELECTS("Monitor"), NULL},
     true,
     '/',
     "Monitor"},
    {"no personal namespace",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE NIL NIL NIL", "T OK done",
      SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"a flat one",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((\"\" NIL)) NIL NIL", "T OK done",
      SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"NAMESPACE: OK without data",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "T OK done", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"NAMESPACE: NO",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "T NO never", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"NAMESPACE: BAD",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "T BAD what", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"NAMESPACE: garbage",
     {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((((", "S * 17 ]", "T OK done",
      SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"LIST",
     {BEGIN(""), "C LIST * INBOX", "S * LIST () \"/\" INBOX", "T OK done", SELECTS("Monitor"),
      NULL},
     true,
     '/',
     "Monitor"},
    {"LIST: the first one counts",
     {BEGIN(""), "C LIST * INBOX", "S * LIST () \"/\" INBOX", "S * LIST () \".\" INBOX",
      "T OK done", SELECTS("Monitor"), NULL},
     true,
     '/',
     "Monitor"},
    {"LIST: nothing",
     {BEGIN(""), "C LIST * INBOX", "T OK done", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"LIST: NO",
     {BEGIN(""), "C LIST * INBOX", "T NO never", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"LIST: BAD",
     {BEGIN(""), "C LIST * INBOX", "T BAD what", SELECTS("Monitor"), NULL},
     true,
     0,
     "Monitor"},
    {"LIST: BYE", {BEGIN(""), "C LIST * INBOX", "S * BYE", "CLOSE", NULL}, false, 0, NULL},
    {"NAMESPACE: the end", {BEGIN("NAMESPACE"), "C NAMESPACE", "CLOSE", NULL}, false, 0, NULL},
};

static void check_learning(const struct learning *learning)
{
    struct asker its;

    print_message("%s\n", learning->title);
    begin(&its, learning->script);
    target_folder_learn(its.folder, on_done, &its);
    assert_int_equal(its.answers, 0);
    if (learning->answers) {
        while (its.answers == 0)
            client_settle(&its.client, 5);
        assert_null(its.why);
        assert_int_equal(target_folder_separator(its.folder), learning->separator);
        target_folder_select(its.folder, "Monitor", false, on_done, &its);
        assert_string_equal(target_folder_name(its.folder), learning->selects);
    }
    client_await_script(&its.client);
    for (unsigned tries = 0; its.answers == 1 && tries < 1000; tries++)
        client_settle(&its.client, 5);
    if (!learning->answers)
        client_await(&its.client, "closed");
    assert_int_equal(its.answers, learning->answers ? 2 : 0);
    end(&its);
}

static void test_every_reply_to_namespace_and_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(learnings) / sizeof(*learnings); i++)
        check_learning(&learnings[i]);
}

/* ---- SELECT and CREATE ---- */

struct selection {
    const char *title;
    const char *script[STEPS_MAX];
    bool create;
    bool answers;
    const char *why; /* a part of it, NULL: selected */
    bool missing;
};

#define ASKS "C SELECT Monitor"
#define SELECTED "S * OK [UIDVALIDITY 9] yes", "S * OK [UIDNEXT 100] yes", "T OK [READ-WRITE] done"
#define MAKES ASKS, "T NO none", "C CREATE Monitor"

static const struct selection selections[] = {
    {"OK", {BEGIN(""), ASKS, SELECTED, NULL}, true, true, NULL, false},
    {"NO, then it is created",
     {BEGIN(""), MAKES, "T OK made", "C SUBSCRIBE Monitor", "T OK done", ASKS, SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"NO with TRYCREATE, then it is created",
     {BEGIN(""), ASKS, "T NO [TRYCREATE] none", "C CREATE Monitor", "T OK made",
      "C SUBSCRIBE Monitor", "T OK done", ASKS, SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"SUBSCRIBE may be refused",
     {BEGIN(""), MAKES, "T OK made", "C SUBSCRIBE Monitor", "T NO never", ASKS, SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"NO, not to be created",
     {BEGIN(""), ASKS, "T NO [NONEXISTENT] none", NULL},
     false,
     true,
     "the folder Monitor cannot be selected: ",
     true},
    {"BAD", {BEGIN(""), ASKS, "T BAD what", NULL}, true, true, "cannot be selected: what", false},
    {"CREATE: NO",
     {BEGIN(""), MAKES, "T NO never", NULL},
     true,
     true,
     "the folder Monitor cannot be created: never",
     true},
    {"CREATE: NO with OVERQUOTA",
     {BEGIN(""), MAKES, "T NO [OVERQUOTA] full", NULL},
     true,
     true,
     "cannot be created: full",
     true},
    {"CREATE: NO with LIMIT",
     {BEGIN(""), MAKES, "T NO [LIMIT] too many", NULL},
     true,
     true,
     "cannot be created: too many",
     true},
    {"CREATE: NO with ALREADYEXISTS: another was faster",
     {BEGIN(""), MAKES, "T NO [ALREADYEXISTS] there", ASKS, SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"CREATE: NO, in words",
     {BEGIN(""), MAKES, "T NO Mailbox already exists", ASKS, SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"CREATE: NO with ALREADYEXISTS, and refused all the same",
     {BEGIN(""), MAKES, "T NO [ALREADYEXISTS] there", ASKS, "T NO never", NULL},
     true,
     true,
     "cannot be selected: never",
     false},
    {"CREATE: NO with ALREADYEXISTS, and gone again",
     {BEGIN(""), MAKES, "T NO [ALREADYEXISTS] there", ASKS, "T NO [NONEXISTENT] none", NULL},
     true,
     true,
     "cannot be selected: none",
     true},
    {"CREATE: NO with OVERQUOTA, in words of another thing",
     {BEGIN(""), MAKES, "T NO [OVERQUOTA] as many already exist", NULL},
     true,
     true,
     "cannot be created: as many",
     true},
    {"CREATE: BAD", {BEGIN(""), MAKES, "T BAD what", NULL}, true, true, "cannot be created", true},
    {"created, and refused all the same",
     {BEGIN(""), MAKES, "T OK made", "C SUBSCRIBE Monitor", "T OK done", ASKS, "T NO none", NULL},
     true,
     true,
     "cannot be selected: none",
     true},
    {"garbage",
     {BEGIN(""), ASKS, "S * OK [UIDVALIDITY )] x", "S * (((", SELECTED, NULL},
     true,
     true,
     NULL,
     false},
    {"SELECT: the end", {BEGIN(""), ASKS, "CLOSE", NULL}, true, false, NULL, false},
    {"SELECT: BYE", {BEGIN(""), ASKS, "S * BYE", "CLOSE", NULL}, true, false, NULL, false},
    {"CREATE: the end", {BEGIN(""), MAKES, "CLOSE", NULL}, true, false, NULL, false},
    {"SUBSCRIBE: the end",
     {BEGIN(""), MAKES, "T OK made", "C SUBSCRIBE Monitor", "CLOSE", NULL},
     true,
     false,
     NULL,
     false},
};

static void check_selection(const struct selection *selection)
{
    struct asker its;

    print_message("%s\n", selection->title);
    begin(&its, selection->script);
    target_folder_select(its.folder, "Monitor", selection->create, on_done, &its);
    client_await_script(&its.client);
    await_end(&its, selection->answers);
    assert_int_equal(its.answers, selection->answers);
    assert_int_equal(its.why != NULL, selection->why != NULL);
    if (selection->why != NULL && strstr(its.why, selection->why) == NULL)
        fail_msg("%s", its.why);
    if (selection->answers) {
        assert_int_equal(target_folder_is_missing(its.folder), selection->missing);
        assert_int_equal(target_folder_is_selected(its.folder, "Monitor"), selection->why == NULL);
    }
    if (selection->answers && selection->why == NULL) {
        assert_int_equal(target_folder_uidvalidity(its.folder), 9);
        assert_int_equal(target_folder_uidnext(its.folder), 100);
    }
    end(&its);
}

static void test_every_reply_to_select_and_create(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(selections) / sizeof(*selections); i++)
        check_selection(&selections[i]);
}

/* ---- names that a server refuses ---- */

#define MAKE(name, reply) "C SELECT " name, "T NO none", "C CREATE " name, reply
#define MAKE_IT(name)                                                                              \
    MAKE(name, "T OK made"), "C SUBSCRIBE " name, "T OK done", "C SELECT " name, SELECTED

static const struct {
    const char *title, *name;
    const char *script[STEPS_MAX];
    const char *made; /* NULL: none is */
} refused_names[] = {
    {"the character that is quoted",
     "a+b@x.test",
     {BEGIN(""), MAKE("a+b@x.test", "T NO [CANNOT] Character not allowed: '+'"),
      MAKE_IT("a_b@x.test"), NULL},
     "a_b@x.test"},
    {"dots",
     "Audit/alice@example.org",
     {BEGIN(""), MAKE("Audit/alice@example.org", "T NO invalid name"),
      MAKE_IT("Audit/alice@example_org"), NULL},
     "Audit/alice@example_org"},
    {"there already, under its other name",
     "a.b",
     {BEGIN(""), MAKE("a.b", "T NO invalid name"), "C SELECT a_b", SELECTED, NULL},
     "a_b"},
    {"punctuation",
     "a~b",
     {BEGIN(""), MAKE("a~b", "T NO invalid name"), MAKE_IT("a_b"), NULL},
     "a_b"},
    {"nothing helps",
     "a.b",
     {BEGIN(""), MAKE("a.b", "T NO first"), MAKE("a_b", "T NO second"), NULL},
     NULL},
    {"not the name's fault", "a.b", {BEGIN(""), MAKE("a.b", "T NO [NOPERM] first"), NULL}, NULL},
};

static void test_names_that_a_server_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused_names) / sizeof(*refused_names); i++) {
        struct asker its;

        print_message("%s\n", refused_names[i].title);
        begin(&its, refused_names[i].script);
        target_folder_select(its.folder, refused_names[i].name, true, on_done, &its);
        client_await_script(&its.client);
        await_end(&its, true);
        assert_int_equal(target_folder_is_selected(its.folder, refused_names[i].name),
                         refused_names[i].made != NULL);
        if (refused_names[i].made != NULL)
            assert_string_equal(target_folder_name(its.folder), refused_names[i].made);
        else
            assert_non_null(strstr(its.why, "cannot be created: first"));
        end(&its);
    }
}

static void test_silence_is_no_answer(void **state)
{
    static const char *const script[] = {BEGIN(""), ASKS, "END", NULL};
    struct asker its;

    (void)state;
    begin(&its, script);
    target_folder_select(its.folder, "Monitor", true, on_done, &its);
    client_settle(&its.client, 20);
    session_shorten_deadlines(its.client.session);
    client_await(&its.client, "closed TIMEOUT");
    client_await_script(&its.client);
    assert_int_equal(its.answers, 0);
    end(&its);
}

/* ---- what is selected already, names ---- */

static void test_a_selected_folder_is_not_selected_again(void **state)
{
    static const char *const script[] = {BEGIN(""), ASKS, SELECTED, ASKS, SELECTED, NULL};
    struct asker its;

    (void)state;
    begin(&its, script);
    target_folder_select(its.folder, "Monitor", true, on_done, &its);
    while (its.answers == 0)
        client_settle(&its.client, 5);
    target_folder_select(its.folder, "Monitor", true, on_done, &its);
    assert_int_equal(its.answers, 2);
    assert_false(target_folder_is_selected(its.folder, "Other"));
    target_folder_forget(its.folder);
    target_folder_advance(its.folder, 500); /* of no folder */
    assert_false(target_folder_is_selected(its.folder, "Monitor"));
    target_folder_select(its.folder, "Monitor", true, on_done, &its);
    assert_int_equal(its.answers, 2);
    client_await_script(&its.client);
    while (its.answers == 2)
        client_settle(&its.client, 5);
    target_folder_advance(its.folder, 120);
    assert_int_equal(target_folder_uidnext(its.folder), 121);
    target_folder_advance(its.folder, 7);
    target_folder_advance(its.folder, UINT32_MAX);
    assert_int_equal(target_folder_uidnext(its.folder), 121);
    end(&its);
}

static void test_names_below_the_prefix(void **state)
{
    static const char *const names[][2] = {
        {"Monitor", "INBOX.Monitor"}, {"INBOX.Monitor", "INBOX.Monitor"},
        {"INBOX", "INBOX"},           {"inbox", "inbox"},
        {"inbox.a", "inbox.a"},       {"Inboxes", "INBOX.Inboxes"},
    };
    static const char *const script[] = {BEGIN("NAMESPACE"),
                                         "C NAMESPACE",
                                         "S * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL",
                                         "T OK done",
                                         "C SELECT INBOX.Monitor",
                                         "T OK",
                                         "C SELECT INBOX.Monitor",
                                         "T OK",
                                         "C SELECT INBOX",
                                         "T OK",
                                         "C SELECT ?nbox",
                                         "T OK",
                                         "C SELECT inbox.a",
                                         "T OK",
                                         "C SELECT INBOX.Inboxes",
                                         "T OK",
                                         NULL};
    struct asker its;

    (void)state;
    begin(&its, script);
    target_folder_learn(its.folder, on_done, &its);
    while (its.answers == 0)
        client_settle(&its.client, 5);
    for (size_t i = 0; i < sizeof(refused_names) / sizeof(*refused_names); i++) {
        unsigned before = its.answers;

        target_folder_forget(its.folder);
        target_folder_select(its.folder, names[i][0], true, on_done, &its);
        assert_string_equal(target_folder_name(its.folder), names[i][1]);
        for (unsigned tries = 0; its.answers == before && tries < 1000; tries++)
            client_settle(&its.client, 5);
    }
    client_await_script(&its.client);
    end(&its);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reply_to_namespace_and_list),
        cmocka_unit_test(test_every_reply_to_select_and_create),
        cmocka_unit_test(test_names_that_a_server_refuses),
        cmocka_unit_test(test_silence_is_no_answer),
        cmocka_unit_test(test_a_selected_folder_is_not_selected_again),
        cmocka_unit_test(test_names_below_the_prefix),
    };

    return cmocka_run_group_tests_name("agent.deliver.target_folder", tests, NULL, NULL);
}
