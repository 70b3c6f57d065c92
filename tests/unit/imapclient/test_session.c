/* Commands of a session against a scripted server: their order, and selecting mailboxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_examine_qresync),
        cmocka_unit_test(test_condstore_without_enable),
        cmocka_unit_test(test_unselect_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
