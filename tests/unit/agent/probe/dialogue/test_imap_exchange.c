/* The last exchange of an IMAP dialogue: which command, which refusal, and no repetition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/probe/dialogue/imap_exchange.h"

struct talk {
    const char *sent, *received; /* NULL: nothing */
    bool greeting;
    const char *command, *reply;
};

static void what_was_said_last(void **state)
{
    static const struct talk talks[] = {
        {"V1 EXAMINE INBOX", NULL, false, "EXAMINE", ""},
        {"V12 AUTHENTICATE PLAIN (secret)", NULL, false, "AUTHENTICATE", ""},
        {"V1 GETQUOTAROOTBEER", NULL, false, "GETQUOTAROOTBEE", ""},
        {"V1 NOOP", "V1 OK done", false, "", ""},
        {"V1 NOOP", "V1 no done", false, "NOOP", "no done"},
        {"V1 NOOP", "V1 BAD", false, "NOOP", "BAD"},
        {"V1 NOOP", "* BYE", false, "NOOP", "BYE"},
        {"V1 NOOP", "* OK NO such luck", false, "NOOP", ""},
        {"V1 NOOP", "* NOTHING", false, "NOOP", ""},
        {"V1 NOOP", "NO tag", false, "NOOP", ""},
        {"V1 NOOP", "V NO tag", false, "NOOP", ""},
        {"V1 NOOP", "V1", false, "NOOP", ""},
        {"V1 NOOP", "", false, "NOOP", ""},
        {"V1 NOOP", "V1 NO \x1b[31m\xffred", false, "NOOP", "NO ?[31m?red"},
        {NULL, "* OK hello", true, "", ""},
        {NULL, "* PREAUTH hello", true, "", ""},
        {NULL, "* BYE [ALERT] full", true, "", "BYE [ALERT] full"},
        {NULL, "OK hello", true, "", "OK hello"},
        {NULL, "SSH-2.0-OpenSSH", true, "", "SSH-2.0-OpenSSH"},
        {NULL, "", true, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
        const struct talk *talk = &talks[i];
        struct imap_exchange exchange = {0};

        if (talk->sent != NULL)
            imap_exchange_sent(&exchange, talk->sent, strlen(talk->sent));
        if (talk->received != NULL)
            imap_exchange_received(&exchange, talk->received, strlen(talk->received),
                                   talk->greeting);
        assert_string_equal(exchange.command, talk->command);
        assert_string_equal(exchange.reply, talk->reply);
    }
}

static void one_command_after_another(void **state)
{
    static const char *const lines[] = {"V1 LOGIN {5}", "alice {3}", "V2 NOOP", "V3 LOGOUT"};
    static const char *const commands[] = {"LOGIN", "LOGIN", "NOOP", "LOGOUT"};
    static const char warning[] = "* NO soon down";
    struct imap_exchange exchange = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        imap_exchange_sent(&exchange, lines[i], strlen(lines[i]));
        assert_string_equal(exchange.command, commands[i]);
        assert_string_equal(exchange.reply, i == 1 ? "NO soon down" : ""); /* the same command */
        imap_exchange_received(&exchange, warning, strlen(warning), false);
        assert_true(imap_exchange_is_refusal(&exchange));
    }
}

static void a_long_refusal_is_cut(void **state)
{
    char line[3 * DIALOGUE_TEXT_MAX];
    struct imap_exchange exchange = {0};

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "* BYE ", 6);
    imap_exchange_received(&exchange, line, sizeof(line), false);
    assert_int_equal(strlen(exchange.reply), DIALOGUE_TEXT_MAX - 1);
    assert_true(imap_exchange_is_refusal(&exchange));
}

static void nothing_is_said_twice(void **state)
{
    static const struct {
        const char *reply, *reason, *shortened;
    } cases[] = {
        {"NO not today", "STARTTLS was refused: not today", "STARTTLS was refused"},
        {"NO [LIMIT] not today", "refused: not today", "refused"},
        {"NO [LIMIT not today", "refused: not today", "refused: not today"},
        {"NO not today", "not today", "not today"},
        {"NO not today", ": not today", ": not today"},
        {"NO today", "refused: not today", "refused: not today"},
        {"NO", "refused: the server gave no reason", "refused: the server gave no reason"},
        {"NO [LIMIT]", "refused: ", "refused: "},
        {"220 smtp", "no greeting: 220 smtp", "no greeting"},
        {"", "refused: not today", "refused: not today"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct imap_exchange exchange = {0};
        char reason[100];

        snprintf(exchange.reply, sizeof(exchange.reply), "%s", cases[i].reply);
        snprintf(reason, sizeof(reason), "%s", cases[i].reason);
        imap_exchange_shorten(&exchange, reason);
        assert_string_equal(reason, cases[i].shortened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_last),
        cmocka_unit_test(one_command_after_another),
        cmocka_unit_test(a_long_refusal_is_cut),
        cmocka_unit_test(nothing_is_said_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
