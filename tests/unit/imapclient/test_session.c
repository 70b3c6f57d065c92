/* Commands of a session against a scripted server: their order, and selecting mailboxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imapclient/scripted_client.h"

static void send_pipelined(struct client *client)
{
    imap_noop(client->session, client_done, client_named(client, "noop"));
    imap_create(client->session, "Monit\xc3\xb6r", client_done, client_named(client, "create"));
    imap_subscribe(client->session, "a\r\nb", client_done, client_named(client, "evil"));
    imap_status(client->session, "x y", IMAP_STATUS_MESSAGES | IMAP_STATUS_HIGHESTMODSEQ,
                client_done, client_named(client, "status"));
    imap_list(client->session, "*", IMAP_STATUS_UIDNEXT, client_done, client_named(client, "list"));
}

static void test_pipelining(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("LIST-EXTENDED SPECIAL-USE LIST-STATUS"),
                                         "C NOOP",
                                         "C CREATE *Monit&APY-r*",
                                         "C STATUS \"x y\" (MESSAGES)",
                                         "C LIST \"\" ?\\*? RETURN (SPECIAL-USE STATUS (UIDNEXT))",
                                         "T OK 1",
                                         "T NO [ALREADYEXISTS] 2",
                                         "T BAD 3",
                                         "S * LIST (\\Sent) \"/\" Sent",
                                         "S * STATUS Sent (UIDNEXT 9)",
                                         "T OK 4",
                                         NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_pipelined;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "list: OK 4");
    assert_string_equal(client_log(&client), "ready\n"
                                             "evil: INVALID invalid argument\n"
                                             "noop: OK 1\n"
                                             "create: NO 2\n"
                                             "status: BAD 3\n"
                                             "list Sent sent\n"
                                             "status Sent messages 0 uidnext 9\n"
                                             "list: OK 4\n");
    client_finish(&client);
}

static void send_examine(struct client *client)
{
    static const struct imap_resync known = {
        .uidvalidity = 7, .modseq = 90, .known_first = 1, .known_last = 41};
    imap_examine(client->session, "INBOX", &known, client_selected,
                 client_named(client, "examine"));
    imap_unselect(client->session, client_done, client_named(client, "unselect"));
    imap_select(client->session, "Gone", client_selected, client_named(client, "select"));
}

static void test_examine_qresync(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("ENABLE QRESYNC UNSELECT"),
                                         "C ENABLE QRESYNC",
                                         "S * ENABLED QRESYNC",
                                         "T OK done",
                                         "C EXAMINE INBOX (QRESYNC (7 90 1:41))",
                                         "S * 3 EXISTS",
                                         "S * OK [UIDVALIDITY 7] ok",
                                         "S * OK [UIDNEXT 44] ok",
                                         "S * OK [HIGHESTMODSEQ 99] ok",
                                         "S * OK [PERMANENTFLAGS (\\Seen \\*)] ok",
                                         "S * OK [MAILBOXID (F1)] ok",
                                         "S * VANISHED (EARLIER) 4:5",
                                         "T OK [READ-ONLY] opened",
                                         "C UNSELECT",
                                         "T OK done",
                                         "C SELECT Gone",
                                         "T NO [NONEXISTENT] no such",
                                         NULL};
    struct client client;
    client_init(&client);
    client.options.enable_qresync = true;
    client.on_ready = send_examine;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "select: NO");
    assert_true(client_logged(&client, "examine: OK exists 3 uidvalidity 7 uidnext 44 modseq 99 "
                                       "nomodseq 0 read-only 1 keywords 1 id F1"));
    assert_true(client_logged(&client, "vanished earlier 4:5"));
    client_finish(&client);
}

static void test_condstore_without_enable(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("CONDSTORE UNSELECT"),
                                         "C EXAMINE INBOX (CONDSTORE)",
                                         "S * OK [NOMODSEQ] none",
                                         "T OK [READ-ONLY] opened",
                                         "C UNSELECT",
                                         "T OK done",
                                         "C SELECT Gone (CONDSTORE)",
                                         "T NO no such",
                                         NULL};
    struct client client;
    client_init(&client);
    client.options.enable_qresync = true;
    client.on_ready = send_examine;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "select: NO");
    assert_true(client_logged(&client, "examine: OK exists 0 uidvalidity 0 uidnext 0 modseq 0 "
                                       "nomodseq 1 read-only 1"));
    client_finish(&client);
}

static void send_plain_examine(struct client *client)
{
    send_examine(client);
    imap_select(client->session, "Mine", client_selected, client_named(client, "mine"));
    imap_unselect(client->session, client_done, client_named(client, "leave"));
}

static void test_unselect_fallback(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""),
                                         "C EXAMINE INBOX",
                                         "T OK [READ-ONLY] opened",
                                         "C CLOSE",
                                         "T OK done",
                                         "C SELECT Gone",
                                         "T NO no such",
                                         "C SELECT Mine",
                                         "T OK opened",
                                         "C EXAMINE Mine",
                                         "T OK opened",
                                         "C CLOSE",
                                         "T OK done leaving",
                                         NULL};
    struct client client;
    client_init(&client);
    client.options.enable_qresync = true;
    client.on_ready = send_plain_examine;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "leave: OK done leaving");
    client_finish(&client);
}

static void send_invalid(struct client *client)
{
    char items[9000] = "", name[8000 + 2];
    struct imap_uidset none = {0}, one = {0};
    imap_uidset_add(&one, 1, 1);
    memset(items, 'x', sizeof(items) - 1);
    memset(name, 'n', sizeof(name) - 2);
    name[sizeof(name) - 2] = '\0';
    imap_select(client->session, "a\nb", client_selected, client_named(client, "select"));
    imap_unselect(client->session, client_done, client_named(client, "unselect"));
    imap_status(client->session, "x", IMAP_STATUS_MAILBOXID, client_done,
                client_named(client, "status"));
    imap_list(client->session, "a\nb", 0, client_done, client_named(client, "list"));
    imap_notify(client->session, NULL, 0, client_done, client_named(client, "notify"));
    imap_uid_search(client->session, "ALL\nx", client_done, client_named(client, "search"));
    imap_uid_fetch(client->session, &none, "FLAGS", client_done, client_named(client, "none"));
    imap_uid_fetch(client->session, &one, items, client_done, client_named(client, "long"));
    imap_uid_expunge(client->session, &one, client_done, client_named(client, "expunge"));
    imap_create(client->session, name, client_done, client_named(client, "create"));
    imap_uidset_clear(&one);
}

static void test_invalid_commands_are_not_sent(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C CLOSE", "T BAD nothing is open", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_invalid;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "create: ");
    const char *log = client_log(&client);
    assert_true(client_logged(&client, "select: INVALID"));
    assert_true(client_logged(&client, "unselect: BAD nothing is open"));
    assert_true(client_logged(&client, "status: INVALID invalid mailbox name, or no status item"));
    assert_true(client_logged(&client, "list: INVALID invalid pattern"));
    assert_true(client_logged(&client, "notify: INVALID the server does not offer NOTIFY"));
    assert_true(client_logged(&client, "search: INVALID invalid argument"));
    assert_true(client_logged(&client, "none: INVALID empty set, or invalid arguments"));
    assert_true(client_logged(&client, "long: INVALID empty set, or invalid arguments"));
    assert_true(client_logged(&client, "expunge: INVALID the server does not offer UIDPLUS"));
    assert_non_null(strstr(log, "create: INVALID command line too long"));
    client_finish(&client);
}

static void send_unnoticed(struct client *client)
{
    struct imap_uidset set = {0};
    imap_uidset_add(&set, 4, 4);
    imap_expunge(client->session, NULL, NULL);
    imap_check(client->session, NULL, NULL);
    imap_uid_store(client->session, &set, "+FLAGS (x)", NULL, NULL);
    imap_select(client->session, "Mine", NULL, NULL);
    imap_noop(client->session, client_done, client_named(client, "noop"));
    imap_uidset_clear(&set);
}

static void test_results_may_be_ignored(void **state)
{
    (void)state;
    static const char *const script[] = {
        BEGIN(""), "C EXPUNGE", "C CHECK",       "C UID STORE 4 +FLAGS (x)", "T OK a",
        "T OK b",  "T NO c",    "C SELECT Mine", "T OK [READ-WRITE] d",      "C NOOP",
        "T OK",    NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_unnoticed;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK no text given");
    assert_string_equal(client_log(&client), "ready\nnoop: OK no text given\n");
    client_finish(&client);
}

static void select_twice(struct client *client)
{
    imap_select(client->session, "First", client_selected, client_named(client, "first"));
    imap_select(client->session, "Second", client_selected, client_named(client, "second"));
}

static void test_data_before_closed_is_of_the_previous_mailbox(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""),
                                         "C SELECT First",
                                         "T OK open",
                                         "C SELECT Second",
                                         "S * 9 EXISTS",
                                         "S * OK [UIDVALIDITY 3] of the first",
                                         "S * OK [CLOSED] closed",
                                         "S * 2 EXISTS",
                                         "T OK open",
                                         NULL};
    struct client client;
    client_init(&client);
    client.on_ready = select_twice;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "second: OK exists 2 uidvalidity 0");
    client_finish(&client);
}

static void send_list(struct client *client)
{
    imap_list(client->session, "*", 0, client_done, client_named(client, "list"));
}

static void test_trace_is_without_literals(void **state)
{
    (void)state;
    static const char *const script[] = {
        BEGIN(""), "C LIST *", "R * LIST () \"/\" {7}\r\nsecret!\r\n* LIST () \"/\" {2}\r\n{9\r\n",
        "T OK done", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_list;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "list: OK done");
    assert_true(client_logged(&client, "list secret!"));
    assert_non_null(strstr(client_trace(&client), "S: * LIST () \"/\" {7}\n"));
    assert_null(strstr(client_trace(&client), "secret!"));
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_examine_qresync),
        cmocka_unit_test(test_condstore_without_enable),
        cmocka_unit_test(test_unselect_fallback),
        cmocka_unit_test(test_invalid_commands_are_not_sent),
        cmocka_unit_test(test_results_may_be_ignored),
        cmocka_unit_test(test_data_before_closed_is_of_the_previous_mailbox),
        cmocka_unit_test(test_trace_is_without_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
