/* since, until and hours: no date that somebody can write keeps a message from being copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/dates.h"
#include "rules/rule_maker.h"

#define NOON 1767355200 /* Fri 2026-01-02 12:00 UTC */
#define HOUR 3600
#define DAY 86400
#define OLD (NOON - 9000L * DAY)

#define AT_NOON "Received: from a by b; Fri, 02 Jan 2026 12:00:00 +0000\r\n"
#define AT_NIGHT "Received: from a by b; Sat, 03 Jan 2026 01:00:00 +0000\r\n"
#define LONG_AGO "Received: from a by b; Sat, 03 Jan 2009 01:00:00 +0000\r\n"
#define UNREADABLE "Received: from a by b; long ago\r\n"
#define FROM                                                                                       \
    "From: bob@partner.test\r\nTo: alice@example.org\r\nDate: Fri, 2 Jan 2026 12:00 +0000\r\n\r\n"

enum key { SINCE, UNTIL, HOURS };

struct date_case {
    const char *title;
    const char *header;
    enum key key;
    time_t internaldate;
    time_t seen_after, seen; /* 0: nobody watched */
    bool unknown;
    enum match_result wanted, exempt;
};

/* since noon, until 13:00, hours 08:00-18:00 */
static const struct date_case cases[] = {
    {"all agree", AT_NOON FROM, SINCE, NOON, NOON - 60, NOON + 60, false, MATCH_YES, MATCH_YES},
    {"all agree on no", LONG_AGO FROM, SINCE, OLD, NOON - 60, NOON, false, MATCH_NO, MATCH_NO},
    {"INTERNALDATE is forged", AT_NOON FROM, SINCE, OLD, NOON - 60, NOON, false, MATCH_YES,
     MATCH_UNDECIDED},
    {"Received is forged", LONG_AGO FROM, SINCE, NOON, NOON - 60, NOON, false, MATCH_YES,
     MATCH_UNDECIDED},
    {"only the lower Received is late", LONG_AGO AT_NOON FROM, SINCE, OLD, 0, 0, false, MATCH_NO,
     MATCH_NO},
    {"sent and dated back", FROM, SINCE, OLD, NOON - 60, NOON, false, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"sent and dated back, first look", FROM, SINCE, OLD, 0, NOON, false, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"dated back, before the rule's time", FROM, SINCE, OLD, NOON - DAY, NOON - HOUR, false,
     MATCH_NO, MATCH_NO},
    {"nobody watched", FROM, SINCE, OLD, 0, 0, false, MATCH_NO, MATCH_NO},
    {"unreadable Received", UNREADABLE FROM, SINCE, OLD, NOON - 60, NOON, false, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"sent and dated on", FROM, UNTIL, NOON + 90L * DAY, NOON - 60, NOON, false, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"dated on, and received", AT_NOON FROM, UNTIL, NOON + 90L * DAY, NOON - 60, NOON, false,
     MATCH_YES, MATCH_UNDECIDED},
    {"sent after the rule's time", FROM, UNTIL, NOON + 2 * HOUR, NOON + HOUR, NOON + 2 * HOUR,
     false, MATCH_NO, MATCH_NO},
    {"seen after the rule's time", FROM, UNTIL, NOON + 9L * DAY, NOON + HOUR, NOON + 2 * HOUR,
     false, MATCH_NO, MATCH_NO},
    {"sent by day, dated to the night", FROM, HOURS, NOON + 13 * HOUR, NOON - 60, NOON, false,
     MATCH_UNDECIDED, MATCH_UNDECIDED},
    {"sent by night", FROM, HOURS, NOON + 13 * HOUR, NOON, NOON + 13 * HOUR, false, MATCH_NO,
     MATCH_NO},
    {"sent by night, seen by day after an outage", FROM, HOURS, NOON + 13 * HOUR, NOON,
     NOON + 22 * HOUR, false, MATCH_NO, MATCH_NO},
    {"received by night", AT_NIGHT FROM, HOURS, NOON + 13 * HOUR, 0, NOON + DAY, false, MATCH_NO,
     MATCH_NO},
    {"sent by day, dated back to a day", FROM, HOURS, NOON - 9L * DAY, NOON - 60, NOON, false,
     MATCH_YES, MATCH_UNDECIDED},
    {"no usable date: since", AT_NOON FROM, SINCE, NOON, NOON, NOON, true, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"no usable date: until", AT_NOON FROM, UNTIL, NOON + DAY, NOON, NOON, true, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
    {"no usable date: hours", AT_NOON FROM, HOURS, NOON, NOON, NOON, true, MATCH_UNDECIDED,
     MATCH_UNDECIDED},
};

static enum match_result condition_in(enum folder_role role, const struct date_case *one,
                                      bool exempt, char **reason)
{
    static const char *const names[] = {"since", "until", "hours"};
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    enum match_result result = MATCH_NEEDS_BODY;
    const char *text = NULL;
    rule->exempt = exempt;
    if (exempt)
        rule->addresses = LIST("*@partner.test");
    rule->has_since = one->key == SINCE;
    rule->since = NOON;
    rule->has_until = one->key == UNTIL;
    rule->until = NOON + HOUR;
    if (one->key == HOURS)
        rule->hours_text = xstrdup("08:00-18:00");
    prepare(set);
    struct message message = make_message(one->header, role);
    message.internaldate = one->internaldate;
    message.seen_after = one->seen_after;
    message.seen = one->seen;
    message.date_unknown = one->unknown;
    struct decision *decision = decide_both(set, &message);
    for (size_t i = 0; i < decision->rules[0].n_reasons; i++)
        if (strcmp(decision->rules[0].reasons[i].condition, names[one->key]) == 0) {
            result = decision->rules[0].reasons[i].result;
            text = decision->rules[0].reasons[i].text;
        }
    if (reason != NULL)
        *reason = xstrdup(text != NULL ? text : "none");
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
    return result;
}

static enum match_result condition_of(const struct date_case *one, bool exempt, char **reason)
{
    return condition_in(FOLDER_OTHER, one, exempt, reason);
}

/* The owner writes what is there, Received fields too. */
static void in_sent_no_field_confirms_a_date(void **state)
{
    static const struct date_case forged = {"forged", LONG_AGO FROM, SINCE,    OLD,     NOON - 60,
                                            NOON,     false,         MATCH_NO, MATCH_NO};
    (void)state;
    assert_int_equal(condition_in(FOLDER_SENT, &forged, false, NULL), MATCH_UNDECIDED);
    assert_int_equal(condition_in(FOLDER_OTHER, &forged, false, NULL), MATCH_NO);
}

static void every_reading_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum match_result wanted = condition_of(&cases[i], false, NULL);
        enum match_result exempt = condition_of(&cases[i], true, NULL);
        if (wanted != cases[i].wanted || exempt != cases[i].exempt)
            fail_msg("%s: %d, exempt %d", cases[i].title, (int)wanted, (int)exempt);
    }
}

static void the_reason_names_readings_that_differ(void **state)
{
    char *reason;
    (void)state;
    condition_of(&cases[2], false, &reason);
    assert_string_equal(reason,
                        "the message arrived on 2001-05-13 12:00 UTC by INTERNALDATE and on "
                        "2026-01-02 12:00 UTC by Received, the rule requires 2026-01-02 "
                        "12:00 UTC or later");
    free(reason);
    condition_of(&cases[5], false, &reason);
    assert_string_equal(reason, "the message arrived on 2001-05-13 12:00 UTC (undecided: its date "
                                "is not that of its arrival, and no server confirms it), "
                                "the rule requires 2026-01-02 12:00 UTC or later");
    free(reason);
    condition_of(&cases[2], true, &reason);
    assert_non_null(strstr(reason, "(undecided: its dates contradict each other)"));
    free(reason);
}

/* Whatever the watched user writes into INTERNALDATE, a message that he sends now is wanted. */
static void no_internaldate_writes_one_out(void **state)
{
    (void)state;
    for (int key = SINCE; key <= HOURS; key++)
        for (long offset = -40000; offset <= 40000; offset += 7) {
            struct date_case one = {"",        FROM,      (enum key)key, NOON + offset * 1000,
                                    NOON - 60, NOON + 60, false,         MATCH_NO,
                                    MATCH_NO};
            enum match_result result = condition_of(&one, false, NULL);
            if (result != MATCH_YES && result != MATCH_UNDECIDED &&
                !(key == SINCE && one.internaldate >= NOON - 60 - DATES_TOLERANCE))
                fail_msg("key %d, INTERNALDATE %lld: %d", key, (long long)one.internaldate,
                         (int)result);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reading_counts),
        cmocka_unit_test(in_sent_no_field_confirms_a_date),
        cmocka_unit_test(the_reason_names_readings_that_differ),
        cmocka_unit_test(no_internaldate_writes_one_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
