/* IDLE and NOTIFY against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/scripted_client.h"

static void send_idle(struct client *client)
{
    imap_idle(client->session, client_idling, client_done, client_named(client, "idle"));
}

static void test_idle(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"),
                                         "C IDLE",
                                         "S * 1 EXISTS",
                                         "S + entering idle mode",
                                         "S * 2 EXISTS",
                                         "HOLD",
                                         "D DONE",
                                         "T OK left",
                                         NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_idle;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "exists 2");
    assert_string_equal(client_log(&client), "ready\nexists 1\nidle: idling\nexists 2\n");
    imap_idle_stop(client.session);
    scripted_server_go(client.server);
    client_await(&client, "idle: OK left");
    client_finish(&client);
}

static void send_idle_and_noop(struct client *client)
{
    imap_idle(client->session, client_idling, client_done, client_named(client, "idle"));
    imap_noop(client->session, client_done, client_named(client, "noop"));
    imap_noop(client->session, client_done, client_named(client, "noop again"));
}

static void test_command_ends_idle(void **state)
{
    (void)state;
    /* The commands follow DONE without waiting for its reply. */
    static const char *const script[] = {BEGIN("IDLE"), "C IDLE",    "S +",    "D DONE", "C NOOP",
                                         "C NOOP",      "T OK left", "T OK 1", "T OK 2", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_idle_and_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop again: OK 2");
    client_finish(&client);
}

static void test_idle_ends_without_plus(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"), "C IDLE", "T OK not really", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_idle;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "idle: OK not really");
    assert_false(client_logged(&client, "idling"));
    client_finish(&client);
}

static void test_idle_not_offered(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_idle;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "idle: INVALID the server does not offer IDLE");
    client_finish(&client);
}

static void test_idle_done_unanswered(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"), "C IDLE", "S + ", "D DONE", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_idle;
    client.options.reply_timeout = 1;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "idling");
    client_settle(&client, 1500); /* IDLE itself has no deadline */
    imap_idle_stop(client.session);
    client_await(&client, "closed TIMEOUT ready: no reply to a command within 1 seconds");
    assert_true(client_logged(&client, "idle: LOST"));
    client_finish(&client);
}

static void send_notify(struct client *client)
{
    static const char *const names[] = {"INBOX", "a b"};
    imap_notify(client->session, names, 2, client_done, client_named(client, "named"));
    imap_notify(client->session, NULL, 0, client_done, client_named(client, "all"));
}

static void test_notify(void **state)
{
    (void)state;
    static const char *const script[] = {
        BEGIN("NOTIFY"),
        "C NOTIFY SET STATUS (selected (MessageNew (UID) MessageExpunge)) "
        "(mailboxes (INBOX \"a b\") (MessageNew MessageExpunge))",
        "C NOTIFY SET STATUS (selected (MessageNew (UID) MessageExpunge)) "
        "(personal (MessageNew MessageExpunge MailboxName))",
        "S * STATUS INBOX (MESSAGES 1 UIDNEXT 2)",
        "T OK done",
        "T NO [BADEVENT (MessageNew)] no",
        NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_notify;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "all: NO");
    assert_true(client_logged(&client, "status INBOX messages 1 uidnext 2"));
    client_finish(&client);
}

static void test_stopped_before_it_is_sent(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"), "C NOOP",     "T OK done",
                                         "C IDLE",      "S + idling", "S + again",
                                         "D DONE",      "T OK left",  NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    imap_noop(client.session, client_done, client_named(&client, "noop"));
    imap_idle(client.session, NULL, client_done, client_named(&client, "idle"));
    imap_idle_stop(client.session);
    client_await(&client, "idle: OK left");
    uint64_t ignored, units;
    imap_session_counters(client.session, &ignored, &units);
    assert_int_equal(ignored, 1); /* the second plus */
    client_finish(&client);
}

static void test_nothing_to_stop(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"), "C NOOP", "T OK done", NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    imap_idle_stop(client.session);
    imap_noop(client.session, client_done, client_named(&client, "noop"));
    client_await(&client, "noop: OK");
    client_finish(&client);
}

static void send_invalid_notify(struct client *client)
{
    static const char *const names[] = {"INBOX", "a\nb"};
    imap_notify(client->session, names, 2, client_done, client_named(client, "notify"));
}

static void test_notify_of_an_invalid_name(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("NOTIFY"), NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_invalid_notify;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "notify: INVALID invalid mailbox name");
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_command_ends_idle),
        cmocka_unit_test(test_idle_ends_without_plus),
        cmocka_unit_test(test_idle_not_offered),
        cmocka_unit_test(test_idle_done_unanswered),
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_stopped_before_it_is_sent),
        cmocka_unit_test(test_nothing_to_stop),
        cmocka_unit_test(test_notify_of_an_invalid_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
