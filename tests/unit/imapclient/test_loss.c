/* A connection that is lost, and a session that is freed, at every step of a long session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "imapclient/scripted_client.h"

/* The results of these commands are in the log as "NAME: KIND reason". */
static const char *const commands[] = {"list", "examine", "fetch", "idle", "noop", "append"};

static const char *const whole[] = {
    GREETING,
    LOG_IN,
    LOGGED_IN("ID ENABLE QRESYNC IDLE"),
    "C ID *",
    "C ENABLE QRESYNC",
    "S * ID NIL",
    "T OK id",
    "S * ENABLED QRESYNC",
    "T OK enabled",
    "C LIST *",
    "S * LIST () \"/\" INBOX",
    "T OK listed",
    "C EXAMINE INBOX",
    "S * 1 EXISTS",
    "T OK [READ-ONLY] opened",
    "C UID FETCH *",
    "R * 1 FETCH (UID 7 BODY[] {5}\r\nhe",
    "R llo",
    "S )",
    "T OK fetched",
    "C IDLE",
    "S + idling",
    "D DONE",
    "C NOOP",
    "T OK idled",
    "T OK nothing",
    "C APPEND *",
    "S + go",
    "L 3",
    "D ",
    "T OK appended",
    "C LOGOUT",
    "S * BYE bye",
    "T OK logged out",
};

#define STEPS (sizeof(whole) / sizeof(*whole))

static ssize_t read_abc(void *arg, struct evbuffer *out, size_t want)
{
    (void)arg;
    assert_int_equal(want, 3);
    evbuffer_add(out, "abc", 3);
    return 3;
}

static void send_all(struct client *client)
{
    static const struct imap_append_message message = {.size = 3, .read = read_abc};
    struct imap_uidset set = {0};
    imap_uidset_add(&set, 7, 7);
    imap_list(client->session, "*", 0, client_done, client_named(client, "list"));
    imap_examine(client->session, "INBOX", NULL, client_selected, client_named(client, "examine"));
    imap_uid_fetch(client->session, &set, "(BODY.PEEK[])", client_done,
                   client_named(client, "fetch"));
    imap_idle(client->session, client_idling, client_done, client_named(client, "idle"));
    imap_noop(client->session, client_done, client_named(client, "noop"));
    imap_append(client->session, "Mon", &message, 1, client_done, client_named(client, "append"));
    imap_session_logout(client->session);
    imap_uidset_clear(&set);
}

/* The first n steps, then another. */
static void begin(struct client *client, const char **script, size_t n, const char *last)
{
    client_init(client);
    memcpy(script, whole, n * sizeof(*script));
    script[n] = last;
    client->options.enable_qresync = true;
    client->on_ready = send_all;
    client_serve(client, script);
    client_start(client);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        found++;
    return found;
}

static unsigned results(const struct client *client, const char *command)
{
    static const char *const kinds[] = {"OK", "NO", "BAD", "LOST", "UNSENT", "INVALID"};
    unsigned found = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        char line[40];
        snprintf(line, sizeof(line), "\n%s: %s", command, kinds[i]);
        found += count(client_log(client), line);
    }
    return found;
}

static void test_lost_at_every_step(void **state)
{
    (void)state;
    for (size_t n = 1; n <= STEPS; n++) {
        struct client client;
        const char *script[STEPS + 2] = {NULL};
        begin(&client, script, n, "CLOSE");
        client_await(&client, "closed");
        client_settle(&client, 1);
        const char *log = client_log(&client);
        unsigned expected = client_logged(&client, "ready\n") ? 1 : 0;
        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
            if (results(&client, commands[i]) != expected)
                fail_msg("%s has %u results after step \"%s\":\n%s", commands[i],
                         results(&client, commands[i]), whole[n - 1], log);
        assert_int_equal(count(log, "closed CLOSED ") + count(log, "closed LOGOUT ") +
                             count(log, "closed UNAVAILABLE "),
                         1);
        assert_int_equal(count(log, "begin"), count(log, "end "));
        assert_int_equal(count(log, "INVALID"), 0);
        client_abandon(&client);
    }
}

static void test_freed_at_every_step(void **state)
{
    (void)state;
    for (size_t n = 1; n < STEPS; n++) {
        struct client client;
        const char *script[STEPS + 2] = {NULL};
        begin(&client, script, n, "HOLD");
        client_settle(&client, 10);
        size_t logged = client.log.len;
        imap_session_free(client.session);
        client.session = NULL;
        client_settle(&client, 1);
        assert_int_equal(client.log.len, logged);
        client_abandon(&client);
    }
}

static void test_freed_in_every_callback(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "phase resolve", "phase connect", "phase greeting", "phase capability", "phase auth",
        "phase ready",   "ready",         "list INBOX",     "list: OK",         "exists 1",
        "examine: OK",   "begin 1",       "end 1",          "fetch 1",          "fetch: OK",
        "idle: idling",  "idle: OK",      "noop: OK",       "append: OK",       "text bye",
        "closed LOGOUT",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct client client;
        const char *script[STEPS + 2] = {NULL};
        begin(&client, script, STEPS, NULL);
        client.free_at = lines[i];
        while (client.free_at != NULL)
            event_base_loop(client.base, EVLOOP_ONCE);
        size_t logged = client.log.len;
        client_settle(&client, 10);
        assert_int_equal(client.log.len, logged);
        client_abandon(&client);
    }
}

/* Inside a callback of the loss itself. */
static void test_freed_while_lost(void **state)
{
    (void)state;
    static const struct {
        size_t steps;
        const char *line;
    } cases[] = {{17, "end 0"}, {17, "fetch: LOST"}, {17, "idle: UNSENT"}, {17, "closed"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct client client;
        const char *script[STEPS + 2] = {NULL};
        begin(&client, script, cases[i].steps, "CLOSE");
        client.free_at = cases[i].line;
        client_await(&client, cases[i].line);
        client_settle(&client, 10);
        const char *log = client_log(&client);
        assert_null(strchr(strstr(log, cases[i].line), '\n')[1] != '\0' ? log : NULL);
        client_abandon(&client);
    }
}

static void test_connection_is_reset(void **state)
{
    (void)state;
    struct client client;
    const char *script[STEPS + 2] = {NULL};
    begin(&client, script, 10, "RESET");
    client_await(&client, "closed CLOSED ready: Connection reset by peer");
    assert_true(client_logged(&client, "list: LOST Connection reset by peer"));
    assert_true(client_logged(&client, "fetch: UNSENT Connection reset by peer"));
    client_abandon(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_at_every_step),      cmocka_unit_test(test_freed_at_every_step),
        cmocka_unit_test(test_freed_in_every_callback), cmocka_unit_test(test_freed_while_lost),
        cmocka_unit_test(test_connection_is_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
