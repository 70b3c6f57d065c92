/* The metrics are what a strict reader takes, in both formats, whatever the names hold; and they
 * tell what is known, no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/status/fake_snapshot.h"
#include "agent/status/metrics.h"

#define READER "/usr/bin/python3 " SOURCE_DIRECTORY "/tests/system/harness/openmetrics.py"
#define HOSTILE "a\"} 1\n# EOF\nfake_total{x=\"\\"

/* Both formats are read by the strict reader; the OpenMetrics text is given back. */
static char *write_metrics(struct fake *fake)
{
    struct written written;
    char *text;

    metrics_write(written_begin(&written), false, &fake->snapshot, &fake->figures, fake->targets,
                  fake->n_targets);
    text = written_end(&written);
    assert_read_by(READER " --text >/dev/null", text);
    free(text);
    metrics_write(written_begin(&written), true, &fake->snapshot, &fake->figures,
                  fake->n_targets > 0 ? fake->targets : NULL, fake->n_targets);
    text = written_end(&written);
    assert_read_by(READER " >/dev/null", text);
    return text;
}

/* A whole line of it. */
static void assert_line(const char *text, const char *line)
{
    char *whole = xasprintf("\n%s\n", line);

    assert_has(text, whole);
    free(whole);
}

static struct probe_result *result_of(struct probe_view *view, size_t n_paths)
{
    struct probe_result *result = xcalloc(1, sizeof(*result));

    result->type = view->probe->type;
    result->microseconds = 250000;
    result->n_paths = n_paths;
    for (size_t i = 0; i < n_paths; i++) {
        struct probe_path *path = &result->paths[i];

        path->family = i == 0 ? AF_INET6 : AF_INET;
        path->failed = PHASE_NONE;
        path->clock.current = PHASE_NONE;
        for (size_t k = 0; k < PHASE_COUNT; k++) {
            path->clock.microseconds[k] = 1000 * (i + 1) * (k + 1);
            path->clock.entered += path->clock.microseconds[k];
        }
    }
    view->result = result;
    return result;
}

static void an_agent_without_probes(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake.snapshot.probes = NULL;
    fake.context.count.seen = 7;
    fake.context.count.refused = 3;
    fake.context.count.undecided_copied = 9;
    fake.context.count.undecided[0] = 4;
    fake.context.count.warned[0] = 6;
    fake.context.capture_latency.buckets[2] = 5;
    fake.context.capture_latency.sum = .1;
    fake.figures.spool_bytes = 4096;
    fake.figures.oldest_pending = 1795413600;
    char *text = write_metrics(&fake);
    assert_line(text, "mailvigil_messages_seen_total 7");
    assert_line(text, "mailvigil_copies_refused_total 3");
    assert_line(text, "mailvigil_messages_vanished_total 0");
    assert_line(text, "mailvigil_messages_undecided_total{action=\"copied\"} 9");
    assert_line(text, "mailvigil_messages_undecided_total{action=\"skipped\"} 0");
    assert_line(text, "mailvigil_conditions_undecided_total{condition=\"direction\"} 4");
    assert_line(text, "mailvigil_conditions_undecided_total{condition=\"body\"} 0");
    assert_line(text, "mailvigil_messages_warned_total{warning=\"from-mismatch\"} 6");
    assert_line(text, "mailvigil_capture_latency_seconds_bucket{le=\"0.01\"} 0");
    assert_line(text, "mailvigil_capture_latency_seconds_bucket{le=\"0.025\"} 5");
    assert_line(text, "mailvigil_capture_latency_seconds_bucket{le=\"+Inf\"} 5");
    assert_line(text, "mailvigil_spool_bytes 4096");
    assert_line(text, "mailvigil_spool_oldest_timestamp_seconds 1795413600");
    assert_line(text, "mailvigil_watches{state=\"watching\"} 1");
    assert_line(text, "mailvigil_watches{state=\"down\"} 0");
    assert_line(text, "mailvigil_ledger_blocked 0");
    assert_line(text, "mailvigil_alerts_sent_total 0");
    assert_line(text, "mailvigil_build_info{version=\"" MAILVIGIL_VERSION "\"} 1");
    free(text);
}

static void exempt_messages_are_counted_by_rule(void **state)
{
    (void)state;
    struct fake fake;
    struct rule rules[] = {{.name = "copying"},
                           {.name = "council", .exempt = true},
                           {.name = "doctor", .exempt = true}};
    fake_make(&fake);
    fake.rules = (struct rule_set){.rules = rules, .count = 3};
    rule_counts_add(&fake.context.exempt_by, "doctor", 1);
    rule_counts_add(&fake.context.exempt_by, "removed", 2);
    rule_counts_add(&fake.context.exempt_by, "doctor", 4);
    char *text = write_metrics(&fake);
    assert_line(text, "mailvigil_messages_exempt_total{rule=\"council\"} 0");
    assert_line(text, "mailvigil_messages_exempt_total{rule=\"doctor\"} 5");
    assert_line(text, "mailvigil_messages_exempt_total{rule=\"removed\"} 2");
    assert_null(strstr(text, "copying"));
    free(text);
    rule_counts_clear(&fake.context.exempt_by);
}

static void targets_and_a_stuck_ledger(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake.snapshot.n_deliveries = 2;
    fake.deliveries[1].target.name = HOSTILE;
    fake.deliveries[1].status =
        (struct deliver_status){.state = DELIVER_DOWN, .trouble = "x", .trouble_since = 5};
    fake.targets[0] = (struct ledger_target_figures){
        .target = HOSTILE, .pending = 4, .delivered = 9, .oldest_pending = 1000};
    fake.n_targets = 1;
    char *text = write_metrics(&fake);
#define ESCAPED "a\\\"} 1\\n# EOF\\nfake_total{x=\\\"\\\\"
    assert_line(text, "mailvigil_target_pending{target=\"" ESCAPED "\"} 4");
    assert_line(text, "mailvigil_target_pending{target=\"compliance\"} 0");
    assert_line(text, "mailvigil_target_delivered_total{target=\"" ESCAPED "\"} 9");
    assert_line(text, "mailvigil_target_up{target=\"" ESCAPED "\"} 0");
    assert_line(text, "mailvigil_target_state{target=\"compliance\",state=\"idle\"} 1");
    assert_line(text, "mailvigil_target_state{target=\"compliance\",state=\"down\"} 0");
    free(text);

    /* The counter of deliveries must not seem to have begun anew. */
    fake.ledger.blocked = "the disk is full";
    fake.n_targets = 0;
    struct written written;
    metrics_write(written_begin(&written), true, &fake.snapshot, &fake.figures, NULL, 0);
    text = written_end(&written);
    assert_line(text, "mailvigil_ledger_blocked 1");
    assert_has_not(text, "mailvigil_target_delivered_total{");
    free(text);
}

static void a_probe_that_has_not_run(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake_probe(&fake, "imap", PROBE_IMAP);
    char *text = write_metrics(&fake);
    assert_line(text, "mailvigil_probe_status{probe=\"imap\",proto=\"imap\"} 0");
    assert_line(text, "mailvigil_probe_runs_total{probe=\"imap\",proto=\"imap\"} 0");
    assert_line(text,
                "mailvigil_probe_last_run_timestamp_seconds{probe=\"imap\",proto=\"imap\"} 0");
    assert_line(text, "probe_timeout_seconds{probe=\"imap\",proto=\"imap\"} 10");
    assert_has_not(text, "probe_success{"); /* not a failure, and no success */
    assert_has_not(text, "probe_mail_failure{");
    free(text);
}

static void a_service_that_fails_by_one_family(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_view *view = fake_probe(&fake, HOSTILE, PROBE_IMAP);
    struct probe_result *result = result_of(view, 2);
    struct certificate_chain chain = {.count = 1, .earliest_expiry = 2000, .verified = false};
    struct certificate_chain good = {
        .count = 1, .earliest_expiry = 3000, .verified_expiry = 3000, .verified = true};
    result->paths[0].certificates = &good;
    result->paths[1].certificates = &chain;
    result->paths[1].failed = PHASE_AUTH;
    strcpy(result->paths[0].tls_version, "TLSv1.3");
    strcpy(result->paths[1].tls_version, "\"} 1\nx");
    fake.probes.states[0].shown = PROBE_CRITICAL;
    char *text = write_metrics(&fake);
#define LABELS "probe=\"" ESCAPED "\",proto=\"imap\""
    assert_line(text, "probe_success{" LABELS "} 0");
    assert_line(text, "probe_duration_seconds{" LABELS "} 0.25");
    assert_line(text, "probe_ip_protocol{" LABELS "} 4");
    assert_line(text, "probe_mail_family_success{" LABELS ",family=\"ipv6\"} 1");
    assert_line(text, "probe_mail_family_success{" LABELS ",family=\"ipv4\"} 0");
    assert_line(text, "probe_mail_family_duration_seconds{" LABELS ",family=\"ipv6\"} 0.036");
    assert_line(text, "probe_mail_failure{" LABELS ",phase=\"auth\"} 1");
    assert_line(text, "probe_mail_failure{" LABELS ",phase=\"none\"} 0");
    assert_line(text, "probe_mail_duration_seconds{" LABELS ",phase=\"connect\"} 0.004");
    assert_line(text, "probe_dns_lookup_time_seconds{" LABELS "} 0.002");
    assert_line(text, "probe_ssl_earliest_cert_expiry{" LABELS "} 2000");
    assert_line(text, "probe_ssl_last_chain_expiry_timestamp_seconds{" LABELS "} 3000");
    assert_line(text, "probe_tls_verify_failed{" LABELS "} 1");
    assert_line(text, "probe_tls_version_info{" LABELS ",version=\"TLS 1.3\"} 1");
    assert_line(text, "probe_tls_version_info{" LABELS ",version=\"other\"} 1");
    assert_line(text, "mailvigil_probe_status{" LABELS "} 2");
    free(text);
    free(result);
}

static void missing_folders_are_counted(void **state)
{
    (void)state;
    struct fake fake;
    char *text;

    fake_make(&fake);
    fake.accounts[0].missing[0] = (char *)"\\Sent";
    text = write_metrics(&fake);
    assert_line(text, "mailvigil_folders_missing 0");
    free(text);
    fake.accounts[0].missing[1] = (char *)"Sales";
    text = write_metrics(&fake);
    assert_line(text, "mailvigil_folders_missing 1");
    free(text);
}

static void what_is_expected_and_missing_is_no_success(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_view *view = fake_probe(&fake, "mx", PROBE_SMTP);
    struct probe_result *result = result_of(view, 1);
    char *expected[] = {"STARTTLS", NULL};
    fake.probes.probes[0].expect_capability = expected;
    char *text = write_metrics(&fake);
    assert_line(text, "probe_success{probe=\"mx\",proto=\"smtp\"} 0");
    free(text);
    result->paths[0].capabilities = "PIPELINING STARTTLS";
    text = write_metrics(&fake);
    assert_line(text, "probe_success{probe=\"mx\",proto=\"smtp\"} 1");
    assert_line(text, "probe_mail_failure{probe=\"mx\",proto=\"smtp\",phase=\"none\"} 1");
    free(text);
    result->trouble = "no such secret file";
    result->n_paths = 0;
    text = write_metrics(&fake);
    assert_line(text, "probe_success{probe=\"mx\",proto=\"smtp\"} 0");
    free(text);
    free(result);
}

static void a_mailbox(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_view *view = fake_probe(&fake, "box", PROBE_MAILBOX);
    struct probe_result *result = result_of(view, 1);
    result->paths[0].imap = (struct probe_imap_facts){
        .messages = 12, .oldest = 100, .newest = 200, .storage_used = 25, .storage_limit = 100};
    char *text = write_metrics(&fake);
#define BOX "{probe=\"box\",proto=\"mailbox\"}"
    assert_line(text, "probe_mailbox_messages" BOX " 12");
    assert_line(text, "probe_mailbox_oldest_timestamp_seconds" BOX " 100");
    assert_line(text, "probe_mailbox_newest_timestamp_seconds" BOX " 200");
    assert_line(text, "probe_mailbox_quota_storage_used_ratio" BOX " 0.25");
    assert_has_not(text, "probe_mailbox_quota_messages_used_ratio{"); /* has no limit */
    free(text);
    free(result);
}

static void a_round_trip(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    struct probe_view *view = fake_probe(&fake, "loop", PROBE_ROUNDTRIP);
    struct book_counts counts = {.sent = 10,
                                 .returned = 4,
                                 .late = 1,
                                 .lost = 2,
                                 .uncertain = 1,
                                 .outstanding = 2,
                                 .last_duration = -1};
    counts.rejected[REJECT_RCPT] = 6;
    counts.buckets[BOOK_BUCKETS] = 1;
    counts.buckets[0] = 4;
    counts.duration_sum = 4000.5;
    view->counts = &counts;
    char *text = write_metrics(&fake);
    assert_line(text, "mail_roundtrip_sent_total{probe=\"loop\"} 10");
    assert_line(text, "mail_roundtrip_send_uncertain_total{probe=\"loop\"} 1");
    assert_line(text, "mail_roundtrip_outstanding{probe=\"loop\"} 2");
    assert_line(text, "mail_roundtrip_rejected_total{probe=\"loop\",reason=\"rcpt\"} 6");
    assert_line(text, "mail_roundtrip_rejected_total{probe=\"loop\",reason=\"auth\"} 0");
    assert_line(text, "mail_roundtrip_duration_seconds_bucket{probe=\"loop\",le=\"3600.0\"} 4");
    assert_line(text, "mail_roundtrip_duration_seconds_bucket{probe=\"loop\",le=\"+Inf\"} 5");
    assert_line(text, "mail_roundtrip_duration_seconds_sum{probe=\"loop\"} 4000.5");
    assert_line(text, "mail_roundtrip_placement{probe=\"loop\",folder=\"inbox\"} 0");
    assert_line(text, "mail_roundtrip_mailbox_up{probe=\"loop\"} 1");
    assert_has_not(text, "mail_roundtrip_last_duration_seconds{");
    assert_has_not(text, "mail_roundtrip_leg_seconds{");
    free(text);

    struct roundtrip_facts last = {.placement = PLACEMENT_JUNK,
                                   .has_delays = true,
                                   .delay_min = {.5, 1, 0},
                                   .delay_max = {.75, 1, .25},
                                   .offset_min = -37,
                                   .offset_max = -36.5,
                                   .n_hops = 2,
                                   .hop_seconds = {3, -1}};
    last.auth[AUTH_DKIM] = AUTH_FAIL;
    view->last_return = &last;
    view->trouble = "down";
    counts.last_duration = 2.5;
    text = write_metrics(&fake);
    assert_line(text, "mail_roundtrip_last_duration_seconds{probe=\"loop\"} 2.5");
    assert_line(text, "mail_roundtrip_placement{probe=\"loop\",folder=\"inbox\"} 0");
    assert_line(text, "mail_roundtrip_placement{probe=\"loop\",folder=\"spam\"} 1");
    assert_line(text, "mail_roundtrip_leg_seconds{probe=\"loop\",leg=\"back\",bound=\"max\"} 0.25");
    assert_line(text, "mail_roundtrip_clock_offset_seconds{probe=\"loop\",bound=\"min\"} -37");
    assert_line(text, "mail_roundtrip_hop_seconds{probe=\"loop\",hop=\"1\"} -1");
    assert_line(text,
                "mail_roundtrip_auth_result{probe=\"loop\",method=\"dkim\",result=\"fail\"} 1");
    assert_line(text,
                "mail_roundtrip_auth_result{probe=\"loop\",method=\"spf\",result=\"absent\"} 1");
    assert_line(text, "mail_roundtrip_mailbox_up{probe=\"loop\"} 0");
    free(text);
}

static void reflectors_and_alerts(void **state)
{
    (void)state;
    struct fake fake;
    fake_make(&fake);
    fake_reflector(&fake, "scout")->counts =
        (struct reflector_counts){.answered = 3, .refused = 2, .replayed = 1};
    fake_reflector(&fake, HOSTILE)->trouble = "down";
    fake.probes.alerts = (struct alerts_count){.sent = 5, .failed = 1, .waiting = 2};
    char *text = write_metrics(&fake);
    assert_line(text, "mailvigil_reflector_answered_total{reflector=\"scout\"} 3");
    assert_line(text, "mailvigil_reflector_refused_total{reflector=\"scout\"} 2");
    assert_line(text, "mailvigil_reflector_up{reflector=\"scout\"} 1");
    assert_line(text, "mailvigil_reflector_up{reflector=\"" ESCAPED "\"} 0");
    assert_line(text, "mailvigil_alerts_sent_total 5");
    assert_line(text, "mailvigil_alerts_waiting 2");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_without_probes),
        cmocka_unit_test(exempt_messages_are_counted_by_rule),
        cmocka_unit_test(targets_and_a_stuck_ledger),
        cmocka_unit_test(a_probe_that_has_not_run),
        cmocka_unit_test(a_service_that_fails_by_one_family),
        cmocka_unit_test(missing_folders_are_counted),
        cmocka_unit_test(what_is_expected_and_missing_is_no_success),
        cmocka_unit_test(a_mailbox),
        cmocka_unit_test(a_round_trip),
        cmocka_unit_test(reflectors_and_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
