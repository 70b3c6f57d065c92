/* From results to what is reported: sequences of results, and the events that they make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/verdict/probe_scene.h"
#include "agent/probe/verdict/state.h"

#define STEP 60

static struct hours *no_windows[] = {NULL};

static const char statuses[] = {
    [PROBE_OK] = 'o', [PROBE_WARNING] = 'w', [PROBE_CRITICAL] = 'c', [PROBE_UNKNOWN] = 'u'};
static const char events[] = {[PROBE_NO_EVENT] = '.',
                              [PROBE_RAISED] = 'R',
                              [PROBE_CHANGED] = 'X',
                              [PROBE_CLEARED] = 'K',
                              [PROBE_REMINDER] = '!'};

static enum probe_status status_of(char letter)
{
    const char *at = memchr(statuses, letter, sizeof(statuses));

    assert_non_null(at);
    return (enum probe_status)(at - statuses);
}

/* One result a minute: o OK, w warning, c critical, u unknown. */
static const struct {
    const char *what;
    unsigned raise_failures, raise_of, clear, remind;
    const char *results, *told, *shown;
} sequences[] = {
    {"nothing is wrong", 2, 3, 2, 0, "oooo", "....", "oooo"},
    {"one failure is none", 2, 3, 2, 0, "ocooco", "......", "oooooo"},
    {"two of three", 2, 3, 2, 0, "occ", "..R", "ooc"},
    {"two of three, apart", 2, 3, 2, 0, "coc", "..R", "ooc"},
    {"two of four are too far apart", 2, 3, 2, 0, "cooc", "....", "oooo"},
    {"one good does not clear", 2, 3, 2, 0, "ccocoo", ".R...K", "occcco"},
    {"at once", 1, 1, 1, 0, "cocc", "RKR.", "cocc"},
    {"what was before a clearing does not count", 2, 3, 1, 0, "ccoccoc", ".RK.RK.", "ocoocoo"},
    {"five of five", 5, 5, 3, 0, "ccccoccccccooo", ".........R...K", "ooooooooocccco"},
    {"a warning gets critical", 2, 3, 2, 0, "wwcc", ".R.X", "owwc"},
    {"one critical among warnings is a warning", 2, 3, 2, 0, "wcww", ".R..", "owww"},
    {"what is critical speaks for a warning too", 2, 3, 2, 0, "wc", ".R", "ow"},
    {"critical to warning after K", 2, 2, 2, 0, "ccwwoo", ".R.X.K", "occwwo"},
    {"lowered to the worst of K", 2, 2, 2, 0, "ccwoo", ".R.XK", "occwo"},
    {"unknown raises unknown", 2, 3, 2, 0, "uuoo", ".R.K", "ouuo"},
    {"one unknown is nothing", 2, 3, 2, 0, "uoouoo", "......", "oooooo"},
    {"unknown is not a failure", 2, 3, 2, 0, "cuou", "...R", "ooou"},
    {"unknown does not part two failures", 2, 3, 2, 0, "cuc", "..R", "ooc"},
    {"unknown does not break a row of good ones", 2, 3, 2, 0, "ccouo", ".R..K", "occco"},
    {"unknown is worse than a warning", 2, 2, 2, 0, "wwuu", ".R.X", "owwu"},
    {"unknown does not hide what is critical", 2, 2, 2, 0, "ccuuuu", ".R....", "occccc"},
    {"unknown gets critical", 2, 2, 2, 0, "uucc", ".R.X", "ouuc"},
    {"unknown gets a warning", 2, 2, 2, 0, "uuww", ".R.X", "ouuw"},
    {"unknown breaks its own row", 2, 2, 2, 0, "uuouoo", ".R...K", "ouuuuo"},
    {"reminders", 1, 1, 1, 2 * STEP, "cccccoo", "R.!.!K.", "cccccoo"},
    {"a change begins the interval anew", 1, 1, 1, 2 * STEP, "wwccc", "R.X.!", "wwccc"},
    {"no reminder of what is OK", 1, 1, 1, STEP, "ooo", "...", "ooo"},
    {"nonsense is made the least", 0, 0, 0, 0, "co", "RK", "co"},
    {"nonsense is made the most", 99, 99, 99, 0, "cccccccccccccccccccccccccccccc",
     ".............................R", "oooooooooooooooooooooooooooooc"},
};

static void results_make_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
        struct probe probe = {.raise_failures = sequences[i].raise_failures,
                              .raise_of = sequences[i].raise_of,
                              .clear = sequences[i].clear,
                              .remind = sequences[i].remind,
                              .maintenance = no_windows};
        struct probe_state shown = {0};
        char told[64] = "", states[64] = "";
        for (size_t r = 0; sequences[i].results[r] != '\0'; r++) {
            time_t now = NOW + (time_t)r * STEP;
            told[r] =
                events[probe_state_result(&shown, &probe, status_of(sequences[i].results[r]), now)];
            states[r] = statuses[shown.shown];
        }
        if (strcmp(told, sequences[i].told) != 0 || strcmp(states, sequences[i].shown) != 0)
            fail_msg("%s: reported %s instead of %s, shown %s instead of %s", sequences[i].what,
                     told, sequences[i].told, states, sequences[i].shown);
    }
}

static void since_is_when_it_was_raised(void **state)
{
    (void)state;
    struct probe probe = {
        .raise_failures = 2, .raise_of = 3, .clear = 2, .maintenance = no_windows};
    struct probe_state shown = {0};

    probe_state_result(&shown, &probe, PROBE_OK, NOW);
    assert_int_equal(shown.since, NOW);
    probe_state_result(&shown, &probe, PROBE_CRITICAL, NOW + 1);
    assert_int_equal(shown.since, NOW);
    assert_false(probe_state_is_raised(&shown));
    probe_state_result(&shown, &probe, PROBE_CRITICAL, NOW + 2);
    assert_int_equal(shown.since, NOW + 2);
    assert_true(probe_state_is_raised(&shown));
    probe_state_result(&shown, &probe, PROBE_CRITICAL, NOW + 3);
    assert_int_equal(shown.since, NOW + 2);
    probe_state_result(&shown, &probe, PROBE_OK, NOW + 4);
    probe_state_result(&shown, &probe, PROBE_OK, NOW + 5);
    assert_int_equal(shown.since, NOW + 5);
}

/* ---- maintenance: NOW is Monday 06:00 UTC, a step a minute ---- */

static const struct {
    const char *what, *results, *told; /* '-': no result, a tick */
} windows[] = {
    {"nothing is reported within", "cccc------------", "................"},
    {"what is still raised is reported after it", "cc---------------------------c---",
     "..............................R.."},
    {"it is reported without a result, too", "cc-------------------------------",
     "..............................R.."},
    {"raised and cleared within", "ccoo-----------------------------",
     "................................."},
};

static void maintenance_is_quiet(void **state)
{
    (void)state;
    char *mistake = NULL;
    struct hours *other = hours_parse("Sun 00:00-24:00", NULL, &mistake);
    struct hours *window = hours_parse("Mon 06:00-06:30 UTC", NULL, &mistake);
    struct hours *both[] = {other, window, NULL};
    struct probe probe = {.raise_failures = 2, .raise_of = 3, .clear = 2, .maintenance = both};

    assert_non_null(window);
    assert_true(probe_in_maintenance(&probe, NOW));
    assert_false(probe_in_maintenance(&probe, NOW - 1));
    assert_false(probe_in_maintenance(&probe, NOW + 30 * STEP));
    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        struct probe_state shown = {0};
        char told[64] = "";
        for (size_t r = 0; windows[i].results[r] != '\0'; r++) {
            char result = windows[i].results[r];
            time_t now = NOW + (time_t)r * STEP;
            told[r] =
                events[result == '-' ? probe_state_tick(&shown, &probe, now)
                                     : probe_state_result(&shown, &probe, status_of(result), now)];
        }
        if (strcmp(told, windows[i].told) != 0)
            fail_msg("%s: reported %s instead of %s", windows[i].what, told, windows[i].told);
    }
    hours_free(other);
    hours_free(window);
}

/* Raised before it began, good again before it ends. */
static void what_cleared_in_maintenance_is_told_behind_it(void **state)
{
    (void)state;
    char *mistake = NULL;
    struct hours *window = hours_parse("Mon 06:00-06:30 UTC", NULL, &mistake);
    struct hours *one[] = {window, NULL};
    struct probe probe = {
        .raise_failures = 1, .raise_of = 1, .clear = 1, .remind = STEP, .maintenance = one};
    struct probe_state shown = {0};

    assert_int_equal(probe_state_result(&shown, &probe, PROBE_CRITICAL, NOW - 1), PROBE_RAISED);
    assert_int_equal(probe_state_tick(&shown, &probe, NOW + 2 * STEP), PROBE_NO_EVENT);
    assert_int_equal(probe_state_result(&shown, &probe, PROBE_OK, NOW + 3 * STEP), PROBE_NO_EVENT);
    assert_int_equal(shown.reported, PROBE_CRITICAL);
    assert_int_equal(probe_state_tick(&shown, &probe, NOW + 30 * STEP), PROBE_CLEARED);
    assert_int_equal(probe_state_tick(&shown, &probe, NOW + 31 * STEP), PROBE_NO_EVENT);
    hours_free(window);
}

static void a_clock_set_back_does_not_stop_reminders(void **state)
{
    (void)state;
    struct probe probe = {
        .raise_failures = 1, .raise_of = 1, .clear = 1, .remind = STEP, .maintenance = no_windows};
    struct probe_state shown = {0};

    assert_int_equal(probe_state_result(&shown, &probe, PROBE_CRITICAL, NOW), PROBE_RAISED);
    assert_int_equal(probe_state_tick(&shown, &probe, NOW - DAY), PROBE_NO_EVENT);
    assert_int_equal(probe_state_tick(&shown, &probe, NOW - DAY + STEP), PROBE_REMINDER);
}

/* Results around the threshold of 1 s: with hysteresis they raise once and clear once. */
static void hysteresis_keeps_it_from_flapping(void **state)
{
    struct scene *scene = *state;
    static const unsigned milliseconds[] = {990, 1010, 990, 1010, 950, 1020, 910, 990, 890, 880};
    static const char expected[] = ".R......K.";
    struct probe_path *path = begin(scene, PROBE_IMAP);
    struct probe_state shown = {0};
    char told[16] = "";

    scene->probe.raise_failures = scene->probe.raise_of = scene->probe.clear = 1;
    scene->probe.maintenance = no_windows;
    for (size_t i = 0; i < sizeof(milliseconds) / sizeof(*milliseconds); i++) {
        path->clock.entered = path->clock.began + milliseconds[i] * 1000u;
        evaluate_held(scene, shown.shown);
        told[i] = events[probe_state_result(&shown, &scene->probe, scene->verdict->status,
                                            NOW + (time_t)i * STEP)];
    }
    assert_string_equal(told, expected);
}

static void events_have_names(void **state)
{
    (void)state;
    assert_string_equal(probe_event_text(PROBE_NO_EVENT), "none");
    assert_string_equal(probe_event_text(PROBE_RAISED), "raised");
    assert_string_equal(probe_event_text(PROBE_CHANGED), "changed");
    assert_string_equal(probe_event_text(PROBE_CLEARED), "cleared");
    assert_string_equal(probe_event_text(PROBE_REMINDER), "reminder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_make_events),
        cmocka_unit_test(since_is_when_it_was_raised),
        cmocka_unit_test(maintenance_is_quiet),
        cmocka_unit_test(what_cleared_in_maintenance_is_told_behind_it),
        cmocka_unit_test(a_clock_set_back_does_not_stop_reminders),
        cmocka_unit_test_setup_teardown(hysteresis_keeps_it_from_flapping, setup, teardown),
        cmocka_unit_test(events_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
