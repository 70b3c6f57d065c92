#include "agent/probe/dialogue/pop3.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "agent/probe/dialogue/line_dialogue.h"
#include "agent/probe/dialogue/login.h"
#include "agent/probe/dialogue/reply.h"
#include "imapclient/sasl.h"
#include "rules/util/memory.h"

#define COMMAND_LINE_MAX 253 /* RFC 2449 section 4: 255 octets with CRLF */

enum step {
    STEP_GREETING,
    STEP_CAPA,
    STEP_CAPA_LIST,
    STEP_STLS,
    STEP_SECURING,
    STEP_AUTH,
    STEP_APOP,
    STEP_USER,
    STEP_PASS,
    STEP_STAT,
    STEP_UIDL,
    STEP_QUIT,
};

struct pop3 {
    struct line_dialogue *dialogue;
    const struct endpoint *endpoint;
    enum step step;
    bool secured;          /* as the endpoint demands */
    unsigned capabilities; /* lines of the listing */
    struct login login;
    char *timestamp; /* of the greeting, for APOP; NULL: none */
    struct pop3_facts facts;
};

struct reply_line { /* a line as received, and what follows its status */
    const char *line, *text;
    size_t len;
};

/* ---- failures ---- */

static void fail(struct pop3 *pop3, enum dialogue_end end, const struct reply_line *reply,
                 const char *what)
{
    struct line_failure failure = {.end = end};
    if (reply != NULL) {
        failure.reply = reply->line;
        failure.reply_len = reply->len;
    }
    line_dialogue_fail(pop3->dialogue, &failure, "%s", what);
}

/* RFC 2449 section 8, RFC 3206. */
static bool has_code(const struct reply_line *reply, const char *code)
{
    return strncasecmp(reply->text, code, strlen(code)) == 0;
}

static bool is_temporary(const struct reply_line *reply)
{
    static const char *const codes[] = {"[SYS/TEMP", "[IN-USE", "[LOGIN-DELAY", "[UNAVAILABLE"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (has_code(reply, codes[i]))
            return true;
    return false;
}

static bool is_login(enum step step)
{
    return step >= STEP_AUTH && step <= STEP_PASS;
}

static enum dialogue_end end_of_refusal(const struct pop3 *pop3, const struct reply_line *reply)
{
    if (pop3->step == STEP_STLS)
        return DIALOGUE_TLS;
    bool about_the_server = is_temporary(reply) || has_code(reply, "[SYS/");
    return is_login(pop3->step) && !about_the_server ? DIALOGUE_AUTH : DIALOGUE_REFUSED;
}

static void refused(struct pop3 *pop3, const struct reply_line *reply)
{
    static const char *const what[] = {
        [STEP_GREETING] = "the connection",
        [STEP_CAPA] = "CAPA",
        [STEP_CAPA_LIST] = "CAPA",
        [STEP_STLS] = "STLS",
        [STEP_SECURING] = "STLS",
        [STEP_AUTH] = "the login",
        [STEP_APOP] = "the login",
        [STEP_USER] = "the login name",
        [STEP_PASS] = "the login",
        [STEP_STAT] = "STAT",
        [STEP_UIDL] = "UIDL",
        [STEP_QUIT] = "QUIT",
    };
    const char *status = pop3->login.status;
    bool has_status = status != NULL && status[0] != '\0';
    struct line_failure failure = {.end = end_of_refusal(pop3, reply),
                                   .temporary = is_temporary(reply),
                                   .reply = reply->line,
                                   .reply_len = reply->len};
    line_dialogue_fail(pop3->dialogue, &failure, "%s was refused%s%s%s", what[pop3->step],
                       has_status ? " (status " : "", has_status ? status : "",
                       has_status ? ")" : "");
}

/* ---- commands ---- */

static const char *offered(const struct pop3 *pop3)
{
    return line_dialogue_capabilities(pop3->dialogue)->text;
}

static void send_command(struct pop3 *pop3, enum step step, const char *command)
{
    pop3->step = step;
    line_dialogue_send(pop3->dialogue, command, "%s", command);
}

static void send_capa(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_CAPABILITY);
    capability_set_clear(line_dialogue_capabilities(pop3->dialogue));
    pop3->capabilities = 0;
    send_command(pop3, STEP_CAPA, "CAPA");
}

static void send_stls(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_TLS);
    if (dialogue_has(offered(pop3), "STLS"))
        send_command(pop3, STEP_STLS, "STLS");
    else
        fail(pop3, DIALOGUE_TLS, NULL, "the server does not offer STLS");
}

static void send_quit(struct pop3 *pop3)
{
    pop3->step = STEP_QUIT;
    line_dialogue_quit(pop3->dialogue);
}

static void send_stat(struct pop3 *pop3)
{
    login_clear(&pop3->login);
    line_dialogue_enter(pop3->dialogue, PHASE_COMMAND);
    send_command(pop3, STEP_STAT, "STAT");
}

static void send_uidl(struct pop3 *pop3)
{
    pop3->step = STEP_UIDL;
    line_dialogue_send(pop3->dialogue, "UIDL", "UIDL %" PRIu64, pop3->facts.messages);
}

/* ---- login ---- */

static void send_auth(struct pop3 *pop3)
{
    pop3->step = STEP_AUTH;
    char *command = login_command(&pop3->login, COMMAND_LINE_MAX);
    line_dialogue_send_secret(pop3->dialogue, "AUTH", command);
    sasl_wipe(command);
}

/* RFC 1939 section 7: MD5 over the timestamp and the secret, in lower-case hex. */
static bool apop_digest(const struct pop3 *pop3, char *hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const char *stamp = pop3->timestamp, *secret = pop3->login.secret;
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());
    bool made = EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
                EVP_DigestUpdate(context, stamp, strlen(stamp)) == 1 &&
                EVP_DigestUpdate(context, secret, strlen(secret)) == 1 &&
                EVP_DigestFinal_ex(context, digest, &len) == 1;
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < len; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    return made;
}

static void send_apop(struct pop3 *pop3)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    if (!apop_digest(pop3, hex)) {
        fail(pop3, DIALOGUE_AUTH, NULL,
             "the server offers nothing but APOP, and MD5 is disabled here");
        return;
    }
    pop3->step = STEP_APOP;
    char *command = xasprintf("APOP %s %s", pop3->login.user, hex);
    line_dialogue_send_secret(pop3->dialogue, "APOP", command);
    sasl_wipe(command);
}

static void send_secret(struct pop3 *pop3, enum step step, const char *name, const char *argument)
{
    pop3->step = step;
    char *command = xasprintf("%s %s", name, argument);
    line_dialogue_send_secret(pop3->dialogue, name, command);
    sasl_wipe(command);
}

static bool is_one_line(const char *text)
{
    return text[strcspn(text, "\r\n")] == '\0';
}

/* Without SASL. */
static void log_in_by_command(struct pop3 *pop3)
{
    const struct login *who = &pop3->login;
    bool has_capa = pop3->capabilities > 0;
    if (who->token)
        fail(pop3, DIALOGUE_AUTH, NULL, "the server offers neither SASL OAUTHBEARER nor XOAUTH2");
    else if (who->authorize_as != NULL)
        fail(pop3, DIALOGUE_AUTH, NULL,
             "the server offers no SASL PLAIN, which is needed to log in on behalf of another");
    else if (!is_one_line(who->user) || !is_one_line(who->secret))
        fail(pop3, DIALOGUE_AUTH, NULL, "login or password cannot be sent with USER and PASS");
    else if (pop3->timestamp != NULL && has_capa && !dialogue_has(offered(pop3), "USER"))
        send_apop(pop3);
    else
        send_secret(pop3, STEP_USER, "USER", who->user);
}

static void begin_login(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_AUTH);
    if (login_choose(&pop3->login, offered(pop3), pop3->endpoint, false))
        send_auth(pop3);
    else
        log_in_by_command(pop3);
}

static void after_capabilities(struct pop3 *pop3)
{
    if (!pop3->secured)
        send_stls(pop3);
    else if (login_is_wanted(&pop3->login))
        begin_login(pop3);
    else
        send_quit(pop3);
}

/* ---- replies ---- */

static void on_greeting(struct pop3 *pop3, const struct reply_line *reply)
{
    size_t len;
    const char *timestamp = pop3_find_timestamp(reply->text, &len);
    if (timestamp != NULL)
        pop3->timestamp = xmemdup0(timestamp, len);
    line_dialogue_greeted(pop3->dialogue);
    send_capa(pop3);
}

static void on_stat(struct pop3 *pop3, const struct reply_line *reply)
{
    struct pop3_facts *facts = &pop3->facts;
    if (!pop3_parse_stat(reply->text, &facts->messages, &facts->octets))
        fail(pop3, DIALOGUE_PROTOCOL, reply, "the reply to STAT has no numbers");
    else if (facts->messages > 0)
        send_uidl(pop3);
    else
        send_quit(pop3);
}

static void on_uidl(struct pop3 *pop3, const struct reply_line *reply)
{
    if (pop3_parse_uidl(reply->text, pop3->facts.messages, pop3->facts.newest_uidl))
        send_quit(pop3);
    else
        fail(pop3, DIALOGUE_PROTOCOL, reply, "the reply to UIDL is about another message");
}

static void on_ok(struct pop3 *pop3, const struct reply_line *reply)
{
    switch (pop3->step) {
    case STEP_GREETING:
        on_greeting(pop3, reply);
        return;
    case STEP_CAPA:
        pop3->step = STEP_CAPA_LIST;
        return;
    case STEP_STLS:
        pop3->step = STEP_SECURING;
        line_dialogue_start_tls(pop3->dialogue);
        return;
    case STEP_USER:
        send_secret(pop3, STEP_PASS, "PASS", pop3->login.secret);
        return;
    case STEP_AUTH:
    case STEP_APOP:
    case STEP_PASS:
        send_stat(pop3);
        return;
    case STEP_STAT:
        on_stat(pop3, reply);
        return;
    case STEP_UIDL:
        on_uidl(pop3, reply);
        return;
    default:
        return;
    }
}

static void on_err(struct pop3 *pop3, const struct reply_line *reply)
{
    if (pop3->step == STEP_GREETING)
        line_dialogue_greeted(pop3->dialogue);
    if (pop3->step == STEP_CAPA && !is_temporary(reply))
        after_capabilities(pop3); /* a server older than RFC 2449 */
    else if (pop3->step == STEP_UIDL && !is_temporary(reply))
        send_quit(pop3); /* UIDL is optional */
    else
        refused(pop3, reply);
}

static void on_challenge(struct pop3 *pop3, const struct reply_line *reply)
{
    const char *answer = pop3->step == STEP_AUTH ? login_answer(&pop3->login, reply->text) : NULL;
    if (answer != NULL)
        line_dialogue_send_secret(pop3->dialogue, "AUTH", answer);
    else
        fail(pop3, DIALOGUE_PROTOCOL, reply, "unexpected continuation request");
}

static void on_listing(struct pop3 *pop3, const char *line, size_t len)
{
    struct reply_line reply = {.line = line, .text = line, .len = len};
    if (len == 1 && line[0] == '.') {
        after_capabilities(pop3);
        return;
    }
    size_t stuffed = len > 0 && line[0] == '.';
    bool kept = capability_set_add(line_dialogue_capabilities(pop3->dialogue), line + stuffed,
                                   len - stuffed);
    if (!kept || ++pop3->capabilities > DIALOGUE_REPLY_LINES)
        fail(pop3, DIALOGUE_PROTOCOL, &reply, "the capability list is too long");
}

static void on_status(struct pop3 *pop3, const char *line, size_t len)
{
    struct reply_line reply = {.line = line, .len = len};
    enum pop3_status status = pop3_status(line, len, &reply.text);
    if (status == POP3_BROKEN)
        fail(pop3, DIALOGUE_PROTOCOL, &reply, "not a POP3 reply");
    else if (pop3->step == STEP_QUIT)
        line_dialogue_finish(pop3->dialogue);
    else if (status == POP3_ERR)
        on_err(pop3, &reply);
    else if (line_dialogue_is_early(pop3->dialogue))
        fail(pop3, DIALOGUE_PROTOCOL, &reply, "the server replied before the command was sent");
    else if (status == POP3_CONTINUE)
        on_challenge(pop3, &reply);
    else
        on_ok(pop3, &reply);
}

static void on_line(void *owner, const char *line, size_t len)
{
    struct pop3 *pop3 = owner;
    if (pop3->step == STEP_CAPA_LIST)
        on_listing(pop3, line, len);
    else
        on_status(pop3, line, len);
}

static void on_up(void *owner)
{
    struct pop3 *pop3 = owner;
    if (pop3->step == STEP_SECURING) {
        pop3->secured = true;
        send_capa(pop3);
    } else {
        line_dialogue_enter(pop3->dialogue, PHASE_GREETING);
    }
}

/* ---- life ---- */

static bool contains_secret(void *owner, const char *text, size_t len)
{
    const struct pop3 *pop3 = owner;
    return login_secret_is_in(&pop3->login, text, len);
}

static void release(void *owner)
{
    struct pop3 *pop3 = owner;
    login_clear(&pop3->login);
    free(pop3->timestamp);
    free(pop3);
}

struct pop3 *pop3_new(const struct pop3_options *options, const struct dialogue_events *events,
                      void *arg)
{
    static const struct line_dialogue_class class = {
        .up = on_up, .line = on_line, .contains_secret = contains_secret, .release = release};
    struct pop3 *pop3 = xcalloc(1, sizeof(*pop3));
    pop3->endpoint = options->peer.endpoint;
    pop3->secured = pop3->endpoint->security != SECURITY_STARTTLS;
    login_set(&pop3->login, &options->login);
    pop3->dialogue = line_dialogue_new(&class, pop3, &options->peer, events, arg);
    return pop3;
}

void pop3_free(struct pop3 *pop3)
{
    if (pop3 != NULL)
        line_dialogue_free(pop3->dialogue);
}

const struct pop3_facts *pop3_facts(const struct pop3 *pop3)
{
    return &pop3->facts;
}
