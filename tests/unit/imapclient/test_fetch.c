/* FETCH: bodies streamed, discarded, cut off, paused; sets too long for a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/scripted_client.h"

static void send_fetch(struct client *client)
{
    struct imap_uidset set = {0};
    imap_uidset_add(&set, 7, 9);
    imap_uid_fetch(client->session, &set, "(UID BODY.PEEK[])", client_done,
                   client_named(client, "fetch"));
    imap_uidset_clear(&set);
}

static const char *const fetch_script[] = {
    BEGIN(""),
    "C UID FETCH 7:9 (UID BODY.PEEK\\[])",
    "R * 1 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n* 2 FETCH (BODY[HEADER.FIELDS (\"A\")] {6}\r\n",
    "R world! UID 8)\r\n",
    "S * 3 FETCH (UID 9 BODY[] \"quo\\\"ted\")",
    "S * 4 FETCH (UID 10 BODY[] NIL)",
    "S * 5 FOO (unknown)",
    "T OK fetched",
    NULL};

static void test_fetch_streams(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.on_ready = send_fetch;
    client_serve(&client, fetch_script);
    client_start(&client);
    client_await(&client, "fetch: OK");
    assert_string_equal(client_log(&client), "ready\n"
                                             "begin 1 uid 7 [] 5\nend 1\nfetch 1 uid 7\n"
                                             "begin 2 uid 0 [HEADER.FIELDS (\"A\")] 6\n"
                                             "end 1\nfetch 2 uid 8\n"
                                             "begin 3 uid 9 [] 7\nend 1\nfetch 3 uid 9\n"
                                             "fetch 4 uid 10 nil\n"
                                             "fetch: OK fetched\n");
    assert_int_equal(evbuffer_get_length(client.body), 18);
    assert_memory_equal(evbuffer_pullup(client.body, -1), "helloworld!quo\"ted", 18);
    uint64_t ignored, units;
    imap_session_counters(client.session, &ignored, &units);
    assert_int_equal(ignored, 1);
    client_finish(&client);
}

static void test_fetch_discarded(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.on_ready = send_fetch;
    client.refuse_bodies = true;
    client_serve(&client, fetch_script);
    client_start(&client);
    client_await(&client, "fetch: OK");
    assert_false(client_logged(&client, "end 1"));
    assert_int_equal(client.body_size, 0);
    client_finish(&client);
}

static void test_connection_lost_inside_body(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C UID FETCH *",
                                         "R * 1 FETCH (UID 7 BODY[] {50}\r\nhello", "CLOSE", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_fetch;
    client.free_when_closed = true;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed CLOSED ready");
    assert_true(client_logged(&client, "end 0\nfetch: LOST the server closed the connection\n"));
    client_finish(&client);
}

static void send_long_fetch(struct client *client)
{
    struct imap_uidset set = {0};
    for (uint32_t uid = 1000000; uid < 1003800; uid += 2)
        imap_uidset_add(&set, uid, uid);
    imap_uid_fetch(client->session, &set, "(FLAGS)", client_done, client_named(client, "fetch"));
    imap_uidset_clear(&set);
    imap_noop(client->session, client_done, client_named(client, "noop"));
}

static void test_fetch_of_long_set(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""),
                                         "C UID FETCH 1000000,*",
                                         "T NO [EXPUNGEISSUED] some are gone",
                                         "C UID FETCH 100*,1003798 (FLAGS)",
                                         "T OK fetched",
                                         "C NOOP",
                                         "T OK done",
                                         NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_long_fetch;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK");
    assert_string_equal(client_log(&client), "ready\nfetch: NO some are gone\nnoop: OK done\n");
    client_finish(&client);
}

static void pause_once(struct client *client)
{
    if (client->body_size == client->options.write_high) /* used as a marker */
        return;
    client->options.write_high = client->body_size;
    imap_session_pause(client->session);
}

static void test_pause(void **state)
{
    (void)state;
    static const char *const script[] = {
        BEGIN(""),     "C UID FETCH *", "R * 1 FETCH (UID 7 BODY[] {3000000}\r\n",
        "BIG 3000000", "R )\r\n",       "T OK fetched",
        NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_fetch;
    client.on_data = pause_once;
    client.options.reply_timeout = 1;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "begin");
    client_settle(&client, 1500); /* longer than the deadline, which is suspended */
    assert_true(client.body_size > 0 && client.body_size < 200000);
    uint64_t before = client.body_size;
    imap_session_resume(client.session);
    client_settle(&client, 50);
    assert_true(client.body_size > before);
    assert_true(client.body_size - before < 200000);
    client.on_data = NULL;
    imap_session_resume(client.session);
    client_await(&client, "fetch: OK");
    assert_int_equal(client.body_size, 3000000);
    client_finish(&client);
}

static void free_session(struct client *client)
{
    imap_session_free(client->session);
    client->session = NULL;
}

static void test_freed_inside_data(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C UID FETCH *",
                                         "R * 1 FETCH (UID 7 BODY[] {50}\r\nhello", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_fetch;
    client.on_data = free_session;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "begin");
    client_settle(&client, 20);
    assert_false(client_logged(&client, "end"));
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch_streams),
        cmocka_unit_test(test_fetch_discarded),
        cmocka_unit_test(test_connection_lost_inside_body),
        cmocka_unit_test(test_fetch_of_long_set),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_freed_inside_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
