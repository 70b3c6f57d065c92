/*
 * From the greeting to a usable session: CAPABILITY, STARTTLS, AUTHENTICATE or LOGIN, then ID and
 * ENABLE. RFC 9051 section 6.2, RFC 4959, RFC 7628 section 3.2.
 *
 * next_step() does whatever is missing next; every step ends by calling it again.
 */
#include <assert.h>

#include "imapclient/sasl.h"
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

#define LOGIN_PIECES 3
#define CHALLENGES_MAX 3

struct login {
    char *host, *user, *authorize_as, *secret;
    enum imap_security security;
    enum imap_method method;
    uint16_t port;
    bool enable, no_login;
    bool secured, capability_known, authenticated, extras_sent;
    unsigned extras; /* ID and ENABLE in flight */
};

static void next_step(struct imap_session *session);

static char *copy_or_null(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

struct login *login_new(const struct imap_options *options)
{
    struct login *login = xcalloc(1, sizeof(*login));
    login->host = copy_or_null(options->host);
    login->user = xstrdup(options->login != NULL ? options->login : "");
    login->authorize_as = copy_or_null(options->authorize_as);
    login->secret = xstrdup(options->secret != NULL ? options->secret : "");
    login->security = options->security;
    login->method = options->method;
    login->port = options->port;
    login->enable = options->enable_qresync;
    login->no_login = options->no_login;
    login->secured = options->security != IMAP_SECURITY_STARTTLS;
    return login;
}

void login_free(struct login *login)
{
    if (login == NULL)
        return;
    sasl_wipe(login->secret);
    free(login->host);
    free(login->user);
    free(login->authorize_as);
    free(login);
}

void login_capability_received(struct imap_session *session)
{
    if (session->login != NULL)
        session->login->capability_known = true;
}

static struct command *setup_command(size_t size, const struct command_class *class, char *line)
{
    struct command *command = command_new(size, class, NULL, NULL);
    command->line = line;
    command->exclusive = true;
    return command;
}

/* ---- CAPABILITY ---- */

static void capability_finish(struct imap_session *session, struct command *command,
                              const struct imap_result *result)
{
    (void)command;
    if (session_is_over(session))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        session_fail_text(session, IMAP_FAILURE_PROTOCOL, "CAPABILITY was refused", result->text);
        return;
    }
    session->login->capability_known = true; /* even if the server sent none */
    next_step(session);
}

static void send_capability(struct imap_session *session)
{
    static const struct command_class class = {.setup = true, .finish = capability_finish};
    assert(session->phase == IMAP_PHASE_CAPABILITY || session->phase == IMAP_PHASE_AUTH);
    command_queue(session, setup_command(sizeof(struct command), &class, xstrdup("CAPABILITY")));
}

/* ---- STARTTLS ---- */

static void starttls_finish(struct imap_session *session, struct command *command,
                            const struct imap_result *result)
{
    (void)command;
    if (session_is_over(session))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        session_fail_text(session, IMAP_FAILURE_TLS, "STARTTLS was refused", result->text);
        return;
    }
    session->starttls_agreed = true;
    framing_stop(session->framing);
}

static void send_starttls(struct imap_session *session)
{
    static const struct command_class class = {.setup = true, .finish = starttls_finish};
    session_report_phase(session, IMAP_PHASE_TLS);
    if (session_is_over(session))
        return;
    if (!imap_session_has(session, "STARTTLS")) {
        session_fail(session, IMAP_FAILURE_TLS, "the server does not offer STARTTLS");
        return;
    }
    command_queue(session, setup_command(sizeof(struct command), &class, xstrdup("STARTTLS")));
}

/* ---- AUTHENTICATE and LOGIN ---- */

struct auth {
    struct command command;
    char *pieces[LOGIN_PIECES]; /* to send at each "+"; secret */
    unsigned next, challenges;
    bool oauth;
    const char *abort; /* reply to an unexpected challenge */
    char *oauth_status;
};

static void auth_release(struct command *command)
{
    struct auth *auth = (struct auth *)command;
    for (unsigned i = 0; i < LOGIN_PIECES; i++)
        sasl_wipe(auth->pieces[i]);
    free(auth->oauth_status);
}

static void auth_plus(struct imap_session *session, struct command *command,
                      const struct imap_text *text)
{
    struct auth *auth = (struct auth *)command;
    if (++auth->challenges > CHALLENGES_MAX) {
        session_fail(session, IMAP_FAILURE_PROTOCOL, "too many challenges during the login");
        return;
    }
    struct evbuffer *out = transport_output(session->transport);
    if (auth->next < LOGIN_PIECES && auth->pieces[auth->next] != NULL) {
        const char *piece = auth->pieces[auth->next++];
        transport_write_secret(session->transport, piece, strlen(piece));
        session_trace(session, true, "(secret)", strlen("(secret)"));
    } else {
        if (auth->oauth && auth->oauth_status == NULL)
            auth->oauth_status = sasl_oauth_status(text->text);
        evbuffer_add(out, auth->abort, strlen(auth->abort));
        session_trace(session, true, auth->abort, strlen(auth->abort));
    }
    evbuffer_add(out, "\r\n", 2);
}

static void auth_refused(struct imap_session *session, const struct auth *auth,
                         const struct imap_result *result)
{
    char *what = xasprintf("login as %s was refused%s%s%s", session->login->user,
                           auth->oauth_status != NULL ? " (status " : "",
                           auth->oauth_status != NULL ? auth->oauth_status : "",
                           auth->oauth_status != NULL ? ")" : "");
    /* BAD does not mean a wrong password: Exchange: "User is authenticated but not connected". */
    enum imap_failure_kind kind =
        result->kind == IMAP_RESULT_NO ? IMAP_FAILURE_AUTH : IMAP_FAILURE_PROTOCOL;
    if (result->kind == IMAP_RESULT_BAD && strcasestr(result->reason, "not connected") != NULL)
        kind = IMAP_FAILURE_UNAVAILABLE;
    if (result->text != NULL)
        session_fail_text(session, kind, what, result->text);
    else
        session_fail(session, IMAP_FAILURE_AUTH, "%s: %s", what, result->reason);
    free(what);
}

static void auth_finish(struct imap_session *session, struct command *command,
                        const struct imap_result *result)
{
    if (session_is_over(session))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        auth_refused(session, (struct auth *)command, result);
        return;
    }
    session->login->authenticated = true;
    next_step(session);
}

static const struct command_class auth_class = {
    .setup = true, .plus = auth_plus, .finish = auth_finish, .release = auth_release};

static void queue_auth(struct imap_session *session, struct auth *auth)
{
    auth->command.secret = true;
    session_set_phase(session, IMAP_PHASE_AUTH);
    /* The capabilities may change with the login: those from before do not count. */
    session->login->capability_known = false;
    command_queue(session, &auth->command);
}

/* Takes ownership of response, and wipes it. */
static void authenticate(struct imap_session *session, const char *mechanism, char *response,
                         const char *abort)
{
    struct auth *auth = (struct auth *)setup_command(sizeof(*auth), &auth_class, NULL);
    auth->abort = abort;
    auth->oauth = session->login->method == IMAP_AUTH_TOKEN;
    if (imap_session_has(session, "SASL-IR") &&
        strlen(response) + strlen(mechanism) + 64 < WRITER_LINE_MAX) {
        auth->command.line = xasprintf("AUTHENTICATE %s %s", mechanism, response);
        sasl_wipe(response);
    } else {
        auth->command.line = xasprintf("AUTHENTICATE %s", mechanism);
        auth->pieces[0] = response;
    }
    queue_auth(session, auth);
}

static void authenticate_token(struct imap_session *session)
{
    const struct login *login = session->login;
    const char *as = login->authorize_as != NULL ? login->authorize_as : login->user;
    if (imap_session_has(session, "AUTH=OAUTHBEARER")) {
        /* RFC 7628 section 3.2.3: a refusal is acknowledged with a single ^A. */
        authenticate(session, "OAUTHBEARER",
                     sasl_oauthbearer(as, login->host, login->port, login->secret), "AQ==");
    } else if (imap_session_has(session, "AUTH=XOAUTH2")) {
        authenticate(session, "XOAUTH2", sasl_xoauth2(as, login->secret), "");
    } else {
        session_fail(session, IMAP_FAILURE_AUTH,
                     "the server offers neither AUTH=OAUTHBEARER nor AUTH=XOAUTH2");
    }
}

/* An argument of LOGIN as it is written on the line, and the literal that follows, or NULL. */
static char *login_argument(const char *text, bool literal_plus, char **literal)
{
    *literal = NULL;
    struct evbuffer *out = memory_check(evbuffer_new());
    if (!writer_astring(out, text)) {
        *literal = xstrdup(text);
        evbuffer_add_printf(out, literal_plus ? "{%zu+}" : "{%zu}", strlen(text));
    }
    size_t len = evbuffer_get_length(out);
    char *argument = xcalloc(1, len + 1);
    memcpy(argument, evbuffer_pullup(out, -1), len);
    memset(evbuffer_pullup(out, -1), 0, len);
    evbuffer_free(out);
    return argument;
}

/* Appends to the current piece: the line, or what follows the *piece-th "+". */
static void login_add(struct auth *auth, unsigned *piece, const char *text)
{
    assert(*piece <= LOGIN_PIECES);
    char **line = *piece == 0 ? &auth->command.line : &auth->pieces[*piece - 1];
    char *longer = xasprintf("%s%s", *line != NULL ? *line : "", text);
    sasl_wipe(*line);
    *line = longer;
}

static void login_add_argument(struct imap_session *session, struct auth *auth, unsigned *piece,
                               const char *text)
{
    bool plus = imap_session_has(session, "LITERAL+") ||
                (imap_session_has(session, "LITERAL-") && strlen(text) <= 4096);
    char *literal;
    char *argument = login_argument(text, plus, &literal);
    login_add(auth, piece, argument);
    if (literal != NULL && plus)
        login_add(auth, piece, "\r\n");
    else if (literal != NULL)
        (*piece)++;
    if (literal != NULL)
        login_add(auth, piece, literal);
    sasl_wipe(argument);
    sasl_wipe(literal);
}

static void send_login(struct imap_session *session)
{
    const struct login *login = session->login;
    if (!writer_sendable(login->user) || !writer_sendable(login->secret)) {
        session_fail(session, IMAP_FAILURE_AUTH,
                     "login or password contains characters that LOGIN cannot carry");
        return;
    }
    struct auth *auth = (struct auth *)setup_command(sizeof(*auth), &auth_class, xstrdup("LOGIN "));
    unsigned piece = 0;
    auth->abort = "";
    login_add_argument(session, auth, &piece, login->user);
    login_add(auth, &piece, " ");
    login_add_argument(session, auth, &piece, login->secret);
    queue_auth(session, auth);
}

static void authenticate_password(struct imap_session *session)
{
    const struct login *login = session->login;
    if (imap_session_has(session, "AUTH=PLAIN")) {
        authenticate(session, "PLAIN", sasl_plain(login->authorize_as, login->user, login->secret),
                     "*");
    } else if (login->authorize_as != NULL) {
        session_fail(session, IMAP_FAILURE_AUTH,
                     "the server does not offer AUTH=PLAIN, which is required to log in on behalf "
                     "of another user");
    } else if (imap_session_has(session, "LOGINDISABLED")) {
        session_fail(session, IMAP_FAILURE_AUTH,
                     "the server offers neither AUTH=PLAIN nor LOGIN (LOGINDISABLED)");
    } else {
        send_login(session);
    }
}

/* ---- ID and ENABLE ---- */

static void extra_finish(struct imap_session *session, struct command *command,
                         const struct imap_result *result)
{
    (void)command;
    (void)result; /* the server may refuse either */
    if (!session_is_over(session)) {
        assert(session->login->extras > 0);
        session->login->extras--;
        next_step(session);
    }
}

static void queue_extra(struct imap_session *session, const char *line)
{
    static const struct command_class class = {.setup = true, .finish = extra_finish};
    struct command *command = command_new(sizeof(*command), &class, NULL, NULL);
    command->line = xstrdup(line);
    session->login->extras++;
    command_queue(session, command);
}

static void send_extras(struct imap_session *session)
{
    session->login->extras_sent = true;
    bool enable = session->login->enable && imap_session_has(session, "ENABLE");
    if (enable && imap_session_has(session, "QRESYNC"))
        queue_extra(session, "ENABLE QRESYNC");
    else if (enable && imap_session_has(session, "CONDSTORE"))
        queue_extra(session, "ENABLE CONDSTORE");
    else if (session->login->enable && imap_session_has(session, "CONDSTORE"))
        session->condstore = true; /* without ENABLE, by each SELECT: RFC 7162 section 3.1.8 */
    /* 163.com and its sister services refuse SELECT to clients that have not sent ID. */
    if (imap_session_has(session, "ID"))
        queue_extra(session, "ID (\"name\" \"mailvigil\" \"version\" \"" MAILVIGIL_VERSION "\")");
}

/* ---- the order of the steps ---- */

static void finish(struct imap_session *session)
{
    assert(session->login->extras == 0 && TAILQ_EMPTY(&session->sent));
    login_free(session->login);
    session->login = NULL;
    session_ready(session);
}

static void next_step(struct imap_session *session)
{
    struct login *login = session->login;
    if (!login->capability_known) {
        send_capability(session);
    } else if (!login->secured) {
        send_starttls(session);
    } else if (login->no_login) {
        finish(session);
    } else if (!login->authenticated) {
        session_report_phase(session, IMAP_PHASE_AUTH);
        if (session_is_over(session))
            return;
        if (login->method == IMAP_AUTH_TOKEN)
            authenticate_token(session);
        else
            authenticate_password(session);
    } else if (!login->extras_sent) {
        send_extras(session);
        if (login->extras == 0)
            finish(session);
    } else if (login->extras == 0) {
        finish(session);
    }
}

static void begin_capability(struct imap_session *session)
{
    session_set_phase(session, IMAP_PHASE_CAPABILITY);
    session_report_phase(session, IMAP_PHASE_CAPABILITY);
    if (!session_is_over(session))
        next_step(session);
}

void login_up(struct imap_session *session)
{
    struct login *login = session->login;
    if (session->phase != IMAP_PHASE_TLS) { /* the first time; the server sends its greeting */
        session_set_phase(session, IMAP_PHASE_GREETING);
        session_report_phase(session, IMAP_PHASE_GREETING);
        return;
    }
    login->secured = true;
    login->capability_known = false;
    begin_capability(session);
}

void login_greeting(struct imap_session *session, const struct imap_untagged *untagged)
{
    const struct imap_text *text = &untagged->text;
    struct login *login = session->login;
    if (text->status == IMAP_BYE) {
        session_fail_text(session, IMAP_FAILURE_UNAVAILABLE, "the server rejected the connection",
                          text);
        return;
    }
    if (text->status != IMAP_OK && text->status != IMAP_PREAUTH) {
        session_fail_text(session, IMAP_FAILURE_PROTOCOL, "the server's greeting is not OK", text);
        return;
    }
    if (text->status == IMAP_PREAUTH && !login->secured) {
        session_fail(session, IMAP_FAILURE_PROTOCOL,
                     "the server sent PREAUTH, after which STARTTLS is impossible");
        return;
    }
    login->authenticated = text->status == IMAP_PREAUTH;
    if (text->code == IMAP_CODE_CAPABILITY) {
        capability_set(session, text->code_text);
        login->capability_known = true;
    }
    begin_capability(session);
}
