#include "agent/reflect/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rules/util/octet.h"

#define SECOND UINT64_C(1000000) /* microseconds */

const char *answer_decision_text(enum answer_decision decision)
{
    switch (decision) {
    case ANSWER_YES:
        return "is a probe to be answered";
    case ANSWER_NO_TOKEN:
        return "has no token";
    case ANSWER_NOT_OURS:
        return "has a token that does not verify";
    case ANSWER_STALE:
        return "was sent too long ago, or in the future";
    case ANSWER_STRANGE:
        return "has a header unlike that of a probe";
    case ANSWER_AUTOMATIC:
        return "is a bounce, list mail or an automatic reply";
    case ANSWER_LOOP:
        return "is already an answer, or in a loop";
    }
    return "";
}

/* Gateways may drop the field or the Subject; if both are left they must agree. */
static const char *token_text(const struct probe_mail *mail)
{
    return mail->has_probe_field ? mail->probe_field : mail->subject_probe;
}

static bool is_fresh(const struct probe_token *token, uint64_t now_us)
{
    uint64_t sent_us = token_sent_ms(token) * 1000;

    return sent_us <= now_us + ANSWER_FRESH_BEFORE * SECOND &&
           now_us <= sent_us + ANSWER_FRESH_AFTER * SECOND;
}

static bool is_strange(const struct probe_mail *mail)
{
    return mail->strange || (mail->has_probe_field && mail->subject_probe[0] != '\0' &&
                             strcmp(mail->probe_field, mail->subject_probe) != 0);
}

static bool is_same_address(const char *a, const char *b)
{
    while (*a != '\0' && octet_lower(*a) == octet_lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

static bool is_loop(const struct answer_rules *rules, const struct probe_mail *mail)
{
    return mail->has_return_field || mail->subject_return[0] != '\0' ||
           mail->received > PROBE_MAIL_RECEIVED_MAX ||
           is_same_address(mail->return_path, rules->address) ||
           is_same_address(mail->from, rules->address);
}

enum answer_decision answer_decide(const struct answer_rules *rules, const struct probe_mail *mail,
                                   bool null_sender, uint64_t now_us, struct probe_token *token)
{
    const char *text = token_text(mail);
    struct probe_token found;

    if (!token_read(&found, text, strlen(text)))
        return ANSWER_NO_TOKEN;
    if (!token_verify(&found, rules->keys, rules->address, rules->reply_to))
        return ANSWER_NOT_OURS;
    if (!is_fresh(&found, now_us))
        return ANSWER_STALE;
    if (is_strange(mail))
        return ANSWER_STRANGE;
    if (null_sender || mail->null_sender || mail->from_daemon || mail->auto_submitted || mail->list)
        return ANSWER_AUTOMATIC;
    if (is_loop(rules, mail))
        return ANSWER_LOOP;
    *token = found;
    return ANSWER_YES;
}

/* ---- the answer ---- */

struct writer {
    char *out; /* of ANSWER_MAX */
    size_t len;
    const char *end_of_line;
};

__attribute__((format(printf, 2, 3))) static void line(struct writer *writer, const char *format,
                                                       ...)
{
    size_t room = ANSWER_MAX - writer->len;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(writer->out + writer->len, room, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len + 2 >= room) /* never: addresses and Message-IDs are limited */
        return;
    writer->len += (size_t)len;
    for (const char *c = writer->end_of_line; *c != '\0'; c++)
        writer->out[writer->len++] = *c;
}

static struct tm utc(uint64_t us)
{
    time_t seconds = (time_t)(us / SECOND);
    struct tm tm = {.tm_mday = 1};

    gmtime_r(&seconds, &tm);
    return tm;
}

/* RFC 3339, with milliseconds. */
static void line_time(uint64_t us, char *out, size_t size)
{
    struct tm tm = utc(us);

    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(us % SECOND / 1000));
}

/* RFC 5322 section 3.3; strftime() depends on the locale. */
static void line_date(struct writer *writer, uint64_t us)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = utc(us);

    line(writer, "Date: %s, %d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
         months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void line_message_id(struct writer *writer, const unsigned char unique[16],
                            const char *address)
{
    const char *at = strrchr(address, '@');
    char hex[33] = "";

    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", unique[i]);
    line(writer, "Message-ID: <%s@%s>", hex, at != NULL ? at + 1 : "localhost");
}

size_t answer_write(const struct answer_rules *rules, const struct probe_mail *mail,
                    const struct probe_token *token, const struct stamp *stamp,
                    const unsigned char unique[16], bool crlf, char out[ANSWER_MAX])
{
    struct writer writer = {.out = out, .end_of_line = crlf ? "\r\n" : "\n"};
    char signed_return[RETURN_LEN + 1], received[64], handed[64];

    return_write(token, rules->keys, stamp, rules->address, rules->reply_to, signed_return);
    line_time(stamp->received_us, received, sizeof(received));
    line_time(stamp->handed_us, handed, sizeof(handed));
    line_date(&writer, stamp->handed_us);
    line(&writer, "From: %s", rules->address);
    line(&writer, "To: %s", rules->reply_to);
    line(&writer, "Subject: mailvigil return %s %s", signed_return, handed);
    line_message_id(&writer, unique, rules->address);
    if (mail->message_id[0] != '\0') {
        line(&writer, "In-Reply-To: %s", mail->message_id);
        line(&writer, "References: %s", mail->message_id);
    }
    line(&writer, TOKEN_RETURN_FIELD ": %s", signed_return);
    line(&writer, "Auto-Submitted: auto-replied");
    line(&writer, "Precedence: bulk");
    line(&writer, "X-Auto-Response-Suppress: All");
    line(&writer, "MIME-Version: 1.0");
    line(&writer, "Content-Type: text/plain; charset=us-ascii");
    line(&writer, "%s", "");
    line(&writer, "This is the answer to a test message of mailvigil.");
    line(&writer, "Received: %s", received);
    line(&writer, "Returned: %s", handed);
    return writer.len;
}
