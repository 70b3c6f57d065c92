/* Servers that are silent, never stop or send garbage; sessions freed at the wrong moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/scripted_client.h"

static void send_noop(struct client *client)
{
    imap_noop(client->session, client_done, client_named(client, "noop"));
}

struct fault_case {
    const char *title;
    const char *script[12];
    const char *expect;
};

static const struct fault_case faults[] = {
    {"silence instead of a greeting",
     {"HOLD"},
     "closed TIMEOUT greeting: timed out after 2 seconds waiting for the greeting"},
    {"silence during the login",
     {GREETING, LOG_IN, "HOLD"},
     "closed TIMEOUT auth: timed out after 2 seconds logging in"},
    {"endless greetings", {"FLOOD * OK hello"}, "closed"},
    {"silence after a command",
     {BEGIN(""), "C NOOP", "HOLD"},
     "noop: LOST no reply to a command within 1 seconds\nclosed TIMEOUT ready"},
    {"endless untagged replies",
     {BEGIN(""), "C NOOP", "FLOOD * 1 EXISTS"},
     "noop: LOST a command was not completed within 2 seconds\nclosed TIMEOUT ready"},
    {"an endless line",
     {BEGIN(""), "C NOOP", "R * OK ", "BIG 3000000", "HOLD"},
     "closed PROTOCOL ready"},
    {"a literal of 4 GB",
     {BEGIN(""), "C NOOP", "S * LIST () \"/\" {4294967296}", "HOLD"},
     "closed PROTOCOL ready"},
    {"NUL", {BEGIN(""), "C NOOP", "R * OK a", "NUL", "S b", "HOLD"}, "closed PROTOCOL ready"},
    {"BYE",
     {BEGIN(""), "C NOOP", "S * BYE Suggested Backoff Time: 5000", "HOLD"},
     "noop: LOST the server sent BYE: Suggested Backoff Time: 5000\n"
     "closed UNAVAILABLE ready: the server sent BYE: Suggested Backoff Time: 5000 (backoff)"},
    {"BYE and a closed connection",
     {BEGIN(""), "C NOOP", "S * BYE so long", "CLOSE"},
     "closed UNAVAILABLE ready: the server sent BYE: so long"},
    {"an unexpected plus",
     {BEGIN(""), "S + what?", "C NOOP", "S + what?", "T OK done"},
     "noop: OK done"},
    {"garbage between replies",
     {BEGIN(""), "C NOOP", "S )(*&^%$", "S", "S * ", "S V", "T OK done"},
     "noop: OK done"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        print_message("  %s\n", faults[i].title);
        struct client client;
        client_init(&client);
        client.on_ready = send_noop;
        client.options.connect_timeout = 2;
        client.options.reply_timeout = 1;
        client.options.command_timeout = 2;
        client_serve(&client, faults[i].script);
        client_start(&client);
        client_await(&client, faults[i].expect);
        client_abandon(&client);
    }
}

static void test_connection_refused(void **state)
{
    (void)state;
    static const char *const script[] = {NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    scripted_server_free(client.server);
    client.server = NULL;
    client_start(&client);
    imap_noop(client.session, client_done, client_named(&client, "noop"));
    client_await(&client, "closed CONNECT connect: cannot connect to 127.0.0.1 port");
    assert_true(client_logged(&client, "Connection refused"));
    assert_true(client_logged(&client, "noop: UNSENT"));
    client_finish(&client);
}

static void test_plaintext_only_to_loopback(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.host = "192.0.2.1";
    client.options.port = 143;
    client_start(&client);
    client_await(&client,
                 "closed CONNECT connect: cannot connect to 192.0.2.1 port 143: without TLS");
    client_finish(&client);
}

static void free_in_callback(struct client *client)
{
    send_noop(client);
    imap_session_free(client->session);
    client->session = NULL;
}

static void test_freed_inside_ready(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), NULL};
    struct client client;
    client_init(&client);
    client.on_ready = free_in_callback;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 20);
    assert_string_equal(client_log(&client), "ready\n");
    client_finish(&client);
}

static void send_logout(struct client *client)
{
    send_noop(client);
    imap_session_logout(client->session);
}

static void test_logout(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C NOOP",          "T OK done", "C LOGOUT",
                                         "S * BYE", "T OK logged out", "CLOSE",     NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_logout;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed LOGOUT ready: logged out");
    client_settle(&client, 20);
    client_finish(&client);
}

static void test_no_deadline_without_a_command(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C NOOP", "T OK done", NULL};
    struct client client;
    client_init(&client);
    client.options.reply_timeout = 1;
    client.on_ready = send_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK");
    client_settle(&client, 1300); /* the timer of the command fires */
    assert_false(client_logged(&client, "closed"));
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_plaintext_only_to_loopback),
        cmocka_unit_test(test_freed_inside_ready),
        cmocka_unit_test(test_logout),
        cmocka_unit_test(test_no_deadline_without_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
