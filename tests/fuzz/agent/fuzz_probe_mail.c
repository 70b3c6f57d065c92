/* What is found is clean text of its own length, is found again when it is parsed again, and does
 * not depend on what lies behind the header section; only signed mail is answered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/reflect/answer.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    check(len < size);
    for (size_t i = 0; i < len; i++)
        check(text[i] > ' ' && text[i] <= '~');
    for (size_t i = len; i < size; i++)
        check(text[i] == '\0');
}

static void check_token(const char *text)
{
    struct probe_token token;
    char again[TOKEN_LEN + 1];

    check_text(text, TOKEN_LEN + 1);
    if (*text == '\0')
        return;
    check(token_read(&token, text, TOKEN_LEN));
    token_write(&token, again);
    check(strcmp(text, again) == 0);
}

static void check_return(const char *text)
{
    struct probe_token token;

    check_text(text, RETURN_LEN + 1);
    check(*text == '\0' || (strlen(text) == RETURN_LEN && text[TOKEN_LEN] == '.' &&
                            token_read(&token, text, TOKEN_LEN)));
}

static void check_answer(const struct probe_mail *mail)
{
    static const struct token_keys keys = {.count = 1, .keys = {{"0123456789abcdef", 16}}};
    static const struct answer_rules rules = {&keys, "scout@company.test", "probe@example.org"};
    const uint64_t now_us = UINT64_C(1767225600000000);
    const struct stamp stamp = {now_us, now_us};
    const unsigned char unique[16] = {0};
    struct probe_token token;
    char out[ANSWER_MAX];

    if (answer_decide(&rules, mail, false, now_us, &token) != ANSWER_YES)
        return;
    check(token_verify(&token, &keys, rules.address, rules.reply_to));
    check(!mail->strange && !mail->list && !mail->auto_submitted && !mail->has_return_field);
    size_t len = answer_write(&rules, mail, &token, &stamp, unique, false, out);
    check(len < ANSWER_MAX && memchr(out, '\r', len) == NULL && memchr(out, '\0', len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0(data, size);
    struct probe_mail mail, again;

    probe_mail_parse(&mail, text, size);
    check(mail.has_probe_field == (mail.probe_field[0] != '\0'));
    check(mail.has_return_field == (mail.return_field[0] != '\0'));
    check(mail.received <= PROBE_MAIL_LINES);
    check_token(mail.probe_field);
    check_token(mail.subject_probe);
    check_return(mail.return_field);
    check_return(mail.subject_return);
    check_text(mail.message_id, sizeof(mail.message_id));
    check_text(mail.return_path, sizeof(mail.return_path));
    check_text(mail.from, sizeof(mail.from));
    check_answer(&mail);
    const char *end = memmem(text, size, "\n\n", 2);
    if (end != NULL) {
        probe_mail_parse(&again, text, (size_t)(end - text) + 2);
        check(size >= PROBE_MAIL_HEADER || memcmp(&mail, &again, sizeof(mail)) == 0);
    }
    free(text);
    return 0;
}
