/* APPEND against a scripted server: the kinds of literals, refusals, and sources that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <string.h>

#include "imapclient/scripted_client.h"
#include "in_range.h"

#define OPEN(capabilities) "S * PREAUTH [CAPABILITY IMAP4rev1 " capabilities "] hello"

/* A source of NUL octets. */
struct source {
    uint64_t given;
    uint64_t stall_at; /* provides nothing there, once */
    uint64_t fail_at;
    size_t too_much;
};

static struct source sources[3];
static struct imap_append_message messages[3];

static ssize_t give(void *arg, struct evbuffer *out, size_t want)
{
    struct source *source = arg;
    static const char block[70000] = {0};
    if (source->fail_at != 0 && source->given >= source->fail_at)
        return -1;
    if (source->stall_at != 0 && source->given >= source->stall_at) {
        source->stall_at = 0;
        return 0;
    }
    size_t now = want < 10000 ? want : 10000;
    evbuffer_add(out, block, now + source->too_much);
    source->given += now;
    return (ssize_t)now;
}

static void prepare(uint64_t first, uint64_t second)
{
    memset(sources, 0, sizeof(sources));
    memset(messages, 0, sizeof(messages));
    for (size_t i = 0; i < 2; i++) {
        messages[i].read = give;
        messages[i].arg = &sources[i];
    }
    messages[0].size = first;
    messages[0].flags = "\\Seen $MDNSent";
    messages[0].has_date = true;
    messages[0].date = 1700000000;
    messages[0].date_zone = 60;
    messages[1].size = second;
}

static void append_one(struct client *client)
{
    imap_append(client->session, "Mon", messages, 1, client_done, client_named(client, "append"));
}

static void append_two(struct client *client)
{
    imap_append(client->session, "Mon", messages, 2, client_done, client_named(client, "append"));
}

static void append_one_and_noop(struct client *client)
{
    append_one(client);
    imap_noop(client->session, client_done, client_named(client, "noop"));
}

#define ARGUMENTS "APPEND Mon (\\\\Seen $MDNSent) \"14-Nov-2023 23:13:20 +0100\" "

struct append_case {
    const char *title;
    uint64_t first, second; /* sizes; second 0: one message */
    const char *script[16];
    const char *expect;
};

static const struct append_case cases[] = {
    {"LITERAL+ for a small message",
     99999,
     0,
     {OPEN("LITERAL+"), "C " ARGUMENTS "{99999+}", "L 99999", "D ",
      "T OK [APPENDUID 7 42] appended"},
     "append: OK appended"},
    {"a synchronising literal for a big message",
     100000,
     0,
     {OPEN("LITERAL+"), "C " ARGUMENTS "{100000}", "S + go", "L 100000", "D ", "T OK appended"},
     "append: OK appended"},
    {"LITERAL- up to 4096",
     4096,
     0,
     {OPEN("LITERAL-"), "C " ARGUMENTS "{4096+}", "L 4096", "D ", "T OK appended"},
     "append: OK appended"},
    {"LITERAL- above 4096",
     4097,
     0,
     {OPEN("LITERAL-"), "C " ARGUMENTS "{4097}", "S + go", "L 4097", "D ", "T OK appended"},
     "append: OK appended"},
    {"neither offered",
     3,
     0,
     {OPEN(""), "C " ARGUMENTS "{3}", "S +", "L 3", "D ", "T OK appended"},
     "append: OK appended"},
    {"an empty message",
     0,
     0,
     {OPEN("LITERAL+"), "C " ARGUMENTS "{0+}", "D ", "T NO why?"},
     "append: NO why?"},
    {"MULTIAPPEND, at once",
     3,
     4,
     {OPEN("LITERAL+ MULTIAPPEND"), "C " ARGUMENTS "{3+}", "L 3", "D  {4+}", "L 4", "D ",
      "T OK [APPENDUID 7 42:43] appended"},
     "append: OK appended"},
    {"MULTIAPPEND, with a synchronising literal for each",
     3,
     4,
     {OPEN("MULTIAPPEND"), "C " ARGUMENTS "{3}", "S + go", "L 3", "D  {4}", "S + go", "L 4", "D ",
      "T OK appended"},
     "append: OK appended"},
    {"MULTIAPPEND, the second refused before it was sent",
     3,
     4,
     {OPEN("MULTIAPPEND"), "C " ARGUMENTS "{3}", "S + go", "L 3", "D  {4}", "T NO [TOOBIG] no"},
     "append: NO no"},
    {"MULTIAPPEND not offered", 3, 4, {OPEN("")}, "append: INVALID the server does not offer"},
    {"refused before the literal",
     5000000000,
     0,
     {OPEN("LITERAL+"), "C " ARGUMENTS "{5000000000}", "T NO [OVERQUOTA] full"},
     "append: NO full"},
    {"a reply before the literal is complete: it is completed",
     90000,
     0,
     {OPEN("LITERAL+"), "C " ARGUMENTS "{90000+}", "T NO [TRYCREATE] none", "L 90000", "D "},
     "append: NO none"},
    {"lost in the middle",
     50000000,
     0,
     {OPEN(""), "C " ARGUMENTS "{50000000}", "S + go", "L 1000000", "CLOSE"},
     "append: LOST"},
};

static void test_append(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        print_message("  %s\n", cases[i].title);
        struct client client;
        client_init(&client);
        prepare(cases[i].first, cases[i].second);
        client.on_ready = cases[i].second != 0 ? append_two : append_one;
        client_serve(&client, cases[i].script);
        client_start(&client);
        client_await(&client, cases[i].expect);
        client_settle(&client, 5);
        client_finish(&client);
    }
}

static void test_session_usable_after_refusal(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN(""), "C APPEND *", "T NO [TOOBIG] no",
                                         "C NOOP", "T OK done",  NULL};
    struct client client;
    client_init(&client);
    prepare(1000000, 0);
    client.on_ready = append_one_and_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK done");
    assert_int_equal(sources[0].given, 0);
    client_finish(&client);
}

static void test_pipelined_after_small_append(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", "L 30000",   "D ",
                                         "C NOOP",         "T OK 1",     "T OK done", NULL};
    struct client client;
    client_init(&client);
    prepare(30000, 0);
    client.on_ready = append_one_and_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK done");
    client_finish(&client);
}

static void test_source_failure_ends_session(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", NULL};
    struct client client;
    client_init(&client);
    prepare(90000, 0);
    sources[0].fail_at = 20000;
    client.on_ready = append_one_and_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed CLOSED ready");
    assert_true(client_logged(&client, "append: INVALID the source of the message failed\n"
                                       "noop: UNSENT"));
    client_abandon(&client);
}

static void test_source_that_gives_too_much(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", NULL};
    struct client client;
    client_init(&client);
    prepare(10, 0);
    sources[0].too_much = 1;
    client.on_ready = append_one;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "append: INVALID the source of the message failed");
    client_abandon(&client);
}

static void test_source_that_stalls(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", "L 90000", "D ",
                                         "T OK appended",  NULL};
    struct client client;
    client_init(&client);
    prepare(90000, 0);
    sources[0].stall_at = 30000;
    client.options.reply_timeout = 1;
    client.on_ready = append_one;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 2300); /* not a timeout of the server */
    assert_int_equal(sources[0].given, 30000);
    imap_append_ready(client.session);
    client_await(&client, "append: OK appended");
    client_finish(&client);
}

static void test_server_that_stops_reading(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN(""), "C APPEND *", "S + go", "DEAF", NULL};
    struct client client;
    client_init(&client);
    prepare(600000000, 0);
    client.options.reply_timeout = 1;
    client.on_ready = append_one;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed TIMEOUT ready: no reply to a command within 1 seconds");
    assert_uint_in_range(sources[0].given, 1, 50000000); /* and never all of it in memory */
    client_finish(&client);
}

/* Octets that depend on their position. */
static unsigned char octet_at(uint64_t position)
{
    return (unsigned char)((position * 2654435761u) >> 13);
}

static ssize_t give_known(void *arg, struct evbuffer *out, size_t want)
{
    struct source *source = arg;
    unsigned char block[65536];
    size_t now = want < sizeof(block) ? want : sizeof(block);
    for (size_t i = 0; i < now; i++)
        block[i] = octet_at(source->given + i);
    evbuffer_add(out, block, now);
    source->given += now;
    return (ssize_t)now;
}

/* Over TLS to a server that reads more slowly than we write: SSL_write() has to be repeated. */
static void test_octets_over_blocked_tls(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN(""),     "C APPEND *", "S + go",        "HOLD",
                                         "L 16000000", "D ",         "T OK appended", NULL};
    struct scripted_ca *ca = scripted_ca_new();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -3600, 3600);
    struct client client;
    char *why;
    client_init(&client);
    prepare(16000000, 0);
    messages[0].read = give_known;
    client.options.security = IMAP_SECURITY_TLS;
    client.options.tls = imap_tls_context_new(scripted_ca_file(ca), &why);
    client.on_ready = append_one;
    client_serve_tls(&client, script, server, true);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 100);
    scripted_server_go(client.server);
    client_await(&client, "append: OK");
    struct evbuffer *taken = scripted_server_taken(client.server);
    const unsigned char *octets = evbuffer_pullup(taken, -1);
    assert_int_equal(evbuffer_get_length(taken), 16000000);
    for (uint64_t i = 0; i < 16000000; i++)
        if (octets[i] != octet_at(i))
            fail_msg("octet %llu differs", (unsigned long long)i);
    SSL_CTX_free(client.options.tls);
    client_finish(&client);
    SSL_CTX_free(server);
    scripted_ca_free(ca);
}

static void append_invalid(struct client *client)
{
    imap_append(client->session, "Mon", NULL, 0, client_done, client_named(client, "none"));
    messages[0].flags = "a\nb";
    imap_append(client->session, "Mon", messages, 1, client_done, client_named(client, "flags"));
    messages[0].flags = NULL;
    imap_append(client->session, "a\nb", messages, 1, client_done, client_named(client, "name"));
}

static void test_invalid_messages_are_not_sent(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN(""), NULL};
    struct client client;
    client_init(&client);
    prepare(10, 0);
    client.on_ready = append_invalid;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "name: ");
    assert_string_equal(client_log(&client), "ready\nnone: INVALID no message to append\n"
                                             "flags: INVALID invalid flags\n"
                                             "name: INVALID invalid mailbox name\n");
    client_finish(&client);
}

/* The source stalls, so that the replies arrive in the middle of the literal. */
static void test_replies_within_the_literal(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"),
                                         "C APPEND *",
                                         "L 30000",
                                         "S + unexpected",
                                         "T NO [OVERQUOTA] full",
                                         "S V1 NO again",
                                         "L 60000",
                                         "D ",
                                         "C NOOP",
                                         "T OK done",
                                         NULL};
    struct client client;
    client_init(&client);
    prepare(90000, 0);
    sources[0].stall_at = 30000;
    client.on_ready = append_one_and_noop;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 50);
    assert_false(client_logged(&client, "append:"));
    imap_append_ready(client.session);
    client_await(&client, "noop: OK done");
    assert_true(client_logged(&client, "append: NO full\n"));
    client_finish(&client);
}

static ssize_t free_session(void *arg, struct evbuffer *out, size_t want)
{
    (void)out;
    (void)want;
    struct client *client = arg;
    imap_session_free(client->session);
    client->session = NULL;
    return 0;
}

static void test_source_that_frees_the_session(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", "HOLD", NULL};
    struct client client;
    client_init(&client);
    prepare(10, 0);
    messages[0].read = free_session;
    messages[0].arg = &client;
    client.on_ready = append_one;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 20);
    assert_null(client.session);
    assert_string_equal(client_log(&client), "ready\n");
    client_abandon(&client);
}

static void noop_and_append(struct client *client)
{
    imap_noop(client->session, client_done, client_named(client, "noop"));
    append_one(client);
}

static void test_synchronising_append_waits_for_other_commands(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN(""), "C NOOP", "HOLD", "T OK done",     "C APPEND *",
                                         "S + go", "L 10",   "D ",   "T OK appended", NULL};
    struct client client;
    client_init(&client);
    prepare(10, 0);
    client.on_ready = noop_and_append;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 20);
    assert_null(strstr(client_trace(&client), "APPEND Mon"));
    scripted_server_go(client.server);
    client_await(&client, "append: OK");
    client_finish(&client);
}

/* Sockets of this process that end with RST. */
static unsigned abrupt_sockets(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        struct linger linger = {0};
        socklen_t len = sizeof(linger);
        if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0)
            n += linger.l_onoff != 0 && linger.l_linger == 0;
    }
    return n;
}

/* Also where the process is killed: the kernel does not send what it still holds. */
static void test_connection_with_an_unanswered_append_ends_with_rst(void **state)
{
    (void)state;
    static const char *const script[] = {OPEN("LITERAL+"), "C APPEND *", "HOLD", "L 10", "D ",
                                         "T OK appended",  NULL};
    struct client client;
    client_init(&client);
    prepare(10, 0);
    client.on_ready = append_one;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_settle(&client, 20);
    assert_int_equal(abrupt_sockets(), 1);
    scripted_server_go(client.server);
    client_await(&client, "append: OK");
    assert_int_equal(abrupt_sockets(), 0);
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_session_usable_after_refusal),
        cmocka_unit_test(test_pipelined_after_small_append),
        cmocka_unit_test(test_source_failure_ends_session),
        cmocka_unit_test(test_source_that_gives_too_much),
        cmocka_unit_test(test_source_that_stalls),
        cmocka_unit_test(test_server_that_stops_reading),
        cmocka_unit_test(test_octets_over_blocked_tls),
        cmocka_unit_test(test_invalid_messages_are_not_sent),
        cmocka_unit_test(test_replies_within_the_literal),
        cmocka_unit_test(test_source_that_frees_the_session),
        cmocka_unit_test(test_synchronising_append_waits_for_other_commands),
        cmocka_unit_test(test_connection_with_an_unanswered_append_ends_with_rst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
