/* Refusals of APPEND: which are final, which pass, which are about the form of the command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/deliver/refusal.h"

#define NO IMAP_RESULT_NO
#define BAD IMAP_RESULT_BAD

static const struct refusal_form usual = {.size = 1000},
                                 with_keyword = {.differs = true, .size = 1000},
                                 simplest = {.simplest = true, .size = 1000},
                                 large = {.size = 1000, .append_limit = 999},
                                 within = {.size = 1000, .append_limit = 1000};

static void test_every_refusal(void **state)
{
    static const struct {
        enum imap_result_kind kind;
        enum imap_code code;
        const char *text;
        const struct refusal_form *form;
        enum refusal refusal;
        unsigned pause;
    } cases[] = {
        {NO, IMAP_CODE_TOOBIG, "no", &usual, REFUSAL_FINAL, 0},
        {BAD, IMAP_CODE_TOOBIG, "no", &usual, REFUSAL_FINAL, 0},
        {NO, IMAP_CODE_BADCHARSET, "no", &usual, REFUSAL_FINAL, 0},
        {NO, IMAP_CODE_UNKNOWN_CTE, "no", &usual, REFUSAL_FINAL, 0},
        {NO, IMAP_CODE_LIMIT, "no", &large, REFUSAL_FINAL, 0},
        {NO, IMAP_CODE_LIMIT, "no", &within, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_LIMIT, "too many keywords", &with_keyword, REFUSAL_FORM, 0},
        {NO, IMAP_CODE_LIMIT, "try again in 5 s", &with_keyword, REFUSAL_BUSY, 5},
        {NO, IMAP_CODE_OVERQUOTA, "full", &with_keyword, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_THROTTLED, "slowly", &usual, REFUSAL_BUSY, 0},
        {BAD, IMAP_CODE_THROTTLED, "slowly", &simplest, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_UNAVAILABLE, "no", &usual, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_INUSE, "no", &usual, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_NOPERM, "no", &with_keyword, REFUSAL_BUSY, 0},
        {NO, IMAP_CODE_SERVERBUG, "no", &usual, REFUSAL_PASSING, 0},
        {BAD, IMAP_CODE_SERVERBUG, "no", &simplest, REFUSAL_PASSING, 0},
        {NO, IMAP_CODE_TRYCREATE, "no", &usual, REFUSAL_FOLDER, 0},
        {NO, IMAP_CODE_NONEXISTENT, "no", &usual, REFUSAL_FOLDER, 0},
        {NO, IMAP_CODE_NONE, "no", &usual, REFUSAL_PASSING, 0},
        {NO, IMAP_CODE_NONE, "invalid keyword", &with_keyword, REFUSAL_FORM, 0},
        {NO, IMAP_CODE_NONE, "Message contains bare newlines", &simplest, REFUSAL_PASSING, 0},
        {NO, IMAP_CODE_CANNOT, "no", &with_keyword, REFUSAL_FORM, 0},
        {NO, IMAP_CODE_OTHER, "no", &usual, REFUSAL_PASSING, 0},
        {BAD, IMAP_CODE_NONE, "what?", &usual, REFUSAL_FORM, 0},
        {BAD, IMAP_CODE_NONE, "what?", &simplest, REFUSAL_SYNTAX, 0},
        {BAD, IMAP_CODE_NONE, "User is authenticated but not connected.", &simplest,
         REFUSAL_PASSING, 0},
        {BAD, IMAP_CODE_NONE, "Request is throttled. Suggested Backoff Time: 300000 milliseconds",
         &usual, REFUSAL_BUSY, 300},
        {NO, IMAP_CODE_NONE, "please try again in 2 minutes", &with_keyword, REFUSAL_BUSY, 120},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct imap_text text = {.code = cases[i].code, .text = cases[i].text, .code_text = ""};
        struct imap_result result = {.kind = cases[i].kind, .text = &text, .reason = cases[i].text};
        unsigned pause = 77;
        enum refusal refusal = refusal_of(&result, cases[i].form, &pause);

        if (refusal != cases[i].refusal || pause != cases[i].pause)
            fail_msg("case %zu, %s: %d, pause %u", i, cases[i].text, (int)refusal, pause);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_refusal)};

    return cmocka_run_group_tests_name("agent.deliver.refusal", tests, NULL, NULL);
}
