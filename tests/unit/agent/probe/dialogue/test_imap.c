/* A probe's dialogue with an IMAP server that says what a test wants: each fault at each phase. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe/dialogue/imap.h"
#include "imapclient/scripted_dovecot.h"
#include "imapclient/scripted_server.h"
#include "imapclient/session.h"
#include "in_range.h"
#include "rules/util/memory.h"

#define PATIENCE 10 /* seconds */
#define DAY (24 * 3600L)

#define GREETING "S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello"
#define SIGN_IN "C AUTHENTICATE PLAIN AGFsaWNlAHdvbmRlcg=="
#define BEGIN(capabilities) GREETING, SIGN_IN, "T OK [CAPABILITY IMAP4rev1 " capabilities "] in"
#define OPEN "C EXAMINE INBOX", "S * 3 EXISTS", "T OK [READ-ONLY] opened"
#define LEAVE "C NOOP", "T OK done", "C LOGOUT", "S * BYE bye", "T OK gone", "END"
#define FAREWELL "C LOGOUT", "END"

static const char to_greeting[] = "connect greeting";
static const char to_capability[] = "connect greeting capability";
static const char to_auth[] = "connect greeting capability auth";
static const char to_command[] = "connect greeting capability auth command";
static const char to_quit[] = "connect greeting capability auth command quit";

/* ---- the stage ---- */

struct stage {
    struct event_base *base;
    struct scripted_server *server;
    struct endpoint endpoint;
    struct sockaddr_in address;
    struct probe_imap_options options;
    struct probe_imap *probe;
    struct probe_imap_facts facts;
    char phases[200];
    unsigned done;
    enum phase leave_at; /* frees the probe there; PHASE_NONE */
    bool left;

    enum dialogue_end end;
    enum phase phase;
    bool temporary, has_certificates;
    struct certificate_chain certificates;
    char command[32], reason[DIALOGUE_TEXT_MAX], reply[DIALOGUE_TEXT_MAX], tls_version[16];
    char capabilities[5000];
};

static void on_phase(void *arg, enum phase phase)
{
    struct stage *stage = arg;
    size_t len = strlen(stage->phases);

    assert_false(stage->left);
    snprintf(stage->phases + len, sizeof(stage->phases) - len, "%s%s", len > 0 ? " " : "",
             phase_text(phase));
    if (phase == stage->leave_at) {
        stage->left = true;
        probe_imap_free(stage->probe);
        stage->probe = NULL;
    }
}

static void on_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct stage *stage = arg;

    assert_false(stage->left);
    stage->done++;
    stage->end = outcome->end;
    stage->phase = outcome->phase;
    stage->temporary = outcome->temporary;
    snprintf(stage->command, sizeof(stage->command), "%s", outcome->command);
    snprintf(stage->reason, sizeof(stage->reason), "%s", outcome->reason);
    snprintf(stage->reply, sizeof(stage->reply), "%s", outcome->reply);
    snprintf(stage->tls_version, sizeof(stage->tls_version), "%s", outcome->tls_version);
    snprintf(stage->capabilities, sizeof(stage->capabilities), "%s", outcome->capabilities);
    stage->has_certificates = outcome->certificates != NULL;
    if (outcome->certificates != NULL)
        stage->certificates = *outcome->certificates;
    stage->facts = *probe_imap_facts(stage->probe);
    probe_imap_free(stage->probe); /* as its owners do */
    stage->probe = NULL;
}

static void stage_init(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    stage->base = event_base_new();
    assert_non_null(stage->base);
    stage->leave_at = PHASE_NONE;
    stage->endpoint = (struct endpoint){.set = true, .security = SECURITY_PLAIN};
    stage->endpoint.host = "127.0.0.1";
    stage->address = (struct sockaddr_in){.sin_family = AF_INET};
    stage->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stage->options = (struct probe_imap_options){
        .peer = {.base = stage->base,
                 .endpoint = &stage->endpoint,
                 .address = (struct sockaddr *)&stage->address,
                 .address_len = sizeof(stage->address),
                 .timeout = PATIENCE * 1000},
        .login = {.login = "alice", .secret = "wonder"},
    };
}

static void stage_serve(struct stage *stage, const char *const *script, SSL_CTX *tls, bool at_once)
{
    stage->server = scripted_server_new(stage->base, script, tls, at_once);
    stage->address.sin_port = htons(scripted_server_port(stage->server));
    stage->endpoint.port = scripted_server_port(stage->server);
}

static void stage_start(struct stage *stage)
{
    static const struct dialogue_events events = {.phase = on_phase, .done = on_done};

    stage->probe = probe_imap_new(&stage->options, &events, stage);
    assert_int_equal(stage->done, 0); /* nothing is called inside */
    assert_string_equal(stage->phases, "");
}

static void out_of_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* Until the probe is over and the script was played. */
static void stage_run(struct stage *stage)
{
    bool late = false;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(stage->base, out_of_patience, &late);

    evtimer_add(timer, &patience);
    while (!late && ((stage->done == 0 && !stage->left) ||
                     (stage->server != NULL && scripted_server_complaint(stage->server) != NULL)))
        event_base_loop(stage->base, EVLOOP_ONCE);
    event_free(timer);
    if (late)
        fail_msg("after \"%s\" nothing more: done %u (%s), server: %s", stage->phases, stage->done,
                 stage->reason, scripted_server_complaint(stage->server));
}

static void stage_end(struct stage *stage)
{
    probe_imap_free(stage->probe);
    event_base_loop(stage->base, EVLOOP_NONBLOCK);
    assert_true(stage->done <= 1);
    if (stage->server != NULL)
        scripted_server_free(stage->server);
    event_base_free(stage->base);
}

/* ---- each fault at each phase ---- */

struct fault {
    const char *title;
    const char *script[24];
    unsigned timeout;          /* 0: none that matters */
    bool look_inside, endless; /* endless: the script has no end */
    enum dialogue_end end;
    enum phase phase;
    bool temporary;
    const char *command, *reason, *reply;
    const char *phases;
};

static const struct fault faults[] = {
    {.title = "BYE in place of a greeting",
     .script = {"S * BYE [ALERT] too \x01 busy", "END"},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_GREETING,
     .temporary = true,
     .command = "",
     .reason = "the server rejected the connection",
     .reply = "BYE [ALERT] too ? busy",
     .phases = to_greeting},
    {.title = "another service",
     .script = {"S 220 mail.example.org ESMTP", "END"},
     .end = DIALOGUE_PROTOCOL,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "not an IMAP greeting",
     .reply = "220 mail.example.org ESMTP",
     .phases = to_greeting},
    {.title = "NO in place of a greeting",
     .script = {"S * NO go away", "END"},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "the server's greeting is not OK",
     .reply = "NO go away",
     .phases = to_greeting},
    {.title = "a greeting without end",
     .script = {"R * OK ", "BIG 9000000", "END"},
     .end = DIALOGUE_PROTOCOL,
     .phase = PHASE_GREETING,
     .command = "",
     .reply = "",
     .phases = to_greeting},
    {.title = "silence before the greeting",
     .script = {"END"},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "no answer while waiting for the greeting within 300 ms",
     .reply = "",
     .phases = to_greeting},
    {.title = "half a greeting: no word before its end",
     .script = {"R * OK hel", "END"},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "no answer while waiting for the greeting within 300 ms",
     .reply = "",
     .phases = to_greeting},
    {.title = "gone before the greeting",
     .script = {"CLOSE"},
     .end = DIALOGUE_CLOSED,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "the server closed the connection",
     .reply = "",
     .phases = to_greeting},
    {.title = "gone within the greeting",
     .script = {"R * OK hel", "CLOSE"},
     .end = DIALOGUE_CLOSED,
     .phase = PHASE_GREETING,
     .command = "",
     .reason = "the server closed the connection",
     .reply = "",
     .phases = to_greeting},
    {.title = "CAPABILITY refused",
     .script = {"S * OK hi", "C CAPABILITY", "T BAD what?", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_CAPABILITY,
     .command = "CAPABILITY",
     .reason = "CAPABILITY was refused",
     .reply = "BAD what?",
     .phases = to_capability},
    {.title = "no answer to CAPABILITY",
     .script = {"S * OK hi", "C CAPABILITY", FAREWELL},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_CAPABILITY,
     .command = "CAPABILITY",
     .reason = "no answer to CAPABILITY within 300 ms",
     .reply = "",
     .phases = to_capability},
    {.title = "gone at CAPABILITY",
     .script = {"S * OK hi", "C CAPABILITY", "CLOSE"},
     .end = DIALOGUE_CLOSED,
     .phase = PHASE_CAPABILITY,
     .command = "CAPABILITY",
     .reason = "the server closed the connection",
     .reply = "",
     .phases = to_capability},
    {.title = "the password is wrong",
     .script = {GREETING, SIGN_IN, "T NO [AUTHENTICATIONFAILED] wrong", FAREWELL},
     .end = DIALOGUE_AUTH,
     .phase = PHASE_AUTH,
     .command = "AUTHENTICATE",
     .reason = "login as alice was refused",
     .reply = "NO [AUTHENTICATIONFAILED] wrong",
     .phases = to_auth},
    {.title = "LOGIN refused",
     .script = {"S * OK [CAPABILITY IMAP4rev1] hi", "C LOGIN alice wonder", "T NO wrong", FAREWELL},
     .end = DIALOGUE_AUTH,
     .phase = PHASE_AUTH,
     .command = "LOGIN",
     .reason = "login as alice was refused",
     .reply = "NO wrong",
     .phases = to_auth},
    {.title = "the login will be possible later",
     .script = {GREETING, SIGN_IN, "T NO [UNAVAILABLE] later", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_AUTH,
     .temporary = true,
     .command = "AUTHENTICATE",
     .reason = "login as alice was refused",
     .reply = "NO [UNAVAILABLE] later",
     .phases = to_auth},
    {.title = "BAD to the login",
     .script = {GREETING, SIGN_IN, "T BAD confused", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_AUTH,
     .command = "AUTHENTICATE",
     .reason = "login as alice was refused",
     .reply = "BAD confused",
     .phases = to_auth},
    {.title = "no login is offered",
     .script = {"S * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi", FAREWELL},
     .end = DIALOGUE_AUTH,
     .phase = PHASE_AUTH,
     .command = "",
     .reason = "the server offers neither AUTH=PLAIN nor LOGIN (LOGINDISABLED)",
     .reply = "",
     .phases = to_auth},
    {.title = "BYE during the login, after a warning",
     .script = {GREETING, SIGN_IN, "S * NO [ALERT] soon down", "S * BYE down", "END"},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_AUTH,
     .temporary = true,
     .command = "AUTHENTICATE",
     .reason = "the server sent BYE",
     .reply = "BYE down",
     .phases = to_auth},
    {.title = "no answer to the login",
     .script = {GREETING, SIGN_IN, "R V1 O", FAREWELL},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_AUTH,
     .command = "AUTHENTICATE",
     .reason = "no answer to AUTHENTICATE within 300 ms",
     .reply = "",
     .phases = to_auth},
    {.title = "connection lost during the login, after a warning",
     .script = {GREETING, SIGN_IN, "S * NO soon down", "CLOSE"},
     .end = DIALOGUE_CLOSED,
     .phase = PHASE_AUTH,
     .command = "AUTHENTICATE",
     .reason = "the server closed the connection",
     .reply = "NO soon down",
     .phases = to_auth},
    {.title = "no such folder",
     .script = {BEGIN(""), "C EXAMINE INBOX", "T NO [NONEXISTENT] {3} is no literal", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_COMMAND,
     .command = "EXAMINE",
     .reason = "the folder cannot be opened",
     .reply = "NO [NONEXISTENT] {3} is no literal",
     .phases = to_command},
    {.title = "the folder is locked",
     .script = {BEGIN(""), "C EXAMINE INBOX", "T NO [INUSE] locked", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_COMMAND,
     .temporary = true,
     .command = "EXAMINE",
     .reason = "the folder cannot be opened",
     .reply = "NO [INUSE] locked",
     .phases = to_command},
    {.title = "no end of EXAMINE",
     .script = {BEGIN(""), "C EXAMINE INBOX", "S * 3 EXISTS", FAREWELL},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_COMMAND,
     .command = "EXAMINE",
     .reason = "no answer to EXAMINE within 300 ms",
     .reply = "",
     .phases = to_command},
    {.title = "gone at EXAMINE",
     .script = {BEGIN(""), "C EXAMINE INBOX", "S * 3 EXISTS", "CLOSE"},
     .end = DIALOGUE_CLOSED,
     .phase = PHASE_COMMAND,
     .command = "EXAMINE",
     .reason = "the server closed the connection",
     .reply = "",
     .phases = to_command},
    {.title = "BAD to FETCH",
     .look_inside = true,
     .script = {BEGIN(""), OPEN, "C FETCH 1:3 (INTERNALDATE)", "T BAD no", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_COMMAND,
     .command = "FETCH",
     .reason = "FETCH was refused",
     .reply = "BAD no",
     .phases = to_command},
    {.title = "NO to NOOP",
     .script = {BEGIN(""), OPEN, "C NOOP", "T NO [LIMIT] enough", FAREWELL},
     .end = DIALOGUE_REFUSED,
     .phase = PHASE_COMMAND,
     .temporary = true,
     .command = "NOOP",
     .reason = "NOOP was refused",
     .reply = "NO [LIMIT] enough",
     .phases = to_command},
    {.title = "talk without end in place of an answer",
     .script = {BEGIN(""), OPEN, "C NOOP", "FLOOD * OK still here"},
     .endless = true,
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_COMMAND,
     .command = "NOOP",
     .reason = "no answer to NOOP within 300 ms",
     .reply = "",
     .phases = to_command},
    {.title = "no answer to LOGOUT",
     .script = {BEGIN(""), OPEN, "C NOOP", "T OK done", "C LOGOUT", "S * BYE bye", "END"},
     .timeout = 300,
     .end = DIALOGUE_TIMEOUT,
     .phase = PHASE_QUIT,
     .command = "LOGOUT",
     .reason = "no answer to LOGOUT within 300 ms",
     .reply = "BYE bye",
     .phases = to_quit},
};

static void run_fault(const struct fault *fault)
{
    struct stage stage;

    print_message("  %s\n", fault->title);
    stage_init(&stage);
    stage.options.look_inside = fault->look_inside;
    if (fault->timeout > 0)
        stage.options.peer.timeout = fault->timeout;
    stage_serve(&stage, fault->script, NULL, false);
    stage_start(&stage);
    if (fault->endless)
        while (stage.done == 0)
            event_base_loop(stage.base, EVLOOP_ONCE);
    else
        stage_run(&stage);
    assert_string_equal(stage.phases, fault->phases);
    assert_int_equal(stage.end, fault->end);
    assert_int_equal(stage.phase, fault->phase);
    assert_int_equal(stage.temporary, fault->temporary);
    assert_string_equal(stage.command, fault->command);
    if (fault->reason != NULL)
        assert_string_equal(stage.reason, fault->reason);
    else
        assert_true(*stage.reason != '\0');
    assert_string_equal(stage.reply, fault->reply);
    stage_end(&stage);
}

static void each_fault_at_each_phase(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        run_fault(&faults[i]);
}

/* ---- nothing is wrong ---- */

struct good {
    const char *title;
    const char *script[32];
    bool unsigned_in, look_inside;
    const char *folder;
    const char *phases, *capabilities;
    struct probe_imap_facts facts;
};

#define LITERAL_NAME "S * LIST () \".\" {5}\r\nINBOX"

static const struct good goods[] = {
    {.title = "the usual",
     .script = {BEGIN("IDLE imap4rev1"), OPEN, LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN IDLE",
     .facts = {.messages = 3}},
    {.title = "LOGOUT answered by the end of the connection",
     .script = {BEGIN(""), OPEN, "C NOOP", "T OK done", "C LOGOUT", "CLOSE"},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN",
     .facts = {.messages = 3}},
    {.title = "PREAUTH",
     .script = {"S * PREAUTH [CAPABILITY IMAP4rev1] hi", OPEN, LEAVE},
     .phases = "connect greeting capability command quit",
     .capabilities = "IMAP4REV1",
     .facts = {.messages = 3}},
    {.title = "no login",
     .unsigned_in = true,
     .look_inside = true,
     .script = {GREETING, LEAVE},
     .phases = "connect greeting capability command quit",
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN"},
    {.title = "octet by octet",
     .script = {"DRIP * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello", SIGN_IN,
                "DRIP V1 OK [CAPABILITY IMAP4rev1 IDLE] in", "C EXAMINE INBOX", "DRIP * 3 EXISTS",
                "DRIP * OK [UIDVALIDITY 7] valid", "DRIP V2 OK done", "C NOOP", "DRIP V3 OK done",
                "C LOGOUT", "DRIP * BYE bye", "DRIP V4 OK gone", "END"},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN IDLE",
     .facts = {.messages = 3}},
    {.title = "a literal in a reply, and the server's separator",
     .folder = "Lists/Users",
     .script = {BEGIN(""), "C LIST \"\" INBOX", LITERAL_NAME, "T OK done", "C EXAMINE Lists.Users",
                "S * 0 EXISTS", "T OK opened", LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN"},
    {.title = "folders below a prefix",
     .folder = "Lists/Users",
     .script = {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL",
                "T OK done", "C EXAMINE INBOX.Lists.Users", "S * 0 EXISTS", "T OK opened", LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN NAMESPACE"},
    {.title = "a folder with the prefix, on a server without NAMESPACE",
     .folder = "inbox.Sent",
     .script = {BEGIN("NAMESPACE"), "C NAMESPACE", "S * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL",
                "T NO done", "C EXAMINE inbox.Sent", "S * 0 EXISTS", "T OK opened", LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN NAMESPACE"},
    {.title = "dates and quotas of several roots: of each resource the fullest",
     .look_inside = true,
     .script = {BEGIN("QUOTA"),
                "C EXAMINE INBOX",
                "S * 3 EXISTS",
                "S * 1 FETCH (INTERNALDATE \"01-Jan-1999 00:00:00 +0000\")",
                "T OK opened",
                "C FETCH 1:3 (INTERNALDATE)",
                "S * 2 FETCH (INTERNALDATE \"02-Jan-2001 00:00:00 +0000\")",
                "S * 1 FETCH (INTERNALDATE \"05-Jan-2001 02:00:00 +0200\")",
                "S * 3 FETCH (INTERNALDATE \"03-Jan-2001 00:00:00 +0000\")",
                "S * 3 FETCH (FLAGS (\\Seen))",
                "T OK done",
                "C GETQUOTAROOT INBOX",
                "S * QUOTAROOT INBOX a b c d",
                "S * QUOTA a (STORAGE 10 100 MESSAGE 9 10)",
                "S * QUOTA b (STORAGE 5 10 MESSAGE 50 100)",
                "S * QUOTA c (STORAGE nothing)",
                "S * QUOTA d ()\r\n* QUOTA e (STORAGE 900 0)",
                "T OK done",
                "C NOOP",
                "S * QUOTA f (STORAGE 10 10)",
                "T OK done",
                "C LOGOUT",
                "T OK gone",
                "END"},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN QUOTA",
     .facts = {.messages = 3,
               .oldest = 978393600,
               .newest = 978652800,
               .storage_used = 5 * 1024,
               .storage_limit = 10 * 1024,
               .messages_used = 9,
               .messages_limit = 10}},
    {.title = "of a big folder both ends; no quota for this one",
     .look_inside = true,
     .script = {BEGIN("QUOTA"), "C EXAMINE INBOX", "S * 1000000 EXISTS", "T OK opened",
                "C FETCH 1:50,999951:1000000 (INTERNALDATE)",
                "S * 1 FETCH (INTERNALDATE \"02-Jan-2001 00:00:00 +0000\")",
                "S * 1000000 FETCH (INTERNALDATE \"03-Jan-2001 00:00:00 +0000\")",
                "T NO [EXPUNGEISSUED] some have gone", "C GETQUOTAROOT INBOX", "T NO none", LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN QUOTA",
     .facts = {.messages = 1000000, .oldest = 978393600, .newest = 978480000}},
    {.title = "an empty folder",
     .look_inside = true,
     .script = {BEGIN(""), "C EXAMINE INBOX", "S * 0 EXISTS", "T OK opened", LEAVE},
     .phases = to_quit,
     .capabilities = "IMAP4REV1 SASL-IR AUTH=PLAIN"},
};

static void run_good(const struct good *good)
{
    struct stage stage;

    print_message("  %s\n", good->title);
    stage_init(&stage);
    stage.options.folder = good->folder;
    stage.options.look_inside = good->look_inside;
    if (good->unsigned_in)
        stage.options.login = (struct dialogue_login){0};
    stage_serve(&stage, good->script, NULL, false);
    stage_start(&stage);
    stage_run(&stage);
    assert_string_equal(stage.reason, "");
    assert_string_equal(stage.reply, "");
    assert_string_equal(stage.command, "");
    assert_int_equal(stage.end, DIALOGUE_OK);
    assert_int_equal(stage.phase, PHASE_NONE);
    assert_string_equal(stage.phases, good->phases);
    assert_string_equal(stage.capabilities, good->capabilities);
    assert_int_equal(stage.facts.messages, good->facts.messages);
    assert_int_equal(stage.facts.oldest, good->facts.oldest);
    assert_int_equal(stage.facts.newest, good->facts.newest);
    assert_int_equal(stage.facts.storage_used, good->facts.storage_used);
    assert_int_equal(stage.facts.storage_limit, good->facts.storage_limit);
    assert_int_equal(stage.facts.messages_used, good->facts.messages_used);
    assert_int_equal(stage.facts.messages_limit, good->facts.messages_limit);
    stage_end(&stage);
}

static void all_is_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++)
        run_good(&goods[i]);
}

/* ---- TLS ---- */

struct secured {
    const char *title;
    enum security security;
    const char *certificate_name;
    long begin, end;
    const char *script[32];
    enum dialogue_end ends;
    enum phase phase;
    const char *command, *reason, *reply, *phases, *capabilities;
    bool shows_certificate;
};

#define CLEAR "S * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED X-CLEAR] hi"
#define TELL "C CAPABILITY", "S * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN", "T OK done"

static const struct secured secureds[] = {
    {"implicit TLS",
     SECURITY_TLS,
     "IP:127.0.0.1",
     -DAY,
     5 * DAY,
     {BEGIN(""), OPEN, LEAVE},
     DIALOGUE_OK,
     PHASE_NONE,
     "",
     "",
     "",
     "connect tls greeting capability auth command quit",
     "IMAP4REV1 SASL-IR AUTH=PLAIN",
     true},
    {"replies split over TLS records",
     SECURITY_TLS,
     "IP:127.0.0.1",
     -DAY,
     5 * DAY,
     {"DRIP * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello", SIGN_IN, "DRIP V1 OK in",
      "C CAPABILITY", "DRIP * CAPABILITY IMAP4rev1", "DRIP V2 OK done", "C EXAMINE INBOX",
      "DRIP * 3 EXISTS", "DRIP V3 OK opened", "C NOOP", "DRIP V4 OK done", "C LOGOUT",
      "DRIP V5 OK gone", "END"},
     DIALOGUE_OK,
     PHASE_NONE,
     "",
     "",
     "",
     "connect tls greeting capability auth command quit",
     "IMAP4REV1 SASL-IR AUTH=PLAIN",
     true},
    {"STARTTLS",
     SECURITY_STARTTLS,
     "IP:127.0.0.1",
     -DAY,
     5 * DAY,
     {CLEAR, "C STARTTLS", "T OK go", "TLS", TELL, SIGN_IN, "T OK [CAPABILITY IMAP4rev1 IDLE] in",
      OPEN, LEAVE},
     DIALOGUE_OK,
     PHASE_NONE,
     "",
     "",
     "",
     "connect greeting capability tls capability auth command quit",
     "STARTTLS IMAP4REV1 SASL-IR AUTH=PLAIN IDLE",
     true},
    {"an expired certificate",
     SECURITY_TLS,
     "IP:127.0.0.1",
     -DAY,
     -3600,
     {"END"},
     DIALOGUE_TLS,
     PHASE_TLS,
     "",
     "the server's certificate has expired",
     "",
     "connect tls",
     "",
     true},
    {"an expired certificate after STARTTLS",
     SECURITY_STARTTLS,
     "IP:127.0.0.1",
     -DAY,
     -3600,
     {CLEAR, "C STARTTLS", "T OK go", "TLS", "END"},
     DIALOGUE_TLS,
     PHASE_TLS,
     "",
     "the server's certificate has expired",
     "",
     "connect greeting capability tls",
     "STARTTLS",
     true},
    {"another name",
     SECURITY_TLS,
     "DNS:mail.test",
     -DAY,
     5 * DAY,
     {"END"},
     DIALOGUE_TLS,
     PHASE_TLS,
     "",
     "certificate name mismatch: not valid for 127.0.0.1",
     "",
     "connect tls",
     "",
     true},
    {"STARTTLS is refused",
     SECURITY_STARTTLS,
     "IP:127.0.0.1",
     -DAY,
     DAY,
     {CLEAR, "C STARTTLS", "T NO not today", FAREWELL},
     DIALOGUE_TLS,
     PHASE_TLS,
     "STARTTLS",
     "STARTTLS was refused",
     "NO not today",
     "connect greeting capability tls",
     "STARTTLS IMAP4REV1 LOGINDISABLED X-CLEAR",
     false},
    {"STARTTLS is not offered",
     SECURITY_STARTTLS,
     "IP:127.0.0.1",
     -DAY,
     DAY,
     {GREETING, FAREWELL},
     DIALOGUE_TLS,
     PHASE_TLS,
     "",
     "the server does not offer STARTTLS",
     "",
     "connect greeting capability tls",
     "IMAP4REV1 SASL-IR AUTH=PLAIN",
     false},
};

static void run_secured(const struct secured *c, struct scripted_ca *ca)
{
    struct stage stage;
    char *why;
    SSL_CTX *trusted = imap_tls_context_new(scripted_ca_file(ca), &why);
    SSL_CTX *server = scripted_ca_server(ca, c->certificate_name, c->begin, c->end);

    print_message("  %s\n", c->title);
    stage_init(&stage);
    stage.endpoint.security = c->security;
    stage.options.peer.tls = trusted;
    stage_serve(&stage, c->script, server, c->security == SECURITY_TLS);
    stage_start(&stage);
    stage_run(&stage);
    assert_string_equal(stage.reason, c->reason);
    assert_int_equal(stage.end, c->ends);
    assert_int_equal(stage.phase, c->phase);
    assert_string_equal(stage.command, c->command);
    assert_string_equal(stage.reply, c->reply);
    assert_string_equal(stage.phases, c->phases);
    assert_string_equal(stage.capabilities, c->capabilities);
    assert_string_equal(stage.tls_version, c->shows_certificate ? "TLSv1.3" : "");
    assert_int_equal(stage.has_certificates, c->shows_certificate);
    if (c->shows_certificate) {
        time_t expected = time(NULL) + c->end;

        assert_int_equal(stage.certificates.verified, c->ends == DIALOGUE_OK);
        assert_string_equal(stage.certificates.error, c->reason);
        assert_uint_in_range(stage.certificates.members[0].not_after, (uintmax_t)(expected - 60),
                             (uintmax_t)(expected + 1));
    }
    stage_end(&stage);
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
}

static void certificates_and_starttls(void **state)
{
    struct scripted_ca *ca = scripted_ca_new();

    (void)state;
    for (size_t i = 0; i < sizeof(secureds) / sizeof(*secureds); i++)
        run_secured(&secureds[i], ca);
    scripted_ca_free(ca);
}

static void silence_in_the_handshake(void **state)
{
    static const char *const script[] = {CLEAR, "C STARTTLS", "T OK go", "L 5", "HOLD", NULL};
    struct stage stage;
    char *why;
    struct scripted_ca *ca = scripted_ca_new();
    SSL_CTX *trusted = imap_tls_context_new(scripted_ca_file(ca), &why);

    (void)state;
    stage_init(&stage);
    stage.endpoint.security = SECURITY_STARTTLS;
    stage.options.peer.tls = trusted;
    stage.options.peer.timeout = 300;
    stage_serve(&stage, script, NULL, false);
    stage_start(&stage);
    while (stage.done == 0)
        event_base_loop(stage.base, EVLOOP_ONCE);
    assert_int_equal(stage.end, DIALOGUE_TIMEOUT);
    assert_int_equal(stage.phase, PHASE_TLS);
    assert_string_equal(stage.reason, "no answer in the TLS handshake within 300 ms");
    assert_false(stage.has_certificates);
    stage_end(&stage);
    SSL_CTX_free(trusted);
    scripted_ca_free(ca);
}

/* ---- before there is a server ---- */

static void nobody_listens(void **state)
{
    static const char *const script[] = {NULL};
    struct stage stage;

    (void)state;
    stage_init(&stage);
    stage_serve(&stage, script, NULL, false);
    scripted_server_free(stage.server); /* its port is free now */
    stage.server = NULL;
    stage_start(&stage);
    stage_run(&stage);
    assert_int_equal(stage.end, DIALOGUE_CONNECT);
    assert_int_equal(stage.phase, PHASE_CONNECT);
    assert_non_null(strstr(stage.reason, "refused"));
    assert_string_equal(stage.phases, "connect");
    stage_end(&stage);
}

static void nobody_has_the_name(void **state)
{
    struct stage stage;

    (void)state;
    stage_init(&stage);
    stage.options.peer.address = NULL;
    stage.endpoint.host = "mail.test"; /* and there is no resolver */
    stage_start(&stage);
    stage_run(&stage);
    assert_int_equal(stage.end, DIALOGUE_RESOLVE);
    assert_int_equal(stage.phase, PHASE_RESOLVE);
    assert_string_equal(stage.phases, "resolve");
    stage_end(&stage);
}

/* ---- an owner who has enough of it ---- */

static void freed_in_any_phase(void **state)
{
    static const char *const script[] = {
        CLEAR, "C STARTTLS", "T OK go", "TLS", TELL, SIGN_IN, "T OK [CAPABILITY IMAP4rev1] in",
        OPEN,  LEAVE,        NULL};
    struct scripted_ca *ca = scripted_ca_new();
    SSL_CTX *server = scripted_ca_server(ca, "IP:127.0.0.1", -DAY, DAY);
    char *why;
    SSL_CTX *trusted = imap_tls_context_new(scripted_ca_file(ca), &why);

    (void)state;
    for (enum phase phase = PHASE_RESOLVE; phase < PHASE_COUNT; phase++) {
        struct stage stage;

        stage_init(&stage);
        stage.endpoint.security = SECURITY_STARTTLS;
        stage.options.peer.tls = trusted;
        stage.options.peer.address = NULL;
        stage.leave_at = phase;
        stage_serve(&stage, script, server, false);
        stage_start(&stage);
        while (!stage.left)
            event_base_loop(stage.base, EVLOOP_ONCE);
        assert_int_equal(stage.done, 0);
        stage_end(&stage);
    }
    SSL_CTX_free(trusted);
    SSL_CTX_free(server);
    scripted_ca_free(ca);
}

static void nobody_wants_phases(void **state)
{
    static const struct dialogue_events events = {.done = on_done};
    static const char *const script[] = {BEGIN(""), OPEN, LEAVE, NULL};
    struct stage stage;

    (void)state;
    stage_init(&stage);
    stage_serve(&stage, script, NULL, false);
    stage.probe = probe_imap_new(&stage.options, &events, &stage);
    stage_run(&stage);
    assert_int_equal(stage.end, DIALOGUE_OK);
    stage_end(&stage);
}

/* ---- a real server ---- */

static void dovecot(void **state)
{
    static const enum security securities[] = {SECURITY_PLAIN, SECURITY_STARTTLS, SECURITY_TLS};
    struct dovecot *server = dovecot_start();
    char *why;
    SSL_CTX *trusted = imap_tls_context_new(dovecot_ca_file(server), &why);

    (void)state;
    for (size_t i = 0; i < sizeof(securities) / sizeof(*securities); i++) {
        struct stage stage;

        stage_init(&stage);
        stage.endpoint.security = securities[i];
        stage.endpoint.port =
            securities[i] == SECURITY_TLS ? dovecot_imaps_port(server) : dovecot_imap_port(server);
        stage.address.sin_port = htons(stage.endpoint.port);
        stage.options.peer.tls = trusted;
        stage.options.look_inside = true;
        stage_start(&stage);
        stage_run(&stage);
        assert_string_equal(stage.reason, "");
        assert_int_equal(stage.end, DIALOGUE_OK);
        assert_true(dialogue_has(stage.capabilities, "AUTH=PLAIN"));
        assert_true(dialogue_has(stage.capabilities, "IDLE"));
        assert_int_equal(stage.certificates.verified, securities[i] != SECURITY_PLAIN);
        stage_end(&stage);
    }
    SSL_CTX_free(trusted);
    dovecot_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_at_each_phase),
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(certificates_and_starttls),
        cmocka_unit_test(silence_in_the_handshake),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(nobody_has_the_name),
        cmocka_unit_test(freed_in_any_phase),
        cmocka_unit_test(nobody_wants_phases),
        cmocka_unit_test(dovecot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
