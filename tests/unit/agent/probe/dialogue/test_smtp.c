/* The SMTP dialogue with servers that do what they should, and its own manners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/dialogue/smtp_talk.h"

/* ---- successes ---- */

struct good_case {
    const char *title;
    enum kind kind;
    const char *script[24];
    const char *phases, *capabilities;
};

#define PHASES_OF_A_CHECK "connect greeting capability command quit"

static const struct good_case good_cases[] = {
    {"a check",
     CHECK,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D RSET", "S 250 2.0.0 fine", QUITS},
     PHASES_OF_A_CHECK,
     "PIPELINING 8BITMIME"},
    {"without a recipient",
     NOTHING,
     {OPENS, "D NOOP", "S 250 fine", QUITS},
     PHASES_OF_A_CHECK,
     "PIPELINING 8BITMIME"},
    {"a message",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go on", TAKES_MAIL,
      "S 250 2.0.0 queued", QUITS},
     "connect greeting capability command committing quit",
     "PIPELINING 8BITMIME"},
    {"its size",
     SEND,
     {SAYS_HELLO, OFFERS("SIZE 1000"), "D MAIL FROM:<me@client.test> SIZE=" MAIL_SIZE, "S 250 fine",
      TAKES_RECIPIENT, "D DATA", "S 354 go on", TAKES_MAIL, "S 250 fine", QUITS},
     "connect greeting capability command committing quit",
     "PIPELINING SIZE"},
    {"greetings and replies of many lines",
     NOTHING,
     {"S 220-mail.test", "S 220-no spam here", "S 220 ready", "D EHLO client.test",
      "S 250-mail.test", "S 250-", "S 250-PIPELINING", "S 250", "D NOOP", "S 250-well", "S 250 yes",
      "D QUIT", "S 221-good", "S 221 bye"},
     PHASES_OF_A_CHECK,
     "PIPELINING"},
    {"bare LF",
     NOTHING,
     {"R 220 mail.test\n", "D EHLO client.test", "R 250-mail.test\n250 SIZE\n", "D NOOP",
      "R 250 fine\n", "D QUIT", "R 221 bye\n"},
     PHASES_OF_A_CHECK,
     "SIZE"},
    {"a server without extensions",
     NOTHING,
     {SAYS_HELLO, "S 250 mail.test", "D NOOP", "S 250 fine", QUITS},
     PHASES_OF_A_CHECK,
     ""},
    {"the recipient is taken with 251",
     CHECK,
     {OPENS, TAKES_SENDER, "D RCPT TO:<you@mail.test>", "S 251 will forward", "D RSET",
      "S 250 fine", QUITS},
     PHASES_OF_A_CHECK,
     "PIPELINING 8BITMIME"},
    {"QUIT is answered by closing",
     NOTHING,
     {OPENS, "D NOOP", "S 250 fine", "D QUIT", "CLOSE"},
     PHASES_OF_A_CHECK,
     "PIPELINING 8BITMIME"},
    {"PLAIN",
     PASSWORD,
     {OPENS_AUTH("LOGIN PLAIN"), "D AUTH PLAIN " PLAIN_RESPONSE, SIGNED_IN, QUITS},
     "connect greeting capability auth command quit",
     "PIPELINING AUTH AUTH=LOGIN AUTH=PLAIN"},
    {"LOGIN",
     PASSWORD,
     {OPENS_AUTH("LOGIN CRAM-MD5"), "D AUTH LOGIN", "S 334 VXNlcm5hbWU6", "D " LOGIN_RESPONSE,
      "S 334 UGFzc3dvcmQ6", "D " PASSWORD_RESPONSE, SIGNED_IN, QUITS},
     "connect greeting capability auth command quit",
     "PIPELINING AUTH AUTH=LOGIN AUTH=CRAM-MD5"},
    {"the old form of AUTH",
     PASSWORD,
     {SAYS_HELLO, OFFERS("AUTH=LOGIN PLAIN"), "D AUTH PLAIN " PLAIN_RESPONSE, SIGNED_IN, QUITS},
     "connect greeting capability auth command quit",
     "PIPELINING AUTH AUTH=LOGIN AUTH=PLAIN"},
    {"XOAUTH2",
     TOKEN,
     {OPENS_AUTH("PLAIN XOAUTH2"),
      "D AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBzZWNyZXQBAQ==", SIGNED_IN, QUITS},
     "connect greeting capability auth command quit",
     "PIPELINING AUTH AUTH=PLAIN AUTH=XOAUTH2"},
    {"OAUTHBEARER before it",
     TOKEN,
     {OPENS_AUTH("XOAUTH2 OAUTHBEARER"), "D AUTH OAUTHBEARER bixhPWFsaWNl*", SIGNED_IN, QUITS},
     "connect greeting capability auth command quit",
     "PIPELINING AUTH AUTH=XOAUTH2 AUTH=OAUTHBEARER"},
};

static void talk_well(const struct good_case *c, bool trickling)
{
    struct talk talk;
    print_message("  %s%s\n", c->title, trickling ? ", one octet at a time" : "");
    if (trickling)
        talk_begin_trickling(&talk, SECURITY_PLAIN, c->script, NULL);
    else
        talk_begin(&talk, SECURITY_PLAIN, c->script, NULL);
    run(&talk, c->kind);
    talk_assert_well(&talk);
    assert_string_equal(talk.phases, c->phases);
    assert_string_equal(talk.capabilities, c->capabilities);
    assert_string_equal(talk.tls_version, "");
    assert_int_equal(talk.certificates.count, 0);
    if (c->kind == SEND) {
        struct evbuffer *taken = scripted_server_taken(talk.server);
        assert_int_equal(evbuffer_get_length(taken), sizeof(mail_as_sent) - 1);
        assert_memory_equal(evbuffer_pullup(taken, -1), mail_as_sent, sizeof(mail_as_sent) - 1);
    }
    finish(&talk);
}

static void dialogues_go_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_cases) / sizeof(*good_cases); i++) {
        talk_well(&good_cases[i], false);
        talk_well(&good_cases[i], true);
    }
}

/* ---- TLS ---- */

#define OVER_TLS                                                                                   \
    "D EHLO client.test", OFFERS("AUTH PLAIN"), "D AUTH PLAIN " PLAIN_RESPONSE, SIGNED_IN, QUITS,  \
        NULL

static const char *const with_starttls[] = {
    SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 220 go", "TLS", OVER_TLS};
static const char *const with_tls[] = {"S 220 mail.test", OVER_TLS};

static void a_session_over_tls(void **state)
{
    (void)state;
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (unsigned way = 0; way < 4; way++) {
        bool starttls = way % 2 != 0;
        struct talk talk;
        void (*begin)(struct talk *, enum security, const char *const *, const struct talk_tls *) =
            way < 2 ? talk_begin : talk_begin_trickling;
        begin(&talk, starttls ? SECURITY_STARTTLS : SECURITY_TLS,
              starttls ? with_starttls : with_tls, &tls);
        run(&talk, PASSWORD);
        talk_assert_well(&talk);
        assert_string_equal(
            talk.phases, starttls ? "connect greeting capability tls capability auth command quit"
                                  : "connect tls greeting capability auth command quit");
        assert_string_equal(talk.tls_version, "TLSv1.3");
        assert_string_equal(talk.capabilities, "PIPELINING AUTH AUTH=PLAIN");
        assert_int_equal(talk.certificates.count, 1);
        assert_true(talk.certificates.verified);
        finish(&talk);
    }
    talk_tls_free(&tls);
}

/* ---- arguments ---- */

static void arguments_that_cannot_be_sent(void **state)
{
    (void)state;
    static const struct {
        const char *helo, *from, *to;
        enum phase phase;
        const char *reason;
    } cases[] = {
        {"a b", "", "you@mail.test", PHASE_CAPABILITY, "the EHLO name \"a b\""},
        {"", "", "you@mail.test", PHASE_CAPABILITY, "the EHLO name"},
        {"client", "me@x\r\nDATA", "you@mail.test", PHASE_COMMAND, "the sender \"me@x / DATA\""},
        {"client", "me> x", "you@mail.test", PHASE_COMMAND, "the sender"},
        {"client", "m\303\244@x", "you@mail.test", PHASE_COMMAND, "the sender"},
        {"client", "", "you@x>\r\nRSET", PHASE_COMMAND, "the recipient"},
        {"client", "", "you@x\n", PHASE_COMMAND, "the recipient"},
        {"client", "", "you @x", PHASE_COMMAND, "the recipient"},
        {"client", "", "<you@x", PHASE_COMMAND, "the recipient"},
        {"client", "", "", PHASE_COMMAND, "the recipient"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct talk talk;
        talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
        struct smtp_options options = {.peer = talk.peer,
                                       .helo = cases[i].helo,
                                       .mail_from = cases[i].from,
                                       .rcpt_to = cases[i].to};
        start(&talk, &options);
        talk_run(&talk);
        assert_int_equal(talk.outcome.end, DIALOGUE_PROTOCOL);
        assert_int_equal(talk.outcome.phase, cases[i].phase);
        assert_null(strstr(talk.phases, "connect"));
        talk_assert_contains(talk.reason, cases[i].reason);
        finish(&talk);
    }
}

static void the_null_sender_and_no_reports(void **state)
{
    (void)state;
    static const char *const script[] = {
        SAYS_HELLO,   OFFERS("DSN"), "D MAIL FROM:<>", "S 250 fine", "D RCPT TO:<a@b> NOTIFY=NEVER",
        "S 250 fine", "D RSET",      "S 250 fine",     QUITS,        NULL};
    static const char *const without_dsn[] = {
        OPENS,        "D MAIL FROM:<>", "S 250 fine", "D RCPT TO:<a@b>",
        "S 250 fine", "D RSET",         "S 250 fine", QUITS,
        NULL};
    const char *const *scripts[] = {script, without_dsn};
    for (size_t i = 0; i < 2; i++) {
        struct talk talk;
        talk_begin(&talk, SECURITY_PLAIN, scripts[i], NULL);
        struct smtp_options options = {
            .peer = talk.peer, .helo = "client.test", .rcpt_to = "a@b", .no_reports = true};
        start(&talk, &options);
        talk_run(&talk);
        talk_assert_well(&talk);
        finish(&talk);
    }
}

static void a_long_response_has_its_own_line(void **state)
{
    (void)state;
    static const char *const script[] = {OPENS_AUTH("PLAIN"), "D AUTH PLAIN", "S 334 ", "L 686",
                                         SIGNED_IN,           QUITS,          NULL};
    char secret[506];
    struct talk talk;
    memset(secret, 's', sizeof(secret) - 1);
    secret[sizeof(secret) - 1] = '\0';
    talk_begin(&talk, SECURITY_PLAIN, script, NULL);
    struct smtp_options options = options_of(&talk, NOTHING);
    options.login = (struct dialogue_login){.login = "alice", .secret = secret};
    start(&talk, &options);
    talk_run(&talk);
    talk_assert_well(&talk);
    finish(&talk);
}

static void on_behalf_of_another_only_with_plain(void **state)
{
    (void)state;
    static const char *const script[] = {OPENS_AUTH("LOGIN"), "D QUIT", NULL};
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, script, NULL);
    struct smtp_options options = options_of(&talk, PASSWORD);
    options.login.authorize_as = "bob";
    start(&talk, &options);
    talk_run(&talk);
    assert_int_equal(talk.outcome.end, DIALOGUE_AUTH);
    talk_assert_contains(talk.reason, "on behalf of another");
    finish(&talk);
}

/* ---- messages ---- */

static void messages_are_sent_line_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *message, *take, *sent;
    } cases[] = {
        {"", "L 3", ".\r\n"},
        {"\n", "L 5", "\r\n.\r\n"},
        {"a", "L 6", "a\r\n.\r\n"},
        {"a\r\n", "L 6", "a\r\n.\r\n"},
        {"a\rb\r\r\nc", "L 14", "a\r\nb\r\n\r\nc\r\n.\r\n"},
        {".", "L 7", "..\r\n.\r\n"},
        {".\r\n.\n..\r.", "L 20", "..\r\n..\r\n...\r\n..\r\n.\r\n"},
        {"a.\n.\nMAIL FROM:<x>", "L 26", "a.\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const script[] = {OPENS,        TAKES_SENDER,  TAKES_RECIPIENT,
                                      "D DATA",     "S 354 go on", cases[i].take,
                                      "S 250 fine", QUITS,         NULL};
        struct talk talk;
        talk_begin(&talk, SECURITY_PLAIN, script, NULL);
        struct smtp_options options = options_of(&talk, SEND);
        options.message = cases[i].message;
        options.message_len = strlen(cases[i].message);
        start(&talk, &options);
        talk_run(&talk);
        talk_assert_well(&talk);
        struct evbuffer *taken = scripted_server_taken(talk.server);
        evbuffer_add(taken, "", 1);
        assert_string_equal((char *)evbuffer_pullup(taken, -1), cases[i].sent);
        finish(&talk);
    }
}

/* More than the two systems keep on the way: the dot cannot have been sent. */
#define HUGE_MAIL (32 * 1024 * 1024)

static void huge(const char *const *script, unsigned timeout, struct talk *talk)
{
    char *message = xmalloc(HUGE_MAIL);
    memset(message, 'x', HUGE_MAIL);
    for (size_t i = 99; i < HUGE_MAIL; i += 100)
        message[i] = '\n';
    talk_begin(talk, SECURITY_PLAIN, script, NULL);
    if (timeout != 0)
        talk->peer.timeout = timeout;
    struct smtp_options options = options_of(talk, SEND);
    options.message = message;
    options.message_len = HUGE_MAIL;
    start(talk, &options);
    free(message);
    talk_run(talk);
    assert_false(talk->outcome.uncertain);
    assert_null(strstr(talk->phases, "committing"));
    assert_string_equal(talk->command, "DATA");
    finish(talk);
}

static void lost_before_the_dot_is_certain(void **state)
{
    (void)state;
    static const char *const script[] = {OPENS,         TAKES_SENDER, TAKES_RECIPIENT, "D DATA",
                                         "S 354 go on", "L 100000",   "CLOSE",         NULL};
    struct talk talk;
    huge(script, 0, &talk);
    assert_int_equal(talk.outcome.end, DIALOGUE_CLOSED);
}

static void time_up_before_the_dot_is_certain(void **state)
{
    (void)state;
    static const char *const script[] = {
        OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go on", "DEAF", NULL};
    struct talk talk;
    huge(script, 300, &talk);
    assert_int_equal(talk.outcome.end, DIALOGUE_TIMEOUT);
}

static void refused_before_the_dot_is_certain(void **state)
{
    (void)state;
    static const char *const script[] = {OPENS,         TAKES_SENDER, TAKES_RECIPIENT,   "D DATA",
                                         "S 354 go on", "L 100000",   "S 552 too large", NULL};
    struct talk talk;
    huge(script, 0, &talk);
    assert_int_equal(talk.outcome.end, DIALOGUE_REFUSED);
    assert_int_equal(talk.outcome.code, 552);
}

/* ---- freed at any time ---- */

static void freed_in_every_callback(void **state)
{
    (void)state;
    static const char *const moments[] = {"connect", "greeting",   "capability", "tls", "auth",
                                          "command", "committing", "quit",       "done"};
    static const char *const script[] = {
        SAYS_HELLO,   OFFERS("STARTTLS"),   "D STARTTLS",         "S 220 go",
        "TLS",        "D EHLO client.test", OFFERS("AUTH PLAIN"), "D AUTH PLAIN " PLAIN_RESPONSE,
        "S 235 fine", TAKES_SENDER,         TAKES_RECIPIENT,      "D DATA",
        "S 354 go",   TAKES_MAIL,           "S 250 fine",         QUITS,
        NULL,
    };
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        struct talk talk;
        bool last = strcmp(moments[i], "done") == 0;
        print_message("  %s\n", moments[i]);
        talk_begin(&talk, SECURITY_STARTTLS, script, &tls);
        talk.free_at = moments[i];
        struct smtp_options options = options_of(&talk, SEND);
        options.login = (struct dialogue_login){.login = "alice", .secret = "secret"};
        start(&talk, &options);
        uint64_t until = phase_now() + TALK_PATIENCE * UINT64_C(1000000);
        while (talk.dialogue != NULL && phase_now() < until)
            talk_wait(&talk, 1);
        assert_null(talk.dialogue);
        talk_wait(&talk, 20);
        assert_int_equal(talk.ended, last);
        if (!last)
            assert_string_equal(talk.phases + strlen(talk.phases) - strlen(moments[i]), moments[i]);
        talk_end(&talk);
    }
    talk_tls_free(&tls);
}

static void freed_before_it_began(void **state)
{
    (void)state;
    static const char *const script[] = {"S 220 hi", NULL};
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, script, NULL);
    struct smtp_options options = options_of(&talk, CHECK);
    start(&talk, &options);
    free_smtp(&talk);
    talk_wait(&talk, 20);
    assert_string_equal(talk.phases, "");
    assert_int_equal(talk.ended, 0);
    talk_end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialogues_go_well),
        cmocka_unit_test(arguments_that_cannot_be_sent),
        cmocka_unit_test(the_null_sender_and_no_reports),
        cmocka_unit_test(a_long_response_has_its_own_line),
        cmocka_unit_test(on_behalf_of_another_only_with_plain),
        cmocka_unit_test(messages_are_sent_line_by_line),
        cmocka_unit_test(lost_before_the_dot_is_certain),
        cmocka_unit_test(time_up_before_the_dot_is_certain),
        cmocka_unit_test(refused_before_the_dot_is_certain),
        cmocka_unit_test(a_session_over_tls),
        cmocka_unit_test(freed_in_every_callback),
        cmocka_unit_test(freed_before_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
