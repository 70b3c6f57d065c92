#include "agent/probe/dialogue/pop3.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "agent/probe/dialogue/line_dialogue.h"
#include "agent/probe/dialogue/reply.h"
#include "agent/probe/dialogue/sign_in.h"
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
    bool secured;          /* as the endpoint asks for */
    unsigned capabilities; /* lines of the listing */
    struct sign_in sign_in;
    char *timestamp; /* of the greeting, for APOP; NULL: none */
    struct pop3_facts facts;
};

struct heard { /* a line as it came, and what stands behind its status */
    const char *line, *text;
    size_t len;
};

/* ---- failures ---- */

static void fail(struct pop3 *pop3, enum dialogue_end end, const struct heard *heard,
                 const char *what)
{
    struct line_failure failure = {.end = end};
    if (heard != NULL) {
        failure.reply = heard->line;
        failure.reply_len = heard->len;
    }
    line_dialogue_fail(pop3->dialogue, &failure, "%s", what);
}

/* RFC 2449 section 8, RFC 3206. */
static bool has_code(const struct heard *heard, const char *code)
{
    return strncasecmp(heard->text, code, strlen(code)) == 0;
}

static bool is_temporary(const struct heard *heard)
{
    static const char *const codes[] = {"[SYS/TEMP", "[IN-USE", "[LOGIN-DELAY", "[UNAVAILABLE"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (has_code(heard, codes[i]))
            return true;
    return false;
}

static bool is_sign_in(enum step step)
{
    return step >= STEP_AUTH && step <= STEP_PASS;
}

static enum dialogue_end end_of_refusal(const struct pop3 *pop3, const struct heard *heard)
{
    if (pop3->step == STEP_STLS)
        return DIALOGUE_TLS;
    bool about_the_server = is_temporary(heard) || has_code(heard, "[SYS/");
    return is_sign_in(pop3->step) && !about_the_server ? DIALOGUE_AUTH : DIALOGUE_REFUSED;
}

static void refused(struct pop3 *pop3, const struct heard *heard)
{
    static const char *const what[] = {
        [STEP_GREETING] = "the connection",
        [STEP_CAPA] = "CAPA",
        [STEP_CAPA_LIST] = "CAPA",
        [STEP_STLS] = "STLS",
        [STEP_SECURING] = "STLS",
        [STEP_AUTH] = "the sign-in",
        [STEP_APOP] = "the sign-in",
        [STEP_USER] = "the login",
        [STEP_PASS] = "the sign-in",
        [STEP_STAT] = "STAT",
        [STEP_UIDL] = "UIDL",
        [STEP_QUIT] = "QUIT",
    };
    const char *status = pop3->sign_in.status;
    bool has_status = status != NULL && status[0] != '\0';
    struct line_failure failure = {.end = end_of_refusal(pop3, heard),
                                   .temporary = is_temporary(heard),
                                   .reply = heard->line,
                                   .reply_len = heard->len};
    line_dialogue_fail(pop3->dialogue, &failure, "%s was refused%s%s%s", what[pop3->step],
                       has_status ? " (status " : "", has_status ? status : "",
                       has_status ? ")" : "");
}

/* ---- what we say ---- */

static const char *offered(const struct pop3 *pop3)
{
    return line_dialogue_capabilities(pop3->dialogue)->text;
}

static void say(struct pop3 *pop3, enum step step, const char *command)
{
    pop3->step = step;
    line_dialogue_send(pop3->dialogue, command, "%s", command);
}

static void say_capa(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_CAPABILITY);
    capability_set_clear(line_dialogue_capabilities(pop3->dialogue));
    pop3->capabilities = 0;
    say(pop3, STEP_CAPA, "CAPA");
}

static void say_stls(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_TLS);
    if (dialogue_has(offered(pop3), "STLS"))
        say(pop3, STEP_STLS, "STLS");
    else
        fail(pop3, DIALOGUE_TLS, NULL, "the server does not offer STLS");
}

static void say_quit(struct pop3 *pop3)
{
    pop3->step = STEP_QUIT;
    line_dialogue_quit(pop3->dialogue);
}

static void say_stat(struct pop3 *pop3)
{
    sign_in_clear(&pop3->sign_in);
    line_dialogue_enter(pop3->dialogue, PHASE_COMMAND);
    say(pop3, STEP_STAT, "STAT");
}

static void say_uidl(struct pop3 *pop3)
{
    pop3->step = STEP_UIDL;
    line_dialogue_send(pop3->dialogue, "UIDL", "UIDL %" PRIu64, pop3->facts.messages);
}

/* ---- the sign-in ---- */

static void say_auth(struct pop3 *pop3)
{
    pop3->step = STEP_AUTH;
    char *command = sign_in_command(&pop3->sign_in, COMMAND_LINE_MAX);
    line_dialogue_send_secret(pop3->dialogue, "AUTH", command);
    sasl_wipe(command);
}

/* RFC 1939 section 7: MD5 over the timestamp and the secret, in lower-case hex. */
static bool apop_digest(const struct pop3 *pop3, char *hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const char *stamp = pop3->timestamp, *secret = pop3->sign_in.secret;
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

static void say_apop(struct pop3 *pop3)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    if (!apop_digest(pop3, hex)) {
        fail(pop3, DIALOGUE_AUTH, NULL,
             "the server offers nothing but APOP, and MD5 is disabled here");
        return;
    }
    pop3->step = STEP_APOP;
    char *command = xasprintf("APOP %s %s", pop3->sign_in.login, hex);
    line_dialogue_send_secret(pop3->dialogue, "APOP", command);
    sasl_wipe(command);
}

static void say_secret(struct pop3 *pop3, enum step step, const char *name, const char *argument)
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
static void sign_in_by_command(struct pop3 *pop3)
{
    const struct sign_in *who = &pop3->sign_in;
    bool told = pop3->capabilities > 0;
    if (who->token)
        fail(pop3, DIALOGUE_AUTH, NULL, "the server offers neither SASL OAUTHBEARER nor XOAUTH2");
    else if (who->authorize_as != NULL)
        fail(pop3, DIALOGUE_AUTH, NULL,
             "the server offers no SASL PLAIN, without which nobody can sign in on behalf of "
             "another");
    else if (!is_one_line(who->login) || !is_one_line(who->secret))
        fail(pop3, DIALOGUE_AUTH, NULL, "login or password cannot be sent with USER and PASS");
    else if (pop3->timestamp != NULL && told && !dialogue_has(offered(pop3), "USER"))
        say_apop(pop3);
    else
        say_secret(pop3, STEP_USER, "USER", who->login);
}

static void begin_sign_in(struct pop3 *pop3)
{
    line_dialogue_enter(pop3->dialogue, PHASE_AUTH);
    if (sign_in_choose(&pop3->sign_in, offered(pop3), pop3->endpoint, false))
        say_auth(pop3);
    else
        sign_in_by_command(pop3);
}

static void after_capabilities(struct pop3 *pop3)
{
    if (!pop3->secured)
        say_stls(pop3);
    else if (sign_in_wanted(&pop3->sign_in))
        begin_sign_in(pop3);
    else
        say_quit(pop3);
}

/* ---- what the server says ---- */

static void on_greeting(struct pop3 *pop3, const struct heard *heard)
{
    size_t len;
    const char *timestamp = pop3_find_timestamp(heard->text, &len);
    if (timestamp != NULL)
        pop3->timestamp = xmemdup0(timestamp, len);
    line_dialogue_greeted(pop3->dialogue);
    say_capa(pop3);
}

static void on_stat(struct pop3 *pop3, const struct heard *heard)
{
    struct pop3_facts *facts = &pop3->facts;
    if (!pop3_parse_stat(heard->text, &facts->messages, &facts->octets))
        fail(pop3, DIALOGUE_PROTOCOL, heard, "the server's answer to STAT has no numbers");
    else if (facts->messages > 0)
        say_uidl(pop3);
    else
        say_quit(pop3);
}

static void on_uidl(struct pop3 *pop3, const struct heard *heard)
{
    if (pop3_parse_uidl(heard->text, pop3->facts.messages, pop3->facts.newest_uidl))
        say_quit(pop3);
    else
        fail(pop3, DIALOGUE_PROTOCOL, heard,
             "the server's answer to UIDL is not about the message that was asked for");
}

static void on_ok(struct pop3 *pop3, const struct heard *heard)
{
    switch (pop3->step) {
    case STEP_GREETING:
        on_greeting(pop3, heard);
        return;
    case STEP_CAPA:
        pop3->step = STEP_CAPA_LIST;
        return;
    case STEP_STLS:
        pop3->step = STEP_SECURING;
        line_dialogue_start_tls(pop3->dialogue);
        return;
    case STEP_USER:
        say_secret(pop3, STEP_PASS, "PASS", pop3->sign_in.secret);
        return;
    case STEP_AUTH:
    case STEP_APOP:
    case STEP_PASS:
        say_stat(pop3);
        return;
    case STEP_STAT:
        on_stat(pop3, heard);
        return;
    case STEP_UIDL:
        on_uidl(pop3, heard);
        return;
    default:
        return;
    }
}

static void on_err(struct pop3 *pop3, const struct heard *heard)
{
    if (pop3->step == STEP_GREETING)
        line_dialogue_greeted(pop3->dialogue);
    if (pop3->step == STEP_CAPA && !is_temporary(heard))
        after_capabilities(pop3); /* a server of before RFC 2449 */
    else if (pop3->step == STEP_UIDL && !is_temporary(heard))
        say_quit(pop3); /* UIDL is optional */
    else
        refused(pop3, heard);
}

static void on_challenge(struct pop3 *pop3, const struct heard *heard)
{
    const char *answer =
        pop3->step == STEP_AUTH ? sign_in_answer(&pop3->sign_in, heard->text) : NULL;
    if (answer != NULL)
        line_dialogue_send_secret(pop3->dialogue, "AUTH", answer);
    else
        fail(pop3, DIALOGUE_PROTOCOL, heard, "the server asks where there is nothing to ask");
}

static void on_listing(struct pop3 *pop3, const char *line, size_t len)
{
    struct heard heard = {.line = line, .text = line, .len = len};
    if (len == 1 && line[0] == '.') {
        after_capabilities(pop3);
        return;
    }
    size_t stuffed = len > 0 && line[0] == '.';
    bool kept = capability_set_add(line_dialogue_capabilities(pop3->dialogue), line + stuffed,
                                   len - stuffed);
    if (!kept || ++pop3->capabilities > DIALOGUE_REPLY_LINES)
        fail(pop3, DIALOGUE_PROTOCOL, &heard, "the server offers more than can be kept");
}

static void on_status(struct pop3 *pop3, const char *line, size_t len)
{
    struct heard heard = {.line = line, .len = len};
    enum pop3_status status = pop3_status(line, len, &heard.text);
    if (status == POP3_BROKEN)
        fail(pop3, DIALOGUE_PROTOCOL, &heard, "the server's reply is not one of POP3");
    else if (pop3->step == STEP_QUIT)
        line_dialogue_finish(pop3->dialogue);
    else if (status == POP3_ERR)
        on_err(pop3, &heard);
    else if (line_dialogue_is_early(pop3->dialogue))
        fail(pop3, DIALOGUE_PROTOCOL, &heard, "the server answered before it was asked");
    else if (status == POP3_CONTINUE)
        on_challenge(pop3, &heard);
    else
        on_ok(pop3, &heard);
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
        say_capa(pop3);
    } else {
        line_dialogue_enter(pop3->dialogue, PHASE_GREETING);
    }
}

/* ---- life ---- */

static bool tells_secret(void *owner, const char *text, size_t len)
{
    const struct pop3 *pop3 = owner;
    return sign_in_is_told(&pop3->sign_in, text, len);
}

static void release(void *owner)
{
    struct pop3 *pop3 = owner;
    sign_in_clear(&pop3->sign_in);
    free(pop3->timestamp);
    free(pop3);
}

struct pop3 *pop3_new(const struct pop3_options *options, const struct dialogue_events *events,
                      void *arg)
{
    static const struct line_dialogue_class class = {
        .up = on_up, .line = on_line, .tells_secret = tells_secret, .release = release};
    struct pop3 *pop3 = xcalloc(1, sizeof(*pop3));
    pop3->endpoint = options->peer.endpoint;
    pop3->secured = pop3->endpoint->security != SECURITY_STARTTLS;
    sign_in_set(&pop3->sign_in, &options->login);
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
