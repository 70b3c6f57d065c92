/* The SMTP dialogue with servers that do what they should not, at each of its phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "agent/probe/dialogue/smtp_talk.h"
#include "in_range.h"

/* ---- faults ---- */

struct bad_case {
    const char *title;
    enum kind kind;
    const char *script[20];
    const char *expect; /* as talk_assert_told() has it, for fnmatch */
};

static const struct bad_case bad_cases[] = {
    /* The greeting. */
    {"refused at once",
     CHECK,
     {"S 554 no service here", "D QUIT"},
     "REFUSED greeting 554: the connection was refused | 554 no service here"},
    {"refused in many lines",
     CHECK,
     {"S 554-no", "S 554 never", "D QUIT"},
     "REFUSED greeting 554: the connection was refused | 554 no / never"},
    {"busy",
     CHECK,
     {"S 421 too many"},
     "REFUSED greeting 421 temporary: the connection was refused | 421 too many"},
    {"busy, and closes at once",
     CHECK,
     {"S 421 too many", "CLOSE"},
     "REFUSED greeting 421 temporary: the connection was refused | 421 too many"},
    {"another protocol",
     CHECK,
     {"S * OK IMAP4rev1 ready"},
     "PROTOCOL greeting: *not an SMTP reply* | \\* OK IMAP4rev1 ready"},
    {"a greeting that is none",
     CHECK,
     {"S 250 fine"},
     "PROTOCOL greeting 250: unexpected reply* | 250 fine"},
    {"a line without end",
     CHECK,
     {"FLOOD 220-x"},
     "PROTOCOL greeting: *too many lines* | 220 x / x*"},
    {"a line that is too long",
     CHECK,
     {"BIG 5000", "HOLD"},
     "PROTOCOL greeting: *more than 4096 bytes* | xxx*"},
    {"closed in the middle", CHECK, {"S 220-wait", "CLOSE"}, "CLOSED greeting temporary: *closed*"},
    {"closed at once", CHECK, {"CLOSE"}, "CLOSED greeting temporary: *closed*"},
    {"silence",
     CHECK,
     {"HOLD"},
     "TIMEOUT greeting temporary: no complete greeting within 0.4 seconds"},
    {"half a greeting",
     CHECK,
     {"R 220-wait\r\n220", "HOLD"},
     "TIMEOUT greeting temporary: *no complete greeting*"},
    /* EHLO. */
    {"no ESMTP",
     CHECK,
     {SAYS_HELLO, "S 502 what", "D QUIT"},
     "REFUSED capability EHLO 502: EHLO was refused | 502 what"},
    {"later",
     CHECK,
     {SAYS_HELLO, "S 451 later", "D QUIT"},
     "REFUSED capability EHLO 451 temporary: EHLO was refused | 451 later"},
    {"the code changes",
     CHECK,
     {SAYS_HELLO, "S 250-mail", "S 220 SIZE", "D QUIT"},
     "PROTOCOL capability EHLO: *not an SMTP reply* | 250 mail / 220 SIZE"},
    {"closed in the capabilities",
     CHECK,
     {SAYS_HELLO, "S 250-mail", "CLOSE"},
     "CLOSED capability EHLO temporary: *closed*"},
    {"EHLO is not answered",
     CHECK,
     {SAYS_HELLO, "D QUIT"},
     "TIMEOUT capability EHLO temporary: no answer to EHLO within 0.4 seconds"},
    {"an answer before the question",
     CHECK,
     {"S 220 hi", "S 250 SIZE"},
     "PROTOCOL capability EHLO 250: *before the command was sent* | 250 SIZE"},
    {"closes down after the greeting",
     CHECK,
     {"S 220 hi", "S 421 no more"},
     "REFUSED capability EHLO 421 temporary: EHLO was refused | 421 no more"},
    /* AUTH. */
    {"wrong password",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 535 5.7.8 no", "D QUIT"},
     "AUTH auth AUTH 535: the login was refused | 535 5.7.8 no"},
    {"wrong password at LOGIN",
     PASSWORD,
     {OPENS_AUTH("LOGIN"), "D AUTH LOGIN", "S 334 x", "D " LOGIN_RESPONSE, "S 334 y",
      "D " PASSWORD_RESPONSE, "S 535 no", "D QUIT"},
     "AUTH auth AUTH 535: the login was refused | 535 no"},
    {"TLS first",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 538 not so", "D QUIT"},
     "AUTH auth AUTH 538: the login was refused | 538 not so"},
    {"passwords cannot be checked now",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 454 4.7.0 later", "D QUIT"},
     "REFUSED auth AUTH 454 temporary: the login was refused | 454 4.7.0 later"},
    {"the command is not understood",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 504 what", "D QUIT"},
     "REFUSED auth AUTH 504: the login was refused | 504 what"},
    {"the secret is repeated",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 535 not " PLAIN_RESPONSE, "D QUIT"},
     "AUTH auth AUTH 535: the login was refused | (omitted: it repeats the secret)"},
    {"no mechanism", PASSWORD, {OPENS, "D QUIT"}, "AUTH auth: *neither AUTH PLAIN nor LOGIN*"},
    {"no mechanism for tokens",
     TOKEN,
     {OPENS_AUTH("PLAIN LOGIN"), "D QUIT"},
     "AUTH auth: *neither AUTH OAUTHBEARER nor XOAUTH2*"},
    {"a refused token",
     TOKEN,
     {OPENS_AUTH("XOAUTH2"), "D AUTH XOAUTH2 *", "S 334 eyJzdGF0dXMiOiI0MDAifQ==", "D ", "S 535 no",
      "D QUIT"},
     "AUTH auth AUTH 535: the login was refused (status 400) | 535 no"},
    {"a refused token of RFC 7628",
     TOKEN,
     {OPENS_AUTH("OAUTHBEARER"), "D AUTH OAUTHBEARER *",
      "S 334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "D AQ==", "S 501 given up", "D QUIT"},
     "AUTH auth AUTH 501: the login was refused (status invalid_token) | 501 given up"},
    {"a challenge to PLAIN",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 334 ", "D [*]", "S 501 so not", "D QUIT"},
     "REFUSED auth AUTH 501: the login was refused | 501 so not"},
    {"questions without end",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 334 ", "D [*]", "S 334 ", "D [*]", "S 334 ",
      "D [*]", "S 334 ", "D [*]", "S 334 "},
     "PROTOCOL auth AUTH 334: *does not stop* | 334 "},
    {"signed in with the wrong code",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "S 250 yes", "D QUIT"},
     "PROTOCOL auth AUTH 250: unexpected reply to AUTH | 250 yes"},
    {"closed during the login",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "CLOSE"},
     "CLOSED auth AUTH temporary: *closed*"},
    {"silence during the login",
     PASSWORD,
     {OPENS_AUTH("PLAIN"), "D AUTH PLAIN *", "D QUIT"},
     "TIMEOUT auth AUTH temporary: *no answer to AUTH*"},
    /* MAIL, RCPT, RSET, NOOP. */
    {"sender refused",
     CHECK,
     {OPENS, "D MAIL *", "S 553 5.1.8 who", "D QUIT"},
     "REFUSED command MAIL 553: MAIL was refused | 553 5.1.8 who"},
    {"recipient refused",
     CHECK,
     {OPENS, TAKES_SENDER, "D RCPT *", "S 550-5.1.1 no such", "S 550 user", "D QUIT"},
     "REFUSED command RCPT 550: RCPT was refused | 550 5.1.1 no such / user"},
    {"greylisted",
     SEND,
     {OPENS, TAKES_SENDER, "D RCPT *", "S 450 4.2.0 come back in 300 s", "D QUIT"},
     "REFUSED command RCPT 450 temporary: RCPT was refused | 450 4.2.0 come back in 300 s"},
    {"closing down in between",
     CHECK,
     {OPENS, TAKES_SENDER, "D RCPT *", "S 421 4.3.2 down"},
     "REFUSED command RCPT 421 temporary: RCPT was refused | 421 4.3.2 down"},
    {"RSET refused",
     CHECK,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D RSET", "S 500 what", "D QUIT"},
     "REFUSED command RSET 500: RSET was refused | 500 what"},
    {"NOOP refused",
     NOTHING,
     {OPENS, "D NOOP", "S 502 what", "D QUIT"},
     "REFUSED command NOOP 502: NOOP was refused | 502 what"},
    {"words of a terminal",
     CHECK,
     {OPENS, "D MAIL *", "S 550 \033[2Jno\001", "D QUIT"},
     "REFUSED command MAIL 550: MAIL was refused | 550 ?\\[2Jno?"},
    {"closed at RCPT",
     CHECK,
     {OPENS, TAKES_SENDER, "D RCPT *", "CLOSE"},
     "CLOSED command RCPT temporary: *closed*"},
    {"silence at MAIL",
     CHECK,
     {OPENS, "D MAIL *", "D QUIT"},
     "TIMEOUT command MAIL temporary: *no answer to MAIL*"},
    /* The message. */
    {"DATA refused",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 554 no valid recipients", "D QUIT"},
     "REFUSED command DATA 554: DATA was refused | 554 no valid recipients"},
    {"DATA with the wrong code",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 250 taken", "D QUIT"},
     "PROTOCOL command DATA 250: unexpected reply* | 250 taken"},
    {"closed at DATA",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "CLOSE"},
     "CLOSED command DATA temporary: *closed*"},
    {"the message refused",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S 554 5.7.1 spam",
      "D QUIT"},
     "REFUSED command DATA 554: the message was refused | 554 5.7.1 spam"},
    {"the message refused temporarily",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S 452 full",
      "D QUIT"},
     "REFUSED command DATA 452 temporary: the message was refused | 452 full"},
    {"closing down after the final dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S 421 down"},
     "REFUSED command DATA 421 temporary: the message was refused | 421 down"},
    {"lost after the final dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "CLOSE"},
     "CLOSED command DATA temporary uncertain: *closed*"},
    {"lost in the answer to the dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "R 250-ta", "CLOSE"},
     "CLOSED command DATA temporary uncertain: *closed*"},
    {"silence after the final dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "D QUIT"},
     "TIMEOUT command DATA temporary uncertain: *no answer to DATA*"},
    {"nonsense after the final dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S 354 go on",
      "D QUIT"},
     "PROTOCOL command DATA 354 uncertain: unexpected reply* | 354 go on"},
    {"noise after the final dot",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S what", "D QUIT"},
     "PROTOCOL command DATA uncertain: *not an SMTP reply* | what"},
    /* A surplus reply must not count as one to the message. */
    {"taken before it came",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", "S 250 taken"},
     "PROTOCOL command DATA 250: *before the command was sent* | 250 taken"},
    /* QUIT. */
    {"silence after QUIT",
     NOTHING,
     {OPENS, "D NOOP", "S 250 fine", "D QUIT", "HOLD"},
     "TIMEOUT quit QUIT temporary: *no answer to QUIT*"},
    {"silence after QUIT, the message taken",
     SEND,
     {OPENS, TAKES_SENDER, TAKES_RECIPIENT, "D DATA", "S 354 go", TAKES_MAIL, "S 250 taken",
      "D QUIT", "HOLD"},
     "TIMEOUT quit QUIT temporary: *no answer to QUIT*"},
};

/* Scripts at a step that never ends are not waited for. */
static bool is_open_ended(const struct bad_case *c)
{
    const char *const *last = c->script;
    while (last[1] != NULL)
        last++;
    return strcmp(*last, "HOLD") == 0 || strncmp(*last, "FLOOD", 5) == 0;
}

static void faults_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(*bad_cases); i++) {
        const struct bad_case *c = &bad_cases[i];
        struct talk talk;
        print_message("  %s\n", c->title);
        talk_begin(&talk, SECURITY_PLAIN, c->script, NULL);
        if (strncmp(c->expect, "TIMEOUT", 7) == 0)
            talk.peer.timeout = 400;
        struct smtp_options options = options_of(&talk, c->kind);
        start(&talk, &options);
        if (is_open_ended(c))
            talk_await_end(&talk);
        else
            talk_run(&talk);
        talk_assert_told(&talk, c->expect);
        finish(&talk);
    }
}

/* ---- the connection ---- */

static void nobody_listens(void **state)
{
    (void)state;
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
    run(&talk, CHECK);
    assert_int_equal(talk.outcome.end, DIALOGUE_CONNECT);
    assert_int_equal(talk.outcome.phase, PHASE_CONNECT);
    assert_string_equal(talk.phases, "connect");
    talk_assert_contains(talk.reason, "127.0.0.1 port 1");
    finish(&talk);
}

static void a_name_that_nobody_knows(void **state)
{
    (void)state;
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
    snprintf(talk.host, sizeof(talk.host), "nobody.invalid");
    talk.peer.address = NULL;
    run(&talk, CHECK);
    assert_int_equal(talk.outcome.end, DIALOGUE_RESOLVE);
    assert_int_equal(talk.outcome.phase, PHASE_RESOLVE);
    talk_assert_contains(talk.reason, "nobody.invalid");
    finish(&talk);
}

static void without_tls_only_loopback_is_spoken_to(void **state)
{
    (void)state;
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
    inet_pton(AF_INET, "192.0.2.1", &talk.address.sin_addr);
    run(&talk, CHECK);
    assert_int_equal(talk.outcome.end, DIALOGUE_CONNECT);
    talk_assert_contains(talk.reason, "without TLS only loopback");
    finish(&talk);
}

static void the_address_is_told_as_a_literal(void **state)
{
    (void)state;
    static const char *const script[] = {
        "S 220 hi", "D EHLO [[]127.0.0.1]", "S 250 hi", "D NOOP", "S 250 fine", QUITS, NULL};
    for (int with_address = 0; with_address < 2; with_address++) {
        struct talk talk;
        talk_begin(&talk, SECURITY_PLAIN, script, NULL);
        if (!with_address)
            talk.peer.address = NULL;
        struct smtp_options options = options_of(&talk, NOTHING);
        options.helo = NULL;
        start(&talk, &options);
        talk_run(&talk);
        talk_assert_well(&talk);
        finish(&talk);
    }
}

/* ---- TLS ---- */

struct certificate_case {
    const char *title;
    bool other_ca;
    const char *name;
    long begin, end;
};

static void certificates_that_are_refused(void **state)
{
    (void)state;
    static const struct certificate_case cases[] = {
        {"for another name", false, "IP:127.0.0.2", -TALK_DAY, TALK_DAY},
        {"of an unknown CA", true, "IP:127.0.0.1", -TALK_DAY, TALK_DAY},
        {"expired", false, "IP:127.0.0.1", -TALK_DAY, -3600},
        {"not yet valid", false, "IP:127.0.0.1", 3600, TALK_DAY},
    };
    static const char *const to_tls[] = {
        SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 220 go", "TLS", NULL};
    static const char *const greeting[] = {"S 220 mail.test", NULL};
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
        const struct certificate_case *c = &cases[i / 2];
        struct talk_tls tls;
        struct talk talk;
        print_message("  %s\n", c->title);
        talk_tls_make(&tls, c->other_ca, c->name, c->begin, c->end);
        talk_begin(&talk, i % 2 ? SECURITY_STARTTLS : SECURITY_TLS, i % 2 ? to_tls : greeting,
                   &tls);
        run(&talk, PASSWORD);
        assert_int_equal(talk.outcome.end, DIALOGUE_TLS);
        assert_int_equal(talk.outcome.phase, PHASE_TLS);
        assert_int_equal(talk.certificates.count, 1);
        assert_false(talk.certificates.verified);
        assert_uint_in_range(talk.certificates.members[0].not_after, time(NULL) + c->end - 60,
                             time(NULL) + c->end + 60);
        finish(&talk);
        talk_tls_free(&tls);
    }
}

static void starttls_goes_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *title, *script[10];
        enum dialogue_end end;
        unsigned code;
        bool temporary;
        const char *reason;
    } cases[] = {
        {"not offered", {OPENS, "D QUIT"}, DIALOGUE_TLS, 0, false, "does not offer STARTTLS"},
        {"refused",
         {SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 502 no", "D QUIT"},
         DIALOGUE_TLS,
         502,
         false,
         "STARTTLS was refused"},
        {"refused temporarily",
         {SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 454 later", "D QUIT"},
         DIALOGUE_TLS,
         454,
         true,
         "STARTTLS was refused"},
        {"something is slipped in after the reply",
         {SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 220 go", "S 250 SIZE"},
         DIALOGUE_PROTOCOL,
         0,
         false,
         "unexpected data after the reply to STARTTLS"},
        {"no handshake",
         {SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 220 go", "L 5", "S 250 in the clear"},
         DIALOGUE_TLS,
         0,
         false,
         ""},
    };
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct talk talk;
        print_message("  %s\n", cases[i].title);
        talk_begin(&talk, SECURITY_STARTTLS, cases[i].script, &tls);
        run(&talk, PASSWORD);
        assert_int_equal(talk.outcome.end, cases[i].end);
        assert_int_equal(talk.outcome.phase, PHASE_TLS);
        assert_int_equal(talk.outcome.code, cases[i].code);
        assert_int_equal(talk.outcome.temporary, cases[i].temporary);
        talk_assert_contains(talk.reason, cases[i].reason);
        finish(&talk);
    }
    talk_tls_free(&tls);
}

static void silence_in_the_handshake(void **state)
{
    (void)state;
    static const char *const script[] = {
        SAYS_HELLO, OFFERS("STARTTLS"), "D STARTTLS", "S 220 go", "DEAF", NULL};
    struct talk_tls tls;
    struct talk talk;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    talk_begin(&talk, SECURITY_STARTTLS, script, &tls);
    talk.peer.timeout = 200;
    run(&talk, PASSWORD);
    assert_int_equal(talk.outcome.end, DIALOGUE_TIMEOUT);
    assert_int_equal(talk.outcome.phase, PHASE_TLS);
    talk_assert_contains(talk.reason, "TLS handshake");
    finish(&talk);
    talk_tls_free(&tls);
}

/* ---- manners ---- */

/* Greets slowly, as postscreen does, and notes whatever comes before it has done so. */
struct shy_server {
    struct evconnlistener *listener;
    struct bufferevent *bev;
    size_t early;
    bool greeted, spoken_to;
};

static void shy_read(struct bufferevent *bev, void *arg)
{
    struct shy_server *shy = arg;
    size_t len = evbuffer_get_length(bufferevent_get_input(bev));
    if (shy->greeted)
        shy->spoken_to = true;
    else
        shy->early += len;
    evbuffer_drain(bufferevent_get_input(bev), len);
}

static void shy_accept(struct evconnlistener *listener, evutil_socket_t fd,
                       struct sockaddr *address, int len, void *arg)
{
    (void)address;
    (void)len;
    struct shy_server *shy = arg;
    shy->bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(shy->bev, shy_read, NULL, NULL, shy);
    bufferevent_enable(shy->bev, EV_READ | EV_WRITE);
}

static void it_never_speaks_before_the_greeting_is_complete(void **state)
{
    (void)state;
    static const char *const pieces[] = {"2", "20-teaser\r\n", "220", "-still\r\n220 read", "y\r"};
    struct shy_server shy = {.listener = NULL};
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(talk.address);
    shy.listener = evconnlistener_new_bind(talk.base, shy_accept, &shy, LEV_OPT_CLOSE_ON_FREE, 1,
                                           (struct sockaddr *)&any, sizeof(any));
    getsockname(evconnlistener_get_fd(shy.listener), (struct sockaddr *)&talk.address, &len);
    struct smtp_options options = options_of(&talk, CHECK);
    start(&talk, &options);
    while (shy.bev == NULL)
        talk_wait(&talk, 1);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        bufferevent_write(shy.bev, pieces[i], strlen(pieces[i]));
        talk_wait(&talk, 20);
    }
    assert_int_equal(shy.early, 0);
    assert_string_equal(talk.phases, "connect greeting");
    shy.greeted = true;
    bufferevent_write(shy.bev, "\n", 1);
    uint64_t until = phase_now() + TALK_PATIENCE * UINT64_C(1000000);
    while (!shy.spoken_to && phase_now() < until)
        talk_wait(&talk, 1);
    assert_true(shy.spoken_to);
    free_smtp(&talk);
    bufferevent_free(shy.bev);
    evconnlistener_free(shy.listener);
    talk_end(&talk);
}

static void nor_when_the_time_is_up(void **state)
{
    (void)state;
    struct shy_server shy = {.listener = NULL};
    struct talk talk;
    talk_begin(&talk, SECURITY_PLAIN, NULL, NULL);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(talk.address);
    shy.listener = evconnlistener_new_bind(talk.base, shy_accept, &shy, LEV_OPT_CLOSE_ON_FREE, 1,
                                           (struct sockaddr *)&any, sizeof(any));
    getsockname(evconnlistener_get_fd(shy.listener), (struct sockaddr *)&talk.address, &len);
    talk.peer.timeout = 100;
    run(&talk, CHECK);
    talk_wait(&talk, 20);
    assert_int_equal(talk.outcome.end, DIALOGUE_TIMEOUT);
    assert_int_equal(shy.early, 0);
    free_smtp(&talk);
    bufferevent_free(shy.bev);
    evconnlistener_free(shy.listener);
    talk_end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_name_that_nobody_knows),
        cmocka_unit_test(without_tls_only_loopback_is_spoken_to),
        cmocka_unit_test(the_address_is_told_as_a_literal),
        cmocka_unit_test(certificates_that_are_refused),
        cmocka_unit_test(starttls_goes_wrong),
        cmocka_unit_test(silence_in_the_handshake),
        cmocka_unit_test(it_never_speaks_before_the_greeting_is_complete),
        cmocka_unit_test(nor_when_the_time_is_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
