/* What `mailvigil status` says, for people and for programs: whether something is wrong, and what
 * is known of probes, round trips, reflectors and alerts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/status/fake_snapshot.h"

static char *write_text(struct fake *fake)
{
    struct written written;

    status_write_text(written_begin(&written), &fake->snapshot, &fake->figures, fake->targets,
                      fake->n_targets);
    return written_end(&written);
}

/* As Python reads it, the expression over the object v holds. */
static void assert_json(struct fake *fake, const char *expression)
{
    struct written written;
    char *command =
        xasprintf("/usr/bin/python3 -c \"import json, sys\nv = json.load(sys.stdin)\nassert %s\"",
                  expression);

    status_write_json(written_begin(&written), &fake->snapshot, &fake->figures, fake->targets,
                      fake->n_targets);
    char *text = written_end(&written);
    assert_read_by(command, text);
    free(text);
    free(command);
}

static void all_is_well(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    char *text = write_text(&fake);
    assert_int_equal(*text, '0');
    assert_has_not(text, "WRONG");
    assert_has_not(text, "PROBE");
    assert_has_not(text, "REFLECTOR");
    assert_has_not(text, "alerts:");
    free(text);
    assert_json(&fake, "v['problems'] == []");
    assert_json(&fake, "v['probes'] == [] and v['reflectors'] == [] and v['alerts']['sent'] == 0");
    fake.snapshot.probes = NULL; /* as while it stops */
    assert_json(&fake, "v['probes'] == [] and v['reflectors'] == [] and v['alerts']['sent'] == 0");
}

static void doubt_is_shown(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    char *text = write_text(&fake);
    assert_has_not(text, "in doubt");
    free(text);
    fake.context.count.undecided_copied = 3;
    text = write_text(&fake);
    assert_has(text, "\nin doubt since the start: 3 copied, 0 skipped;");
    free(text);
    assert_json(&fake, "v['counts']['undecided_copied'] == 3");
}

static char *write_unseen(struct fake *fake)
{
    struct written written;

    status_write_unseen(written_begin(&written), &fake->snapshot);
    return written_end(&written);
}

static void assert_unseen(struct fake *fake, const char *expected)
{
    char *text = write_unseen(fake);
    assert_string_equal(text, expected);
    free(text);
}

static void a_folder_that_is_missing_or_refused_is_wrong(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake.accounts[0].missing[0] = (char *)"\\Sent";
    char *text = write_text(&fake);
    assert_int_equal(*text, '0');
    assert_has(text, "(no \\Sent)");
    free(text);
    fake.accounts[0].had_sent = true;
    fake.accounts[0].missing[1] = (char *)"Sales";
    fake.accounts[0].watches[0].folder.refused = true;
    text = write_text(&fake);
    assert_int_equal(*text, '1');
    assert_has(text, "PROBLEM  account alice: folders that are configured and not there: "
                     "\\Sent, Sales\n");
    assert_has(text, "PROBLEM  account alice: folders that the server refuses to open: INBOX\n");
    free(text);
    assert_json(&fake,
                "[(p['what'], p['name']) for p in v['problems']] == [('account', 'alice')] * 2");
    assert_json(&fake, "v['problems'][0]['text'].endswith('Sales')");
}

static void what_may_be_unseen(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake.snapshot.ready = true;
    /* What waits is in the ledger; what a probe finds is no message. */
    fake_reflector(&fake, "down")->trouble = "no way";
    fake.n_targets = 1;
    fake.targets[0] = (struct ledger_target_figures){.target = "compliance", .failed = 1};
    assert_unseen(&fake, "problems 0\n");
    fake.accounts[0].watches[0].status.trouble = "refused:\tno\nway";
    fake.accounts[0].watches[0].status.trouble_since = time(NULL);
    fake.deliveries[0].status.trouble = "full";
    fake.deliveries[0].status.trouble_since = time(NULL);
    fake.ledger.blocked = "no space";
    fake.snapshot.reload_trouble = "bad";
    assert_unseen(&fake,
                  "problems 4\nledger\t\tno space\n"
                  "the last reload was refused, the old configuration is still in use\t\tbad\n"
                  "account\talice\trefused:?no?way\ntarget\tcompliance\tfull\n");
    fake_make(&fake);
    fake.accounts[0].watches[0].status.state = WATCH_CONNECTING;
    assert_unseen(&fake,
                  "problems 2\naccount\talice\tnot signed in yet\n"
                  "agent\t\tit has just started, and has not looked into every account yet\n");
}

static const struct {
    enum probe_status shown;
    bool in_maintenance;
    const char *trouble;
    char first;
    const char *line;
} raised[] = {
    {PROBE_OK, false, NULL, '0', "\nmx     smtp  OK "},
    {PROBE_WARNING, false, NULL, '1', "PROBLEM  probe mx, for 50 s: WARNING: slow\n"},
    {PROBE_CRITICAL, false, NULL, '1',
     "PROBLEM  probe mx, for 50 s: CRITICAL, though the last"
     " result is WARNING: slow\n"},
    {PROBE_UNKNOWN, false, NULL, '1', "PROBLEM  probe mx, for 50 s: UNKNOWN"},
    {PROBE_CRITICAL, true, NULL, '0', "\nmx     smtp  maintenance "},
    {PROBE_OK, false, "cannot sign in", '1',
     "PROBLEM  return mailbox of the probe mx: cannot sign in\n"},
};

static void a_raised_probe_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(raised) / sizeof(*raised); i++) {
        struct probe_verdict verdict = {.status = PROBE_WARNING, .summary = "slow"};
        struct fake fake;
        fake_make(&fake);
        struct probe_view *view = fake_probe(&fake, "mx", PROBE_SMTP);
        view->verdict = &verdict;
        view->ran_at = time(NULL);
        view->in_maintenance = raised[i].in_maintenance;
        view->trouble = raised[i].trouble;
        fake.probes.states[0].shown = raised[i].shown;
        fake.probes.states[0].since = time(NULL) - 50;
        char *text = write_text(&fake);
        if (*text != raised[i].first)
            fail_msg("case %zu: %s", i, text);
        assert_has(text, raised[i].line);
        free(text);
    }
}

static void copies_that_wait_too_long_or_were_given_up_are_wrong(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct ledger_target_figures *figures = &fake.targets[0];
    fake.n_targets = 1;
    figures->target = "compliance";
    fake.deliveries[0].target.alarm_after = 600;
    figures->pending = 3;
    figures->oldest_pending = time(NULL) - 500;
    char *text = write_text(&fake);
    assert_int_equal(*text, '0');
    free(text);
    assert_json(&fake, "not v['targets'][-1]['overdue']");
    figures->oldest_pending = time(NULL) - 660;
    text = write_text(&fake);
    assert_int_equal(*text, '1');
    assert_has(text, "PROBLEM  target compliance, for 11 min: 3 copies wait for it");
    free(text);
    assert_json(&fake, "v['targets'][-1]['overdue']");
    figures->pending = 0;
    figures->oldest_pending = 0;
    figures->failed = 1;
    text = write_text(&fake);
    assert_int_equal(*text, '1');
    assert_has(text, "PROBLEM  target compliance: 1 copy was given up");
    free(text);
}

static void probes_and_reflectors_in_full(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct book_counts counts = {.sent = 9, .returned = 5, .lost = 4, .last_duration = -1};
    struct probe_view *loop = fake_probe(&fake, "loop", PROBE_ROUNDTRIP);
    counts.rejected[REJECT_AUTH] = 3;
    loop->counts = &counts;
    fake_probe(&fake, "new \"one\"", PROBE_IMAP);
    fake_reflector(&fake, "scout")->counts.answered = 8;
    fake_reflector(&fake, "down")->trouble = "no way";
    fake.probes.alerts = (struct alerts_count){.sent = 2, .waiting = 1};
    assert_json(&fake, "[p['name'] for p in v['probes']] == ['loop', 'new \\\"one\\\"']");
    assert_json(&fake, "v['probes'][0]['counts']['lost'] == 4");
    assert_json(&fake, "v['probes'][0]['counts']['rejected']['auth'] == 3");
    assert_json(&fake, "v['probes'][0]['counts']['last_success'] is None");
    assert_json(&fake, "'counts' not in v['probes'][1] and v['probes'][1]['last_run'] is None");
    assert_json(&fake, "v['reflectors'][0]['answered'] == 8");
    assert_json(&fake, "v['reflectors'][1]['trouble'] == 'no way'");
    assert_json(&fake, "v['alerts'] == dict(sent=2, failed=0, dropped=0, waiting=1)");
    char *text = write_text(&fake);
    assert_int_equal(*text, '1');
    assert_has(text, "PROBLEM  reflector down: no way\n");
    assert_has(text, "\nnew \"one\"  imap       not run yet ");
    assert_has(text,
               "\nROUND TRIP  SENT  RETURNED  LATE  LOST  UNCERTAIN  OUTSTANDING  DUPLICATES\n"
               "loop        9     5         0     4     0          0            0\n");
    assert_has(text, "alerts: 2 sent, 0 failed, 0 dropped, 1 waiting\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(doubt_is_shown),
        cmocka_unit_test(a_folder_that_is_missing_or_refused_is_wrong),
        cmocka_unit_test(what_may_be_unseen),
        cmocka_unit_test(a_raised_probe_is_wrong),
        cmocka_unit_test(copies_that_wait_too_long_or_were_given_up_are_wrong),
        cmocka_unit_test(probes_and_reflectors_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
