/* A session against a scripted server: sign-in, commands, and what can go wrong between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imapclient/scripted_client.h"

#define GREETING "S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello"
#define SIGN_IN "C AUTHENTICATE PLAIN AGFsaWNlAHdvbmRlcg=="
#define SIGNED_IN(capabilities) "T OK [CAPABILITY IMAP4rev1 " capabilities "] in"
#define BEGIN(capabilities) GREETING, SIGN_IN, SIGNED_IN(capabilities)

/* ---- sign-in ---- */

struct signin_case {
    const char *title;
    const char *login, *secret, *authorize_as;
    enum imap_method method;
    const char *script[24];
    const char *expect; /* in the log */
};

static const struct signin_case signins[] = {
    {"PLAIN with an initial response", NULL, NULL, NULL, 0, {BEGIN("IDLE")}, "ready"},
    {"PLAIN without SASL-IR",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello", "C AUTHENTICATE PLAIN", "S + ",
      "D AGFsaWNlAHdvbmRlcg==", SIGNED_IN("")},
     "ready"},
    {"PLAIN on behalf of another",
     "vigil",
     NULL,
     "bob",
     0,
     {GREETING, "C AUTHENTICATE PLAIN Ym9iAHZpZ2lsAHdvbmRlcg==", SIGNED_IN("")},
     "ready"},
    {"no AUTH=PLAIN, but on behalf of another",
     "vigil",
     NULL,
     "bob",
     0,
     {"S * OK [CAPABILITY IMAP4rev1] hello"},
     "closed AUTH capability: the server does not offer AUTH=PLAIN"},
    {"LOGIN",
     NULL,
     "won\"der",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1] hello", "C LOGIN alice \"won\\\\\"der\"", SIGNED_IN("")},
     "ready"},
    {"LOGIN with synchronising literals",
     "al\xc3\xad",
     "w\xc3\xb6n",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1] hello", "C LOGIN {4}", "S + ", "D al\xc3\xad {4}", "S + go",
      "D w\xc3\xb6n", SIGNED_IN("")},
     "ready"},
    {"LOGIN with LITERAL+",
     NULL,
     "w\xc3\xb6n",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 LITERAL+] hello", "C LOGIN alice {4+}", "D w\xc3\xb6n",
      SIGNED_IN("")},
     "ready"},
    {"LOGINDISABLED without AUTH=PLAIN",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hello"},
     "closed AUTH capability: the server offers neither AUTH=PLAIN nor LOGIN"},
    {"capabilities asked for where the server does not tell",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK hello", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN", "T OK done",
      SIGN_IN, "T OK in", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 IDLE", "T OK done"},
     "ready"},
    {"OK to CAPABILITY without any data",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK hello", "C CAPABILITY", "T OK done", "C LOGIN alice wonder", "T OK in",
      "C CAPABILITY", "T OK done"},
     "ready"},
    {"PREAUTH", NULL, NULL, NULL, 0, {"S * PREAUTH [CAPABILITY IMAP4rev1] hello"}, "ready"},
    {"ID before anything else",
     NULL,
     NULL,
     NULL,
     0,
     {BEGIN("ID"), "C ID (\"name\" \"mailvigil\" \"version\" \"*\")",
      "S * ID (\"name\" \"Stub\" \"version\" \"1\")", "T OK done"},
     "ready"},
    {"ID refused", NULL, NULL, NULL, 0, {BEGIN("ID"), "C ID (*)", "T BAD what?"}, "ready"},
    {"XOAUTH2",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello",
      "C AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==", SIGNED_IN("")},
     "ready"},
    {"XOAUTH2 refused, with the status from the challenge",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hello", "C AUTHENTICATE XOAUTH2", "S + ",
      "D dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==",
      "S + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=", "D ", "T NO SASL failed"},
     "closed AUTH auth: the sign-in as alice was refused (status 400): SASL failed"},
    {"OAUTHBEARER comes before XOAUTH2",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] hello",
      "C AUTHENTICATE OAUTHBEARER bixhPWFsaWNlLAFob3N0PTEyNy4wLjAuMQFwb3J0P*", SIGNED_IN("")},
     "ready"},
    {"OAUTHBEARER refused is acknowledged",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] hello",
      "C AUTHENTICATE OAUTHBEARER *",
      "S + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "D AQ==", "T NO no"},
     "closed AUTH auth: the sign-in as alice was refused (status invalid_token): no"},
    {"no token method offered",
     NULL,
     NULL,
     NULL,
     IMAP_AUTH_TOKEN,
     {GREETING},
     "closed AUTH capability: the server offers neither"},
    {"a rejected password",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "T NO [AUTHENTICATIONFAILED] wrong"},
     "closed AUTH auth: the sign-in as alice was refused: wrong"},
    {"NO [UNAVAILABLE]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "T NO [UNAVAILABLE] later"},
     "closed UNAVAILABLE auth: the sign-in as alice was refused: later"},
    {"NO [LIMIT]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "T NO [LIMIT] too many"},
     "closed UNAVAILABLE auth: the sign-in as alice was refused: too many"},
    {"NO [INUSE]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "T NO [INUSE] locked"},
     "closed UNAVAILABLE auth"},
    {"Exchange throttles",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "T BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds"},
     "closed UNAVAILABLE auth: the sign-in as alice was refused: Request is throttled. Suggested "
     "Backoff Time: 299961 milliseconds (backoff)"},
    {"endless challenges",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "S + ", "D *", "S + ", "D *", "S + ", "D *", "S + "},
     "closed PROTOCOL auth: the server asks on and on"},
    {"BYE instead of a greeting",
     NULL,
     NULL,
     NULL,
     0,
     {"S * BYE too busy"},
     "closed UNAVAILABLE greeting: the server turned us away: too busy"},
    {"a greeting of something else",
     NULL,
     NULL,
     NULL,
     0,
     {"S 220 mail.example.org ESMTP", "S "},
     "closed PROTOCOL greeting: the server does not greet as IMAP does: 220 mail.example.org"},
    {"BYE at the sign-in",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "S * BYE shutting down"},
     "closed UNAVAILABLE auth: the server said BYE: shutting down"},
    {"the connection goes at the sign-in",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, SIGN_IN, "CLOSE"},
     "closed CLOSED auth: the server closed the connection"},
    {"a tagged reply nobody waits for",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, "S V77 OK who?", SIGN_IN, "S V99 NO who?", SIGNED_IN("")},
     "ready"},
};

static void test_signin(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(signins) / sizeof(*signins); i++) {
        const struct signin_case *c = &signins[i];
        print_message("  %s\n", c->title);
        struct client client;
        client_init(&client);
        client.options.login = c->login != NULL ? c->login : client.options.login;
        client.options.secret = c->secret != NULL ? c->secret : client.options.secret;
        client.options.authorize_as = c->authorize_as;
        client.options.method = c->method;
        client_serve(&client, c->script);
        client_start(&client);
        client_await(&client, c->expect);
        assert_null(strstr(client_trace(&client), "wonder"));
        client_finish(&client);
    }
}

static void test_capabilities(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE NOTIFY APPENDLIMIT=1000 ID ENABLE QRESYNC"),
                                         "C ID *",
                                         "S * ID (\"name\" \"Stub\" \"version\" \"1\")",
                                         "T OK done",
                                         "C ENABLE QRESYNC",
                                         "S * ENABLED QRESYNC",
                                         "T OK done",
                                         NULL};
    struct client client;
    client_init(&client);
    client.options.hide_idle = true;
    client.options.enable_qresync = true;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    assert_true(imap_session_has(client.session, "notify"));
    assert_false(imap_session_has(client.session, "IDLE"));
    assert_false(imap_session_has(client.session, "APPENDLIMIT"));
    assert_false(imap_session_has(client.session, "AUTH=PLAIN"));
    assert_int_equal(imap_session_append_limit(client.session), 1000);
    assert_string_equal(imap_session_server_id(client.session), "Stub 1");
    assert_string_equal(imap_session_tls_version(client.session), "");
    client_finish(&client);
}

/* ---- commands ---- */

static void ask_pipelined(struct client *client)
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
    client.on_ready = ask_pipelined;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "list: OK 4");
    assert_string_equal(client_log(&client), "ready\n"
                                             "evil: INVALID an argument cannot be sent\n"
                                             "noop: OK 1\n"
                                             "create: NO 2\n"
                                             "status: BAD 3\n"
                                             "list Sent sent\n"
                                             "status Sent messages 0 uidnext 9\n"
                                             "list: OK 4\n");
    client_finish(&client);
}

static void ask_examine(struct client *client)
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
    client.on_ready = ask_examine;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "select: NO");
    assert_true(client_logged(&client, "examine: OK exists 3 uidvalidity 7 uidnext 44 modseq 99 "
                                       "nomodseq 0 read-only 1 keywords 1 id F1"));
    assert_true(client_logged(&client, "vanished earlier 4:5"));
    client_finish(&client);
}

static void ask_plain_examine(struct client *client)
{
    ask_examine(client);
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
    client.on_ready = ask_plain_examine;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "leave: OK done leaving");
    client_finish(&client);
}

/* ---- FETCH ---- */

static void ask_fetch(struct client *client)
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
    "S * 5 FOO (nobody knows)",
    "T OK fetched",
    NULL};

static void test_fetch_streams(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.on_ready = ask_fetch;
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

static void test_fetch_thrown_away(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.on_ready = ask_fetch;
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
    client.on_ready = ask_fetch;
    client.free_when_closed = true;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed CLOSED ready");
    assert_true(client_logged(&client, "end 0\nfetch: LOST the server closed the connection\n"));
    client_finish(&client);
}

static void ask_long_fetch(struct client *client)
{
    struct imap_uidset set = {0};
    for (uint32_t uid = 1000000; uid < 1003800; uid += 2) {
        imap_uidset_add(&set, uid, uid);
    }
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
    client.on_ready = ask_long_fetch;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "noop: OK");
    assert_string_equal(client_log(&client), "ready\nfetch: NO some are gone\nnoop: OK done\n");
    client_finish(&client);
}

static void pause_once(struct client *client)
{
    if (client->body_size == client->options.write_high) { /* borrowed as a mark */
        return;
    }
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
    client.on_ready = ask_fetch;
    client.on_data = pause_once;
    client.options.reply_timeout = 1;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "begin");
    client_settle(&client, 1500); /* longer than the deadline, which stands still */
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

/* ---- IDLE ---- */

static void ask_idle(struct client *client)
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
    client.on_ready = ask_idle;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "exists 2");
    assert_string_equal(client_log(&client), "ready\nexists 1\nidle: idling\nexists 2\n");
    imap_idle_stop(client.session);
    scripted_server_go(client.server);
    client_await(&client, "idle: OK left");
    client_finish(&client);
}

static void ask_idle_and_noop(struct client *client)
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
    client.on_ready = ask_idle_and_noop;
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
    client.on_ready = ask_idle;
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
    client.on_ready = ask_idle;
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
    client.on_ready = ask_idle;
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

/* ---- time and hostility ---- */

static void ask_noop(struct client *client)
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
     "closed TIMEOUT greeting: no answer while waiting for the greeting within 2 seconds"},
    {"silence at the sign-in",
     {GREETING, SIGN_IN, "HOLD"},
     "closed TIMEOUT auth: no answer to the sign-in within 2 seconds"},
    {"greetings without end", {"FLOOD * OK hello"}, "closed"},
    {"silence after a command",
     {BEGIN(""), "C NOOP", "HOLD"},
     "noop: LOST no reply to a command within 1 seconds\nclosed TIMEOUT ready"},
    {"untagged replies without end",
     {BEGIN(""), "C NOOP", "FLOOD * 1 EXISTS"},
     "noop: LOST a command was not completed within 2 seconds\nclosed TIMEOUT ready"},
    {"a line without end",
     {BEGIN(""), "C NOOP", "R * OK ", "BIG 3000000", "HOLD"},
     "closed PROTOCOL ready"},
    {"a literal of 4 GB",
     {BEGIN(""), "C NOOP", "S * LIST () \"/\" {4294967296}", "HOLD"},
     "closed PROTOCOL ready"},
    {"NUL", {BEGIN(""), "C NOOP", "L 0", "CLOSE"}, "closed CLOSED ready"},
    {"BYE",
     {BEGIN(""), "C NOOP", "S * BYE Suggested Backoff Time: 5000", "HOLD"},
     "noop: LOST the server said BYE: Suggested Backoff Time: 5000\n"
     "closed UNAVAILABLE ready: the server said BYE: Suggested Backoff Time: 5000 (backoff)"},
    {"BYE and the end at once",
     {BEGIN(""), "C NOOP", "S * BYE so long", "CLOSE"},
     "closed UNAVAILABLE ready: the server said BYE: so long"},
    {"a plus that nobody asked for",
     {BEGIN(""), "S + what?", "C NOOP", "S + what?", "T OK done"},
     "noop: OK done"},
    {"garbage between",
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
        client.on_ready = ask_noop;
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

static void test_clear_text_only_to_loopback(void **state)
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
    imap_noop(client->session, client_done, client_named(client, "noop"));
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

static void test_freed_inside_data(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C UID FETCH *",
                                         "R * 1 FETCH (UID 7 BODY[] {50}\r\nhello", NULL};
    struct client client;
    client_init(&client);
    client.on_ready = ask_fetch;
    client.on_data = free_in_callback;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "begin");
    client_settle(&client, 20);
    assert_false(client_logged(&client, "end"));
    client_finish(&client);
}

static void ask_logout(struct client *client)
{
    ask_noop(client);
    imap_session_logout(client->session);
}

static void test_logout(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), "C NOOP",          "T OK done", "C LOGOUT",
                                         "S * BYE", "T OK logged out", "CLOSE",     NULL};
    struct client client;
    client_init(&client);
    client.on_ready = ask_logout;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed LOGOUT ready: signed out");
    client_settle(&client, 20);
    client_finish(&client);
}

static void ask_notify(struct client *client)
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
    client.on_ready = ask_notify;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "all: NO");
    assert_true(client_logged(&client, "status INBOX messages 1 uidnext 2"));
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signin),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_examine_qresync),
        cmocka_unit_test(test_unselect_fallback),
        cmocka_unit_test(test_fetch_streams),
        cmocka_unit_test(test_fetch_thrown_away),
        cmocka_unit_test(test_connection_lost_inside_body),
        cmocka_unit_test(test_fetch_of_long_set),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_command_ends_idle),
        cmocka_unit_test(test_idle_ends_without_plus),
        cmocka_unit_test(test_idle_not_offered),
        cmocka_unit_test(test_idle_done_unanswered),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_clear_text_only_to_loopback),
        cmocka_unit_test(test_freed_inside_ready),
        cmocka_unit_test(test_freed_inside_data),
        cmocka_unit_test(test_logout),
        cmocka_unit_test(test_notify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
