/* Logging in to a scripted server: which method is used, and how a refusal is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "imapclient/scripted_client.h"

struct login_case {
    const char *title;
    const char *login, *secret, *authorize_as;
    enum imap_method method;
    const char *script[24];
    const char *expect; /* in the log */
};

static const struct login_case logins[] = {
    {"PLAIN with an initial response", NULL, NULL, NULL, 0, {BEGIN("IDLE")}, "ready"},
    {"PLAIN without SASL-IR",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello", "C AUTHENTICATE PLAIN", "S + ",
      "D AGFsaWNlAHdvbmRlcg==", LOGGED_IN("")},
     "ready"},
    {"PLAIN on behalf of another",
     "vigil",
     NULL,
     "bob",
     0,
     {GREETING, "C AUTHENTICATE PLAIN Ym9iAHZpZ2lsAHdvbmRlcg==", LOGGED_IN("")},
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
     {"S * OK [CAPABILITY IMAP4rev1] hello", "C LOGIN alice \"won\\\\\"der\"", LOGGED_IN("")},
     "ready"},
    {"LOGIN with synchronising literals",
     "al\xc3\xad",
     "w\xc3\xb6n",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1] hello", "C LOGIN {4}", "S + ", "D al\xc3\xad {4}", "S + go",
      "D w\xc3\xb6n", LOGGED_IN("")},
     "ready"},
    {"LOGIN with LITERAL+",
     NULL,
     "w\xc3\xb6n",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 LITERAL+] hello", "C LOGIN alice {4+}", "D w\xc3\xb6n",
      LOGGED_IN("")},
     "ready"},
    {"LOGINDISABLED without AUTH=PLAIN",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hello"},
     "closed AUTH capability: the server offers neither AUTH=PLAIN nor LOGIN"},
    {"capabilities requested if the server does not send them",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK hello", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN", "T OK done",
      LOG_IN, "T OK in", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 IDLE", "T OK done"},
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
      "C AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==", LOGGED_IN("")},
     "ready"},
    {"XOAUTH2 refused, with the status from the challenge",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hello", "C AUTHENTICATE XOAUTH2", "S + ",
      "D dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==",
      "S + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=", "D ", "T NO SASL failed"},
     "closed AUTH auth: login as alice was refused (status 400): SASL failed"},
    {"OAUTHBEARER is preferred to XOAUTH2",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] hello",
      "C AUTHENTICATE OAUTHBEARER bixhPWFsaWNlLAFob3N0PTEyNy4wLjAuMQFwb3J0P*", LOGGED_IN("")},
     "ready"},
    {"OAUTHBEARER refused is acknowledged",
     NULL,
     "tok",
     NULL,
     IMAP_AUTH_TOKEN,
     {"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] hello",
      "C AUTHENTICATE OAUTHBEARER *",
      "S + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "D AQ==", "T NO no"},
     "closed AUTH auth: login as alice was refused (status invalid_token): no"},
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
     {GREETING, LOG_IN, "T NO [AUTHENTICATIONFAILED] wrong"},
     "closed AUTH auth: login as alice was refused: wrong"},
    {"NO [UNAVAILABLE]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T NO [UNAVAILABLE] later"},
     "closed UNAVAILABLE auth: login as alice was refused: later"},
    {"NO [LIMIT]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T NO [LIMIT] too many"},
     "closed UNAVAILABLE auth: login as alice was refused: too many"},
    {"NO [INUSE]",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T NO [INUSE] locked"},
     "closed UNAVAILABLE auth"},
    {"Exchange throttles",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds"},
     "closed UNAVAILABLE auth: login as alice was refused: Request is throttled. Suggested "
     "Backoff Time: 299961 milliseconds (backoff)"},
    {"endless challenges",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "S + ", "D *", "S + ", "D *", "S + ", "D *", "S + "},
     "closed PROTOCOL auth: too many challenges"},
    {"BYE instead of a greeting",
     NULL,
     NULL,
     NULL,
     0,
     {"S * BYE too busy"},
     "closed UNAVAILABLE greeting: the server rejected the connection: too busy"},
    {"the greeting of another protocol",
     NULL,
     NULL,
     NULL,
     0,
     {"S 220 mail.example.org ESMTP", "S "},
     "closed PROTOCOL greeting: not an IMAP greeting: 220 mail.example.org"},
    {"BYE during the login",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "S * BYE shutting down"},
     "closed UNAVAILABLE auth: the server sent BYE: shutting down"},
    {"connection lost during the login",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "CLOSE"},
     "closed CLOSED auth: the server closed the connection"},
    {"CAPABILITY refused",
     NULL,
     NULL,
     NULL,
     0,
     {"S * OK hello", "C CAPABILITY", "T NO not now"},
     "closed PROTOCOL capability: CAPABILITY was refused: not now"},
    {"NO instead of a greeting",
     NULL,
     NULL,
     NULL,
     0,
     {"S * NO go away"},
     "closed PROTOCOL greeting: the server's greeting is not OK: go away"},
    {"Exchange has no connection to the mailbox",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T BAD User is authenticated but not connected."},
     "closed UNAVAILABLE auth: login as alice was refused: User is authenticated but not"},
    {"a refusal without a reason",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, LOG_IN, "T NO"},
     "closed AUTH auth: login as alice was refused: no reason given"},
    {"a password that LOGIN cannot carry",
     NULL,
     "won\nder",
     NULL,
     0,
     {"S * OK [CAPABILITY IMAP4rev1] hello"},
     "closed AUTH capability: login or password contains characters that LOGIN cannot carry"},
    {"a tagged reply to no command",
     NULL,
     NULL,
     NULL,
     0,
     {GREETING, "S V77 OK who?", LOG_IN, "S V99 NO who?", LOGGED_IN("")},
     "ready"},
};

static void test_login(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++) {
        const struct login_case *c = &logins[i];
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

/* ---- sessions that do not log in, and those that log out at their end ---- */

struct no_login_case {
    const char *title;
    const char *script[12];
    const char *phases;
};

static const struct no_login_case no_login_cases[] = {
    {"capabilities in the greeting",
     {GREETING, "C NOOP", "T OK done", "C LOGOUT", "S * BYE", "T OK bye"},
     "resolve connect greeting capability ready"},
    {"capabilities requested, LOGINDISABLED",
     {"S * OK hi", "C CAPABILITY", "S * CAPABILITY IMAP4rev1 ID LOGINDISABLED", "T OK done",
      "C NOOP", "T OK done", "C LOGOUT", "CLOSE"},
     "resolve connect greeting capability ready"},
    {"PREAUTH",
     {"S * PREAUTH [CAPABILITY IMAP4rev1 ID] hi", "C NOOP", "T OK done", "C LOGOUT", "T OK bye"},
     "resolve connect greeting capability ready"},
};

static void noop_and_logout(struct client *client)
{
    imap_noop(client->session, client_done, client_named(client, "noop"));
    imap_session_logout(client->session);
}

static void test_without_login(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(no_login_cases) / sizeof(*no_login_cases); i++) {
        print_message("  %s\n", no_login_cases[i].title);
        struct client client;
        client_init(&client);
        client.options.login = client.options.secret = NULL;
        client.options.no_login = true;
        client.options.send_logout = true;
        client.on_ready = noop_and_logout;
        client_serve(&client, no_login_cases[i].script);
        client_start(&client);
        client_await(&client, "closed LOGOUT");
        assert_true(client_logged(&client, "noop: OK"));
        assert_string_equal(client.phases, no_login_cases[i].phases);
        client_finish(&client);
    }
}

struct ending_case {
    const char *title;
    const char *script[10];
    const char *expect;
};

static const struct ending_case endings[] = {
    {"refused login", {GREETING, LOG_IN, "T NO wrong", "C LOGOUT", "END"}, "closed AUTH auth"},
    {"no login offered",
     {"S * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi", "C LOGOUT", "END"},
     "closed AUTH capability"},
    {"freed when ready", {BEGIN(""), "C LOGOUT", "END"}, "ready"},
    {"not before the greeting is complete", {"R * OK hel", "END"}, NULL},
    {"not after the greeting of another protocol",
     {"S 220 smtp", "END"},
     "closed PROTOCOL greeting"},
    {"not after BYE", {GREETING, LOG_IN, "S * BYE gone", "END"}, "closed UNAVAILABLE auth"},
};

static void test_logout_at_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        print_message("  %s\n", endings[i].title);
        struct client client;
        client_init(&client);
        client.options.send_logout = true;
        client_serve(&client, endings[i].script);
        client_start(&client);
        if (endings[i].expect != NULL)
            client_await(&client, endings[i].expect);
        else
            client_settle(&client, 20);
        imap_session_free(client.session);
        client.session = NULL;
        client_await_script(&client);
        client_finish(&client);
    }
}

static void send_quota(struct client *client)
{
    struct imap_uidset ends = {0};
    imap_uidset_add(&ends, 1, 2);
    imap_uidset_add(&ends, 7, 8);
    imap_fetch(client->session, &ends, "(UID INTERNALDATE)", client_done,
               client_named(client, "fetch"));
    imap_quota_root(client->session, "a\nb", client_done, client_named(client, "odd"));
    imap_quota_root(client->session, "Entw\xc3\xbcrfe", client_done, client_named(client, "quota"));
    imap_uidset_clear(&ends);
}

static void test_quota_and_sequence_numbers(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("QUOTA"),
                                         "C FETCH 1:2,7:8 (UID INTERNALDATE)",
                                         "C GETQUOTAROOT Entw&APw-rfe",
                                         "S * 1 FETCH (UID 9)",
                                         "T OK done",
                                         "S * QUOTAROOT Entw&APw-rfe user",
                                         "S * QUOTA user (STORAGE 1 2)",
                                         "T OK done",
                                         NULL};
    struct client client;
    client_init(&client);
    client.on_ready = send_quota;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "quota: OK");
    assert_true(client_logged(&client, "fetch 1 uid 9"));
    assert_true(client_logged(&client, "fetch: OK"));
    assert_true(client_logged(&client, "odd: INVALID"));
    client_finish(&client);
}

static void test_login_too_long_for_a_line(void **state)
{
    (void)state;
    static const char *const script[] = {"S * OK [CAPABILITY IMAP4rev1] hello", NULL};
    char login[5001] = {0}, secret[5001] = {0};
    struct client client;
    memset(login, 'a', sizeof(login) - 1);
    memset(secret, 'b', sizeof(secret) - 1);
    client_init(&client);
    client.options.login = login;
    client.options.secret = secret;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "closed AUTH auth: login as aaaa");
    assert_null(strstr(client_log(&client), "bbbb"));
    assert_in_range(client.log.len, 500, 600); /* the reason is truncated */
    client_finish(&client);
}

static void test_capabilities_implied_by_rev2(void **state)
{
    (void)state;
    static const char *const script[] = {
        GREETING, LOG_IN, "T OK [CAPABILITY IMAP4rev2 APPENDLIMIT=99999999999999999999] in", NULL};
    struct client client;
    client_init(&client);
    client.options.hide_idle = true;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    assert_string_equal(imap_session_capabilities(client.session),
                        "IMAP4rev2 APPENDLIMIT=99999999999999999999");
    assert_true(imap_session_has(client.session, "unselect"));
    assert_true(imap_session_has(client.session, "LITERAL-"));
    assert_false(imap_session_has(client.session, "IDLE")); /* hidden */
    assert_false(imap_session_has(client.session, "NOTIFY"));
    assert_int_equal(imap_session_append_limit(client.session), 0); /* out of range */
    client_finish(&client);
}

static void test_append_limit_without_a_number(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("APPENDLIMIT APPENDLIMIT="), NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    assert_int_equal(imap_session_append_limit(client.session), 0);
    assert_string_equal(imap_session_server_id(client.session), "");
    client_finish(&client);
}

static void check_cut_capabilities(const struct imap_session *session)
{
    assert_true(imap_session_has(session, "IDLE"));
    assert_true(imap_session_has(session, "ABCDE"));
    assert_false(imap_session_has(session, "NOTIFY"));
    assert_in_range(strlen(imap_session_capabilities(session)), 16000, 16 * 1024);
}

/* 4000 capabilities of five letters, in a response code and in a response. */
static void test_too_many_capabilities_are_cut(void **state)
{
    (void)state;
    char list[4000 * 6 + 1] = "";
    for (size_t i = 0; i < 4000; i++)
        memcpy(list + 6 * i, "ABCDE ", 7);
    char code[sizeof(list) + 40], response[sizeof(list) + 40];
    snprintf(code, sizeof(code), "T OK [CAPABILITY X IDLE %s] in", list);
    snprintf(response, sizeof(response), "S * CAPABILITY IDLE %sNOTIFY", list);
    const char *const script[] = {GREETING, LOG_IN, code, "HOLD", response, "S * OK done", NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    check_cut_capabilities(client.session);
    scripted_server_go(client.server);
    client_await(&client, "text done");
    check_cut_capabilities(client.session);
    client_finish(&client);
}

static void test_capabilities_change_with_any_code(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("IDLE"), "S * OK [CAPABILITY IMAP4rev1 NOTIFY] new",
                                         NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "text new");
    assert_string_equal(imap_session_capabilities(client.session), "IMAP4rev1 NOTIFY");
    client_finish(&client);
}

static void test_enable_condstore(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN("ENABLE CONDSTORE"), "C ENABLE CONDSTORE",
                                         "S * ENABLED CONDSTORE", "T OK enabled", NULL};
    struct client client;
    client_init(&client);
    client.options.enable_qresync = true;
    client_serve(&client, script);
    client_start(&client);
    client_await(&client, "ready");
    client_finish(&client);
}

static void test_logout_before_ready(void **state)
{
    (void)state;
    static const char *const script[] = {GREETING, LOG_IN, "HOLD", NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    client_settle(&client, 20);
    imap_session_logout(client.session);
    client_await(&client, "closed LOGOUT auth: logged out before the session was ready");
    client_abandon(&client);
}

static void test_paused_before_the_connection(void **state)
{
    (void)state;
    static const char *const script[] = {BEGIN(""), NULL};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    client_start(&client);
    imap_session_pause(client.session);
    client_settle(&client, 30);
    assert_string_equal(client.phases, "resolve connect greeting");
    imap_session_resume(client.session);
    imap_session_resume(client.session); /* once too often */
    client_await(&client, "ready");
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_without_login),
        cmocka_unit_test(test_logout_at_the_end),
        cmocka_unit_test(test_quota_and_sequence_numbers),
        cmocka_unit_test(test_login_too_long_for_a_line),
        cmocka_unit_test(test_capabilities_implied_by_rev2),
        cmocka_unit_test(test_append_limit_without_a_number),
        cmocka_unit_test(test_too_many_capabilities_are_cut),
        cmocka_unit_test(test_capabilities_change_with_any_code),
        cmocka_unit_test(test_enable_condstore),
        cmocka_unit_test(test_logout_before_ready),
        cmocka_unit_test(test_paused_before_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
