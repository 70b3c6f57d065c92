#include "agent/probe/dialogue/smtp_private.h"

#include <string.h>

#include "rules/util/memory.h"

#define ADDRESS_MAX 320 /* 64 + 1 + 255 octets, RFC 5321 section 4.5.3.1 */
#define HELO_MAX 255

/* ---- failures ---- */

static void refused(struct smtp *smtp, enum dialogue_end end, const char *what)
{
    static const char *const commands[] = {
        [SMTP_GREETING] = "the connection",
        [SMTP_EHLO] = "EHLO",
        [SMTP_STARTTLS] = "STARTTLS",
        [SMTP_AUTHENTICATING] = "the login",
        [SMTP_MAIL] = "MAIL",
        [SMTP_RCPT] = "RCPT",
        [SMTP_DATA] = "DATA",
        [SMTP_RSET] = "RSET",
        [SMTP_NOOP] = "NOOP",
        [SMTP_SENDING] = "the message",
        [SMTP_DOT] = "the message",
        [SMTP_SECURING] = "STARTTLS",
        [SMTP_QUIT] = "QUIT",
    };
    const struct smtp_reply *reply = &smtp->reply;
    struct line_failure failure = {.end = end,
                                   .code = reply->code,
                                   .temporary = reply->code < 500,
                                   .reply = reply->text,
                                   .reply_len = reply->len};
    line_dialogue_certain(smtp->dialogue);
    line_dialogue_fail(smtp->dialogue, &failure, "%s was refused%s%s%s", commands[smtp->step],
                       what != NULL ? " (status " : "", what != NULL ? what : "",
                       what != NULL ? ")" : "");
}

static void out_of_order(struct smtp *smtp, const char *what)
{
    const struct smtp_reply *reply = &smtp->reply;
    struct line_failure failure = {
        .end = DIALOGUE_PROTOCOL, .reply = reply->text, .reply_len = reply->len};
    failure.code = reply->whole ? reply->code : 0;
    line_dialogue_fail(smtp->dialogue, &failure, "%s", what);
}

/* ---- commands ---- */

static void send_ehlo(struct smtp *smtp)
{
    smtp->step = SMTP_EHLO;
    line_dialogue_enter(smtp->dialogue, PHASE_CAPABILITY);
    line_dialogue_send(smtp->dialogue, "EHLO", "EHLO %s", smtp->helo);
}

static void send_starttls(struct smtp *smtp)
{
    struct line_failure failure = {.end = DIALOGUE_TLS};
    line_dialogue_enter(smtp->dialogue, PHASE_TLS);
    smtp->step = SMTP_STARTTLS;
    if (!dialogue_has(line_dialogue_capabilities(smtp->dialogue)->text, "STARTTLS")) {
        line_dialogue_fail(smtp->dialogue, &failure, "the server does not offer STARTTLS");
        return;
    }
    line_dialogue_send(smtp->dialogue, "STARTTLS", "STARTTLS");
}

static void send_mail(struct smtp *smtp)
{
    const char *capabilities = line_dialogue_capabilities(smtp->dialogue)->text;
    char size[32] = "";
    if (smtp->message != NULL && dialogue_has(capabilities, "SIZE"))
        snprintf(size, sizeof(size), " SIZE=%llu", (unsigned long long)smtp->message_size);
    smtp->step = SMTP_MAIL;
    line_dialogue_send(smtp->dialogue, "MAIL", "MAIL FROM:<%s>%s", smtp->mail_from, size);
}

static void send_rcpt(struct smtp *smtp)
{
    const char *capabilities = line_dialogue_capabilities(smtp->dialogue)->text;
    bool never = smtp->no_reports && dialogue_has(capabilities, "DSN");
    smtp->step = SMTP_RCPT;
    line_dialogue_send(smtp->dialogue, "RCPT", "RCPT TO:<%s>%s", smtp->rcpt_to,
                       never ? " NOTIFY=NEVER" : "");
}

static void send_command(struct smtp *smtp, enum smtp_step step, const char *command)
{
    smtp->step = step;
    line_dialogue_send(smtp->dialogue, command, "%s", command);
}

static void send_quit(struct smtp *smtp)
{
    smtp->step = SMTP_QUIT;
    line_dialogue_quit(smtp->dialogue);
}

static void after_login(struct smtp *smtp)
{
    line_dialogue_enter(smtp->dialogue, PHASE_COMMAND);
    if (smtp->rcpt_to != NULL)
        send_mail(smtp);
    else
        send_command(smtp, SMTP_NOOP, "NOOP");
}

/* The final dot is sent alone, after everything else: when `committing` is called, nothing can have
 * been accepted yet. */
static void commit(struct smtp *smtp)
{
    if (smtp->step != SMTP_SENDING || !line_dialogue_is_drained(smtp->dialogue))
        return;
    if (smtp->committing != NULL)
        smtp->committing(smtp->arg);
    if (line_dialogue_is_over(smtp->dialogue))
        return;
    smtp->step = SMTP_DOT;
    line_dialogue_end_data(smtp->dialogue);
}

static void send_message(struct smtp *smtp)
{
    smtp->step = SMTP_SENDING;
    line_dialogue_send_data(smtp->dialogue, smtp->message);
    commit(smtp);
}

/* ---- replies ---- */

static void on_ehlo(struct smtp *smtp)
{
    struct capability_set *set = line_dialogue_capabilities(smtp->dialogue);
    capability_set_clear(set);
    for (unsigned i = 1; i < smtp->reply.lines; i++) { /* the first is the server's name */
        size_t len;
        const char *line = smtp_reply_line(&smtp->reply, i, &len);
        if (!capability_set_add(set, line, len)) {
            out_of_order(smtp, "the capability list is too long");
            return;
        }
    }
    if (!smtp->secured)
        send_starttls(smtp);
    else if (login_is_wanted(&smtp->login))
        smtp_auth_begin(smtp);
    else
        after_login(smtp);
}

static void on_accepted(struct smtp *smtp)
{
    switch (smtp->step) {
    case SMTP_GREETING:
        line_dialogue_greeted(smtp->dialogue);
        send_ehlo(smtp);
        return;
    case SMTP_EHLO:
        on_ehlo(smtp);
        return;
    case SMTP_STARTTLS:
        smtp->step = SMTP_SECURING;
        line_dialogue_start_tls(smtp->dialogue);
        return;
    case SMTP_MAIL:
        send_rcpt(smtp);
        return;
    case SMTP_RCPT:
        if (smtp->message != NULL)
            send_command(smtp, SMTP_DATA, "DATA");
        else
            send_command(smtp, SMTP_RSET, "RSET");
        return;
    case SMTP_DATA:
        send_message(smtp);
        return;
    case SMTP_DOT:
        line_dialogue_certain(smtp->dialogue);
        send_quit(smtp);
        return;
    default:
        send_quit(smtp);
    }
}

static void on_refused(struct smtp *smtp)
{
    if (smtp->step == SMTP_GREETING)
        line_dialogue_greeted(smtp->dialogue); /* RFC 5321 section 3.1: QUIT follows 554 */
    refused(smtp, smtp->step == SMTP_STARTTLS ? DIALOGUE_TLS : DIALOGUE_REFUSED, NULL);
}

static bool is_awaited(const struct smtp *smtp)
{
    unsigned code = smtp->reply.code;
    if (smtp->step == SMTP_GREETING || smtp->step == SMTP_STARTTLS)
        return code == 220;
    if (smtp->step == SMTP_DATA)
        return code == 354;
    return code < 300 && smtp->step != SMTP_SENDING;
}

static void on_auth_reply(struct smtp *smtp)
{
    enum dialogue_end end;
    const char *why;

    switch (smtp_auth_reply(smtp, &end, &why)) {
    case SMTP_AUTH_MORE:
        return;
    case SMTP_AUTH_LOGGED_IN:
        after_login(smtp);
        return;
    case SMTP_AUTH_REFUSED:
        refused(smtp, end, why);
        return;
    case SMTP_AUTH_OUT_OF_ORDER:
        out_of_order(smtp, why);
        return;
    }
}

static void on_reply(struct smtp *smtp)
{
    unsigned code = smtp->reply.code;
    if (smtp->step == SMTP_QUIT)
        line_dialogue_finish(smtp->dialogue);
    else if (line_dialogue_is_early(smtp->dialogue) && code != 421)
        out_of_order(smtp, "the server replied before the command was sent");
    else if (code == 421)
        refused(smtp, DIALOGUE_REFUSED, NULL);
    else if (smtp->step == SMTP_AUTHENTICATING)
        on_auth_reply(smtp);
    else if (code >= 400)
        on_refused(smtp);
    else if (is_awaited(smtp))
        on_accepted(smtp);
    else
        out_of_order(smtp, "unexpected reply to the command");
}

static void on_line(void *owner, const char *line, size_t len)
{
    struct smtp *smtp = owner;
    switch (smtp_reply_add(&smtp->reply, line, len)) {
    case REPLY_MORE:
        return;
    case REPLY_WHOLE:
        on_reply(smtp);
        return;
    case REPLY_BROKEN:
        out_of_order(smtp, smtp->reply.lines > DIALOGUE_REPLY_LINES ? "the reply has too many lines"
                                                                    : "not an SMTP reply");
        return;
    }
}

static void on_up(void *owner)
{
    struct smtp *smtp = owner;
    if (smtp->step == SMTP_SECURING) {
        smtp->secured = true;
        send_ehlo(smtp);
    } else {
        line_dialogue_enter(smtp->dialogue, PHASE_GREETING);
    }
}

static void on_drained(void *owner)
{
    commit(owner);
}

/* ---- arguments ---- */

/* RFC 5321's Mailbox and Domain without quoting and without SMTPUTF8: no character can end an
 * argument or a line. */
static bool is_sendable(const char *text, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '<' || text[i] == '>')
            return false;
    return len <= max;
}

static void refuse_argument(struct smtp *smtp, enum phase phase, const char *what,
                            const char *argument)
{
    struct line_failure failure = {.end = DIALOGUE_PROTOCOL};
    line_dialogue_enter(smtp->dialogue, phase);
    line_dialogue_fail(smtp->dialogue, &failure, "%s \"%s\" is not valid in SMTP", what, argument);
}

static void on_begin(void *owner)
{
    struct smtp *smtp = owner;
    if (smtp->helo[0] == '\0' || !is_sendable(smtp->helo, HELO_MAX))
        refuse_argument(smtp, PHASE_CAPABILITY, "the EHLO name", smtp->helo);
    else if (!is_sendable(smtp->mail_from, ADDRESS_MAX))
        refuse_argument(smtp, PHASE_COMMAND, "the sender", smtp->mail_from);
    else if (smtp->rcpt_to != NULL &&
             (smtp->rcpt_to[0] == '\0' || !is_sendable(smtp->rcpt_to, ADDRESS_MAX)))
        refuse_argument(smtp, PHASE_COMMAND, "the recipient", smtp->rcpt_to);
}

/* ---- life ---- */

static bool contains_secret(void *owner, const char *text, size_t len)
{
    const struct smtp *smtp = owner;
    return login_secret_is_in(&smtp->login, text, len);
}

static void release(void *owner)
{
    struct smtp *smtp = owner;
    login_clear(&smtp->login);
    smtp_reply_clear(&smtp->reply);
    free(smtp->helo);
    free(smtp->mail_from);
    free(smtp->rcpt_to);
    if (smtp->message != NULL)
        evbuffer_free(smtp->message);
    free(smtp);
}

struct smtp *smtp_new(const struct smtp_options *options, const struct dialogue_events *events,
                      void *arg)
{
    static const struct line_dialogue_class class = {.begin = on_begin,
                                                     .up = on_up,
                                                     .line = on_line,
                                                     .drained = on_drained,
                                                     .contains_secret = contains_secret,
                                                     .release = release};
    struct smtp *smtp = xcalloc(1, sizeof(*smtp));
    smtp->endpoint = options->peer.endpoint;
    smtp->secured = smtp->endpoint->security != SECURITY_STARTTLS;
    login_set(&smtp->login, &options->login);
    smtp->helo =
        options->helo != NULL ? xstrdup(options->helo) : smtp_address_literal(&options->peer);
    smtp->mail_from = xstrdup(options->mail_from != NULL ? options->mail_from : "");
    smtp->rcpt_to = options->rcpt_to != NULL ? xstrdup(options->rcpt_to) : NULL;
    if (options->message != NULL)
        smtp->message =
            smtp_message_new(options->message, options->message_len, &smtp->message_size);
    smtp->no_reports = options->no_reports;
    smtp->committing = options->committing;
    smtp->arg = arg;
    smtp->dialogue = line_dialogue_new(&class, smtp, &options->peer, events, arg);
    return smtp;
}

void smtp_free(struct smtp *smtp)
{
    if (smtp != NULL)
        line_dialogue_free(smtp->dialogue);
}
