/* The POP3 dialogue against servers of all ages, and against those that do what they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/dialogue/dialogue_talk.h"
#include "agent/probe/dialogue/pop3.h"

#define GREETS "S +OK ready"
#define OFFERS(...) "D CAPA", "S +OK here they are", __VA_ARGS__, "S ."
#define KNOWS_NO_CAPA "D CAPA", "S -ERR what"
#define QUITS "D QUIT", "S +OK bye"
#define IS_EMPTY "D STAT", "S +OK 0 0", QUITS
#define HAS_MAIL "D STAT", "S +OK 2 320", "D UIDL 2", "S +OK 2 whqtswO00WBw418f9t5JxYwZ", QUITS

/* alice, secret */
#define PLAIN_RESPONSE "AGFsaWNlAHNlY3JldA=="
#define XOAUTH2_RESPONSE "dXNlcj1hbGljZQFhdXRoPUJlYXJlciBzZWNyZXQBAQ=="
#define BY_PLAIN "D AUTH PLAIN " PLAIN_RESPONSE, "S +OK signed in"
#define BY_USER "D USER alice", "S +OK and", "D PASS secret", "S +OK signed in"
/* MD5 of the timestamp and "secret" */
#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"
#define BY_APOP "D APOP alice 3f18b52881e44c0cc6067f46e0ced7bc", "S +OK signed in"

enum kind { NOBODY, PASSWORD, TOKEN };

static void free_pop3(struct talk *talk)
{
    pop3_free(talk->dialogue);
    talk->dialogue = NULL;
}

static struct pop3_options options_of(const struct talk *talk, enum kind kind)
{
    struct pop3_options options = {.peer = talk->peer};
    if (kind != NOBODY)
        options.login =
            (struct dialogue_login){.login = "alice", .secret = "secret", .token = kind == TOKEN};
    return options;
}

static void start(struct talk *talk, const struct pop3_options *options)
{
    talk->free_now = free_pop3;
    talk->dialogue = pop3_new(options, &talk_events, talk);
    assert_int_equal(talk->ended, 0);
}

static void run(struct talk *talk, enum kind kind)
{
    struct pop3_options options = options_of(talk, kind);
    start(talk, &options);
    talk_run(talk);
}

static void finish(struct talk *talk)
{
    free_pop3(talk);
    talk_end(talk);
}

/* ---- successes ---- */

struct good_case {
    const char *title;
    enum kind kind;
    const char *script[24];
    const char *capabilities;
    uint64_t messages, octets;
    const char *newest_uidl;
};

#define ALL_PHASES "connect greeting capability auth command quit"

static const struct good_case good_cases[] = {
    {"no login", NOBODY, {GREETS, OFFERS("S STLS", "S UIDL"), QUITS}, "STLS UIDL", 0, 0, ""},
    {"AUTH PLAIN",
     PASSWORD,
     {GREETS, OFFERS("S USER", "S SASL PLAIN LOGIN", "S uidl"), BY_PLAIN, HAS_MAIL},
     "USER SASL AUTH=PLAIN AUTH=LOGIN UIDL",
     2,
     320,
     "whqtswO00WBw418f9t5JxYwZ"},
    {"USER and PASS",
     PASSWORD,
     {GREETS, OFFERS("S USER", "S SASL CRAM-MD5"), BY_USER, HAS_MAIL},
     "USER SASL AUTH=CRAM-MD5",
     2,
     320,
     "whqtswO00WBw418f9t5JxYwZ"},
    {"a server without CAPA", PASSWORD, {GREETS, KNOWS_NO_CAPA, BY_USER, IS_EMPTY}, "", 0, 0, ""},
    {"a server without CAPA, with a timestamp",
     PASSWORD,
     {"S +OK POP3 " TIMESTAMP, KNOWS_NO_CAPA, BY_USER, IS_EMPTY},
     "",
     0,
     0,
     ""},
    {"APOP where nothing else is offered",
     PASSWORD,
     {"S +OK POP3 " TIMESTAMP " ready", OFFERS("S UIDL"), BY_APOP, IS_EMPTY},
     "UIDL",
     0,
     0,
     ""},
    {"not APOP where USER is offered",
     PASSWORD,
     {"S +OK POP3 " TIMESTAMP, OFFERS("S USER"), BY_USER, IS_EMPTY},
     "USER",
     0,
     0,
     ""},
    {"not APOP where PLAIN is offered",
     PASSWORD,
     {"S +OK POP3 " TIMESTAMP, OFFERS("S SASL PLAIN"), BY_PLAIN, IS_EMPTY},
     "SASL AUTH=PLAIN",
     0,
     0,
     ""},
    {"XOAUTH2",
     TOKEN,
     {GREETS, OFFERS("S SASL PLAIN XOAUTH2"), "D AUTH XOAUTH2 " XOAUTH2_RESPONSE, "S +OK in",
      IS_EMPTY},
     "SASL AUTH=PLAIN AUTH=XOAUTH2",
     0,
     0,
     ""},
    {"OAUTHBEARER before it",
     TOKEN,
     {GREETS, OFFERS("S SASL XOAUTH2 OAUTHBEARER"), "D AUTH OAUTHBEARER bixhPWFsaWNl*", "S +OK in",
      IS_EMPTY},
     "SASL AUTH=XOAUTH2 AUTH=OAUTHBEARER",
     0,
     0,
     ""},
    {"UIDL is not known",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S +OK 7 900", "D UIDL 7", "S -ERR what", QUITS},
     "",
     7,
     900,
     ""},
    {"dots in the listing",
     NOBODY,
     {GREETS, OFFERS("S ..X", "S .Y", "S "), QUITS},
     ".X Y",
     0,
     0,
     ""},
    {"bare LF",
     NOBODY,
     {"R +OK\n", "D CAPA", "R +OK\nUSER\n.\n", "D QUIT", "R +OK\n"},
     "USER",
     0,
     0,
     ""},
    {"QUIT is answered by closing",
     NOBODY,
     {GREETS, OFFERS("S USER"), "D QUIT", "CLOSE"},
     "USER",
     0,
     0,
     ""},
    {"QUIT is refused",
     NOBODY,
     {GREETS, OFFERS("S USER"), "D QUIT", "S -ERR some messages were not removed"},
     "USER",
     0,
     0,
     ""},
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
    assert_string_equal(talk.phases,
                        c->kind == NOBODY ? "connect greeting capability quit" : ALL_PHASES);
    assert_string_equal(talk.capabilities, c->capabilities);
    const struct pop3_facts *facts = pop3_facts(talk.dialogue);
    assert_int_equal(facts->messages, c->messages);
    assert_int_equal(facts->octets, c->octets);
    assert_string_equal(facts->newest_uidl, c->newest_uidl);
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

static void a_long_response_has_its_own_line(void **state)
{
    (void)state;
    /* 7 octets and 180: 252 characters of base64. */
    static const char *const script[] = {
        GREETS, OFFERS("S SASL PLAIN"), "D AUTH PLAIN", "S + ", "L 254", "S +OK in", IS_EMPTY,
        NULL};
    char secret[181];
    struct talk talk;
    memset(secret, 's', sizeof(secret) - 1);
    secret[sizeof(secret) - 1] = '\0';
    talk_begin(&talk, SECURITY_PLAIN, script, NULL);
    struct pop3_options options = options_of(&talk, PASSWORD);
    options.login.secret = secret;
    start(&talk, &options);
    talk_run(&talk);
    talk_assert_well(&talk);
    finish(&talk);
}

/* ---- faults ---- */

struct bad_case {
    const char *title;
    enum kind kind;
    const char *script[20];
    const char *expect; /* as talk_assert_told() has it, for fnmatch */
};

static const struct bad_case bad_cases[] = {
    /* The greeting. */
    {"refused",
     PASSWORD,
     {"S -ERR no", "D QUIT"},
     "REFUSED greeting: the connection was refused | -ERR no"},
    {"refused temporarily",
     PASSWORD,
     {"S -ERR [SYS/TEMP] later", "D QUIT"},
     "REFUSED greeting temporary: the connection was refused | -ERR \\[SYS/TEMP] later"},
    {"another protocol",
     PASSWORD,
     {"S 220 mail.test ESMTP"},
     "PROTOCOL greeting: *not a POP3 reply | 220 mail.test ESMTP"},
    {"a challenge for a greeting",
     PASSWORD,
     {"S + hello"},
     "PROTOCOL greeting: *unexpected continuation request | + hello"},
    {"a line that is too long",
     PASSWORD,
     {"BIG 5000", "HOLD"},
     "PROTOCOL greeting: *more than 4096 bytes | xxx*"},
    {"closed", PASSWORD, {"R +OK", "CLOSE"}, "CLOSED greeting temporary: *closed*"},
    {"silence",
     PASSWORD,
     {"R +OK", "HOLD"},
     "TIMEOUT greeting temporary: no complete greeting within 0.4 seconds"},
    /* CAPA. */
    {"a listing without end",
     PASSWORD,
     {GREETS, "D CAPA", "S +OK", "FLOOD USER"},
     "PROTOCOL capability CAPA: the capability list is too long | USER"},
    {"CAPA is not possible now",
     PASSWORD,
     {GREETS, "D CAPA", "S -ERR [SYS/TEMP] later", "D QUIT"},
     "REFUSED capability CAPA temporary: CAPA was refused | *later"},
    {"closed in the listing",
     PASSWORD,
     {GREETS, "D CAPA", "S +OK", "S USER", "CLOSE"},
     "CLOSED capability CAPA temporary: *closed*"},
    {"silence in the listing",
     PASSWORD,
     {GREETS, "D CAPA", "S +OK", "S USER", "D QUIT"},
     "TIMEOUT capability CAPA temporary: no answer to CAPA within 0.4 seconds"},
    {"an answer before the question",
     PASSWORD,
     {GREETS, "S +OK"},
     "PROTOCOL capability CAPA: the server replied before the command was sent | +OK"},
    {"closes down after the greeting",
     PASSWORD,
     {GREETS, "S -ERR [SYS/TEMP] down"},
     "REFUSED capability CAPA temporary: CAPA was refused | *down"},
    /* The login. */
    {"wrong password",
     PASSWORD,
     {GREETS, OFFERS("S SASL PLAIN"), "D AUTH *", "S -ERR no", "D QUIT"},
     "AUTH auth AUTH: the login was refused | -ERR no"},
    {"wrong password at PASS",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "S -ERR [AUTH] no", "D QUIT"},
     "AUTH auth PASS: the login was refused | -ERR \\[AUTH] no"},
    {"wrong login",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S -ERR who", "D QUIT"},
     "AUTH auth USER: the login name was refused | -ERR who"},
    {"wrong password at APOP",
     PASSWORD,
     {"S +OK " TIMESTAMP, OFFERS("S UIDL"), "D APOP *", "S -ERR no", "D QUIT"},
     "AUTH auth APOP: the login was refused | -ERR no"},
    {"the mailbox is in use",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "S -ERR [IN-USE] wait", "D QUIT"},
     "REFUSED auth PASS temporary: the login was refused | -ERR \\[IN-USE] wait"},
    {"too often",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "S -ERR [LOGIN-DELAY] wait",
      "D QUIT"},
     "REFUSED auth PASS temporary: the login was refused | *wait"},
    {"passwords cannot be checked",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "S -ERR [sys/perm] broken", "D QUIT"},
     "REFUSED auth PASS: the login was refused | *broken"},
    {"the secret is repeated",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "S -ERR not secret", "D QUIT"},
     "AUTH auth PASS: the login was refused | (omitted: it repeats the secret)"},
    {"no mechanism for tokens",
     TOKEN,
     {GREETS, OFFERS("S USER", "S SASL PLAIN"), "D QUIT"},
     "AUTH auth: the server offers neither SASL OAUTHBEARER nor XOAUTH2"},
    {"a refused token",
     TOKEN,
     {GREETS, OFFERS("S SASL XOAUTH2"), "D AUTH XOAUTH2 *", "S + eyJzdGF0dXMiOiI0MDAifQ==", "D ",
      "S -ERR no", "D QUIT"},
     "AUTH auth AUTH: the login was refused (status 400) | -ERR no"},
    {"a challenge to USER",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S + what", "D QUIT"},
     "PROTOCOL auth USER: *unexpected continuation request | + what"},
    {"a challenge to PLAIN",
     PASSWORD,
     {GREETS, OFFERS("S SASL PLAIN"), "D AUTH *", "S + ", "D [*]", "S -ERR so not", "D QUIT"},
     "AUTH auth AUTH: the login was refused | -ERR so not"},
    {"questions without end",
     PASSWORD,
     {GREETS, OFFERS("S SASL PLAIN"), "D AUTH *", "S + ", "D [*]", "S + ", "D [*]", "S + ", "D [*]",
      "S + ", "D [*]", "S + "},
     "PROTOCOL auth AUTH: *unexpected continuation request | + "},
    {"closed during the login",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "CLOSE"},
     "CLOSED auth USER temporary: *closed*"},
    {"silence during the login",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, "D USER *", "S +OK", "D PASS *", "D QUIT"},
     "TIMEOUT auth PASS temporary: no answer to PASS within 0.4 seconds"},
    /* STAT and UIDL. */
    {"STAT refused",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S -ERR what", "D QUIT"},
     "REFUSED command STAT: STAT was refused | -ERR what"},
    {"STAT without numbers",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S +OK many", "D QUIT"},
     "PROTOCOL command STAT: *no numbers | +OK many"},
    {"UIDL is not possible now",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S +OK 1 2", "D UIDL 1", "S -ERR [SYS/TEMP] no",
      "D QUIT"},
     "REFUSED command UIDL temporary: UIDL was refused | *no"},
    {"UIDL of another message",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S +OK 2 2", "D UIDL 2", "S +OK 1 a", "D QUIT"},
     "PROTOCOL command UIDL: *about another message* | +OK 1 a"},
    {"words of a terminal",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S -ERR \033[2Jno\001", "D QUIT"},
     "REFUSED command STAT: STAT was refused | -ERR ?\\[2Jno?"},
    {"closed at STAT",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "CLOSE"},
     "CLOSED command STAT temporary: *closed*"},
    {"silence at UIDL",
     PASSWORD,
     {GREETS, KNOWS_NO_CAPA, BY_USER, "D STAT", "S +OK 1 2", "D UIDL 1", "D QUIT"},
     "TIMEOUT command UIDL temporary: no answer to UIDL within 0.4 seconds"},
    /* QUIT. */
    {"silence after QUIT",
     NOBODY,
     {GREETS, OFFERS("S USER"), "D QUIT", "HOLD"},
     "TIMEOUT quit QUIT temporary: no answer to QUIT within 0.4 seconds"},
};

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
        struct pop3_options options = options_of(&talk, c->kind);
        start(&talk, &options);
        if (is_open_ended(c))
            talk_await_end(&talk);
        else
            talk_run(&talk);
        talk_assert_told(&talk, c->expect);
        finish(&talk);
    }
}

static void what_cannot_be_sent_with_user_and_pass(void **state)
{
    (void)state;
    static const struct {
        struct dialogue_login login;
        const char *expect;
    } cases[] = {
        {{.login = "alice\r\nDELE 1", .secret = "x"},
         "AUTH auth: login or password cannot be sent*"},
        {{.login = "alice", .secret = "x\nDELE 1"}, "AUTH auth: login or password cannot be sent*"},
        {{.login = "alice", .secret = "x", .authorize_as = "bob"},
         "AUTH auth: *on behalf of another"},
    };
    static const char *const script[] = {GREETS, OFFERS("S USER"), "D QUIT", NULL};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct talk talk;
        talk_begin(&talk, SECURITY_PLAIN, script, NULL);
        struct pop3_options options = {.peer = talk.peer, .login = cases[i].login};
        start(&talk, &options);
        talk_run(&talk);
        talk_assert_told(&talk, cases[i].expect);
        finish(&talk);
    }
}

/* ---- TLS ---- */

#define OVER_TLS OFFERS("S SASL PLAIN"), BY_PLAIN, HAS_MAIL, NULL

static const char *const with_stls[] = {
    GREETS, OFFERS("S STLS", "S USER"), "D STLS", "S +OK go", "TLS", OVER_TLS};
static const char *const with_tls[] = {GREETS, OVER_TLS};

static void a_session_over_tls(void **state)
{
    (void)state;
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (unsigned way = 0; way < 4; way++) {
        bool stls = way % 2 != 0;
        const char *const *script = stls ? with_stls : with_tls;
        enum security security = stls ? SECURITY_STARTTLS : SECURITY_TLS;
        struct talk talk;
        if (way < 2)
            talk_begin(&talk, security, script, &tls);
        else
            talk_begin_trickling(&talk, security, script, &tls);
        run(&talk, PASSWORD);
        talk_assert_well(&talk);
        assert_string_equal(talk.phases,
                            stls ? "connect greeting capability tls capability auth command quit"
                                 : "connect tls greeting capability auth command quit");
        assert_string_equal(talk.tls_version, "TLSv1.3");
        assert_string_equal(talk.capabilities, "SASL AUTH=PLAIN");
        assert_int_equal(talk.certificates.count, 1);
        finish(&talk);
    }
    talk_tls_free(&tls);
}

static void stls_goes_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *title, *script[12], *expect;
    } cases[] = {
        {"not offered",
         {GREETS, OFFERS("S USER"), "D QUIT"},
         "TLS tls: the server does not offer STLS"},
        {"a server without CAPA",
         {GREETS, KNOWS_NO_CAPA, "D QUIT"},
         "TLS tls: the server does not offer STLS"},
        {"refused",
         {GREETS, OFFERS("S STLS"), "D STLS", "S -ERR no", "D QUIT"},
         "TLS tls STLS: STLS was refused | -ERR no"},
        {"something is slipped in after the reply",
         {GREETS, OFFERS("S STLS"), "D STLS", "S +OK go", "S +OK"},
         "PROTOCOL tls STLS: unexpected data after the reply to STLS"},
        {"no handshake",
         {GREETS, OFFERS("S STLS"), "D STLS", "S +OK go", "L 5", "S +OK clear"},
         "TLS tls STLS: *"},
        {"silence in the handshake",
         {GREETS, OFFERS("S STLS"), "D STLS", "S +OK go", "DEAF"},
         "TIMEOUT tls STLS temporary: no answer in the TLS handshake within 0.4 seconds"},
    };
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct talk talk;
        print_message("  %s\n", cases[i].title);
        talk_begin(&talk, SECURITY_STARTTLS, cases[i].script, &tls);
        if (strncmp(cases[i].expect, "TIMEOUT", 7) == 0)
            talk.peer.timeout = 400;
        run(&talk, PASSWORD);
        talk_assert_told(&talk, cases[i].expect);
        finish(&talk);
    }
    talk_tls_free(&tls);
}

static void a_certificate_for_another_name(void **state)
{
    (void)state;
    static const char *const script[] = {GREETS, NULL};
    struct talk_tls tls;
    struct talk talk;
    talk_tls_make(&tls, false, "IP:127.0.0.2", -TALK_DAY, TALK_DAY);
    talk_begin(&talk, SECURITY_TLS, script, &tls);
    run(&talk, PASSWORD);
    assert_int_equal(talk.outcome.end, DIALOGUE_TLS);
    assert_int_equal(talk.outcome.phase, PHASE_TLS);
    assert_int_equal(talk.certificates.count, 1);
    assert_false(talk.certificates.verified);
    finish(&talk);
    talk_tls_free(&tls);
}

/* ---- freed at any time ---- */

static void freed_in_every_callback(void **state)
{
    (void)state;
    static const char *const moments[] = {"connect", "greeting", "capability", "tls",
                                          "auth",    "command",  "quit",       "done"};
    struct talk_tls tls;
    talk_tls_make(&tls, false, "IP:127.0.0.1", -TALK_DAY, TALK_DAY);
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        struct talk talk;
        print_message("  %s\n", moments[i]);
        talk_begin(&talk, SECURITY_STARTTLS, with_stls, &tls);
        talk.free_at = moments[i];
        struct pop3_options options = options_of(&talk, PASSWORD);
        start(&talk, &options);
        uint64_t until = phase_now() + TALK_PATIENCE * UINT64_C(1000000);
        while (talk.dialogue != NULL && phase_now() < until)
            talk_wait(&talk, 1);
        assert_null(talk.dialogue);
        talk_wait(&talk, 20);
        assert_int_equal(talk.ended, strcmp(moments[i], "done") == 0);
        talk_end(&talk);
    }
    talk_tls_free(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialogues_go_well),
        cmocka_unit_test(a_long_response_has_its_own_line),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(what_cannot_be_sent_with_user_and_pass),
        cmocka_unit_test(a_session_over_tls),
        cmocka_unit_test(stls_goes_wrong),
        cmocka_unit_test(a_certificate_for_another_name),
        cmocka_unit_test(freed_in_every_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
