#include "agent/reflect/probe_mail.h"

#include <string.h>

#include "rules/util/octet.h"

struct span {
    const char *text;
    size_t len;
};

struct field {
    struct span name, value; /* the value still folded, without surrounding white space */
    size_t lines;
};

struct scan {
    struct probe_mail *mail;
    bool seen_probe, seen_return, seen_subject, seen_from, seen_id, seen_return_path;
};

/* ---- small words ---- */

static bool is_white(char c)
{
    return octet_is_blank(c) || c == '\r' || c == '\n';
}

static struct span trim(struct span span)
{
    while (span.len > 0 && is_white(span.text[0])) {
        span.text++;
        span.len--;
    }
    while (span.len > 0 && is_white(span.text[span.len - 1]))
        span.len--;
    return span;
}

static bool starts_with(struct span span, const char *word)
{
    size_t len = strlen(word);

    if (span.len < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (octet_lower(span.text[i]) != octet_lower(word[i]))
            return false;
    return true;
}

static bool is_word(struct span span, const char *word)
{
    return span.len == strlen(word) && starts_with(span, word);
}

/* The next run without white space of *rest, which moves past it; empty: none is left. */
static struct span next_word(struct span *rest)
{
    struct span word = trim(*rest);
    const char *end = word.text + word.len;

    word.len = 0;
    while (word.text + word.len < end && !is_white(word.text[word.len]))
        word.len++;
    rest->text = word.text + word.len;
    rest->len = (size_t)(end - rest->text);
    return word;
}

/* The first word of a value with parameters or a comment after it. */
static struct span keyword(struct span value)
{
    struct span word = next_word(&value);

    for (size_t i = 0; i < word.len; i++)
        if (word.text[i] == ';' || word.text[i] == '(')
            word.len = i;
    return word;
}

/* ---- addresses and Message-IDs ---- */

static bool is_atom_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* dot-atom "@" dot-atom, RFC 5322 section 3.4.1 without quotes, comments and literals. */
static bool is_plain_address(struct span address)
{
    bool at = false, inside_atom = false;

    for (size_t i = 0; i < address.len; i++) {
        char c = address.text[i];

        if (is_atom_octet(c)) {
            inside_atom = true;
            continue;
        }
        if (!inside_atom || (c != '.' && (c != '@' || at)))
            return false;
        at = at || c == '@';
        inside_atom = false;
    }
    return at && inside_atom;
}

static void copy(char out[PROBE_MAIL_ID_MAX], struct span text)
{
    memcpy(out, text.text, text.len);
    out[text.len] = '\0';
}

/* What is in the last angle brackets, or all of it before a comment. */
static struct span address_of(struct span value)
{
    const char *open = memrchr(value.text, '<', value.len);
    const char *close =
        open != NULL ? memchr(open, '>', (size_t)(value.text + value.len - open)) : NULL;

    if (open == NULL)
        return keyword(value);
    if (close == NULL)
        return (struct span){open, 0};
    return trim((struct span){open + 1, (size_t)(close - open - 1)});
}

static bool is_daemon(struct span address)
{
    const char *at = memchr(address.text, '@', address.len);

    if (at != NULL)
        address.len = (size_t)(at - address.text);
    return is_word(address, "mailer-daemon") || is_word(address, "postmaster");
}

static void take_address(char out[PROBE_MAIL_ID_MAX], struct span address)
{
    if (address.len < PROBE_MAIL_ID_MAX && is_plain_address(address))
        copy(out, address);
}

/* ---- fields ---- */

static bool is_token(struct span word)
{
    struct probe_token token;

    return token_read(&token, word.text, word.len);
}

static bool is_return(struct span word)
{
    if (word.len != RETURN_LEN || word.text[TOKEN_LEN] != '.' ||
        !is_token((struct span){word.text, TOKEN_LEN}))
        return false;
    for (size_t i = TOKEN_LEN + 1; i < word.len; i++) {
        char c = word.text[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return true;
}

static void see_probe(struct scan *scan, const struct field *field)
{
    struct probe_mail *mail = scan->mail;

    if (scan->seen_probe || field->lines > 1 || !is_token(field->value)) {
        mail->strange = true;
    } else {
        mail->has_probe_field = true;
        memcpy(mail->probe_field, field->value.text, TOKEN_LEN);
    }
    scan->seen_probe = true;
}

static void see_return(struct scan *scan, const struct field *field)
{
    struct probe_mail *mail = scan->mail;

    if (scan->seen_return || field->lines > 1 || !is_return(field->value)) {
        mail->strange = true;
    } else {
        mail->has_return_field = true;
        memcpy(mail->return_field, field->value.text, RETURN_LEN);
    }
    scan->seen_return = true;
}

/* "mailvigil probe TOKEN" or "mailvigil return TOKEN.STAMP", whatever a gateway added. */
static void see_subject(struct scan *scan, const struct field *field)
{
    struct probe_mail *mail = scan->mail;
    struct span rest = field->value, before = {"", 0}, last = {"", 0};

    if (scan->seen_subject)
        mail->strange = true;
    scan->seen_subject = true;
    for (struct span word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        char *out = NULL;

        if (is_word(before, "mailvigil") && is_word(last, "probe") && is_token(word))
            out = mail->subject_probe;
        if (is_word(before, "mailvigil") && is_word(last, "return") && is_return(word))
            out = mail->subject_return;
        if (out != NULL && *out != '\0')
            mail->strange = true;
        else if (out != NULL)
            memcpy(out, word.text, word.len);
        before = last;
        last = word;
    }
}

static void see_message_id(struct scan *scan, const struct field *field)
{
    struct span id = field->value;

    if (scan->seen_id)
        memset(scan->mail->message_id, 0, sizeof(scan->mail->message_id));
    else if (id.len > 2 && id.len < PROBE_MAIL_ID_MAX && id.text[0] == '<' &&
             id.text[id.len - 1] == '>' && is_plain_address((struct span){id.text + 1, id.len - 2}))
        copy(scan->mail->message_id, id);
    scan->seen_id = true;
}

static void see_auto_submitted(struct scan *scan, const struct field *field)
{
    struct span word = keyword(field->value);

    if (!is_word(word, "no") && !is_word(word, "auto-generated"))
        scan->mail->auto_submitted = true;
}

static void see_precedence(struct scan *scan, const struct field *field)
{
    struct span word = keyword(field->value);

    if (is_word(word, "list") || is_word(word, "bulk") || is_word(word, "junk"))
        scan->mail->list = true;
}

static void see_return_path(struct scan *scan, const struct field *field)
{
    struct span address = address_of(field->value);

    if (address.len == 0)
        scan->mail->null_sender = true;
    if (is_daemon(address))
        scan->mail->from_daemon = true;
    if (!scan->seen_return_path) /* the first is of the last delivery */
        take_address(scan->mail->return_path, address);
    scan->seen_return_path = true;
}

static void see_from(struct scan *scan, const struct field *field)
{
    struct span address = address_of(field->value);

    if (scan->seen_from)
        scan->mail->strange = true;
    else
        take_address(scan->mail->from, address);
    if (is_daemon(address))
        scan->mail->from_daemon = true;
    scan->seen_from = true;
}

static void see_received(struct scan *scan, const struct field *field)
{
    (void)field;
    scan->mail->received++;
}

static void see_field(struct scan *scan, const struct field *field)
{
    static const struct {
        const char *name;
        void (*see)(struct scan *scan, const struct field *field);
    } known[] = {
        {TOKEN_PROBE_FIELD, see_probe},   {TOKEN_RETURN_FIELD, see_return},
        {"Subject", see_subject},         {"Message-ID", see_message_id},
        {"Precedence", see_precedence},   {"Auto-Submitted", see_auto_submitted},
        {"Return-Path", see_return_path}, {"From", see_from},
        {"Received", see_received},
    };

    if (starts_with(field->name, "List-"))
        scan->mail->list = true;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (is_word(field->name, known[i].name))
            known[i].see(scan, field);
}

/* ---- lines ---- */

/* false: not a field. "Name :" is one too (RFC 5322 section 4.5.3). */
static bool field_begin(struct field *field, struct span line)
{
    const char *colon = memchr(line.text, ':', line.len);

    if (colon == NULL)
        return false;
    field->name = trim((struct span){line.text, (size_t)(colon - line.text)});
    field->value = (struct span){colon + 1, (size_t)(line.text + line.len - colon - 1)};
    field->lines = 1;
    for (size_t i = 0; i < field->name.len; i++)
        if (field->name.text[i] <= ' ' || field->name.text[i] > '~')
            return false;
    return field->name.len > 0;
}

static void field_end(struct scan *scan, struct field *field)
{
    if (field->lines == 0)
        return;
    field->value = trim(field->value);
    see_field(scan, field);
    field->lines = 0;
}

/* A line of the header section, without its end, that is not empty. */
static void see_line(struct scan *scan, struct field *field, struct span line, bool first)
{
    if (octet_is_blank(line.text[0]) && field->lines > 0) {
        field->value.len = (size_t)(line.text + line.len - field->value.text);
        field->lines++;
        return;
    }
    field_end(scan, field);
    /* The From line of mbox format, which some MTAs pass to commands. */
    if (first && (starts_with(line, "From ") || starts_with(line, ">From ")))
        return;
    if (octet_is_blank(line.text[0]) || !field_begin(field, line)) {
        field->lines = 0;
        scan->mail->strange = true;
    }
}

static struct span next_line(const char **at, const char *end)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    struct span line = {*at, (size_t)((newline != NULL ? newline : end) - *at)};

    *at = newline != NULL ? newline + 1 : end;
    if (newline != NULL && line.len > 0 && line.text[line.len - 1] == '\r')
        line.len--;
    return line;
}

void probe_mail_parse(struct probe_mail *mail, const char *text, size_t len)
{
    struct scan scan = {.mail = mail};
    struct field field = {0};
    const char *at = text;
    const char *end = text + (len < PROBE_MAIL_HEADER ? len : PROBE_MAIL_HEADER);
    bool ended = false;

    memset(mail, 0, sizeof(*mail));
    for (size_t lines = 0; at < end && !ended; lines++) {
        struct span line = next_line(&at, end);

        ended = line.len == 0;
        if (lines == PROBE_MAIL_LINES || line.len > PROBE_MAIL_LINE) {
            mail->strange = true;
            break;
        }
        if (!ended)
            see_line(&scan, &field, line, lines == 0);
    }
    field_end(&scan, &field);
    if ((!ended && len >= PROBE_MAIL_HEADER) || memchr(text, '\0', (size_t)(at - text)) != NULL)
        mail->strange = true;
}
