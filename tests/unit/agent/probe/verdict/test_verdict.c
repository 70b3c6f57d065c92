/* Verdicts: what is a fault, and how it is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/verdict/probe_scene.h"
#include "in_range.h"

/* ---- nothing is wrong ---- */

static void good_services(void **state)
{
    struct scene *scene = *state;

    begin(scene, PROBE_IMAP);
    assert_verdict(scene, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 63 days");
    run_took(&scene->result->paths[0], PHASE_AUTH, 12345);
    scene->result->microseconds = 12645;
    add_path(scene, AF_INET6);
    scene->result->microseconds = 12645;
    assert_verdict(scene, PROBE_OK, "0.013 s by IPv4 and IPv6, certificate good for 63 days");
}

/* ---- failures ---- */

static const struct {
    enum dialogue_end end;
    enum phase phase;
    const char *reason, *reply, *summary;
} failures[] = {
    {DIALOGUE_AUTH, PHASE_AUTH, "the login was rejected", "NO [AUTHENTICATIONFAILED] No.",
     "auth failed on 192.0.2.7: NO [AUTHENTICATIONFAILED] No."},
    {DIALOGUE_CONNECT, PHASE_CONNECT, "Connection refused", "",
     "connect failed on 192.0.2.7: Connection refused"},
    {DIALOGUE_TIMEOUT, PHASE_GREETING, "no reply in time", "",
     "greeting timed out on 192.0.2.7 after 10 s"},
    {DIALOGUE_PROTOCOL, PHASE_GREETING, "not an IMAP server", "SSH-2.0-OpenSSH_9",
     "greeting failed on 192.0.2.7: not an IMAP server: SSH-2.0-OpenSSH_9"},
    {DIALOGUE_CLOSED, PHASE_QUIT, "the server closed the connection", "",
     "quit failed on 192.0.2.7: the server closed the connection"},
    {DIALOGUE_TLS, PHASE_TLS, "STARTTLS is not offered", "",
     "tls failed on 192.0.2.7: STARTTLS is not offered"},
    {DIALOGUE_REFUSED, PHASE_COMMAND, "refused", "", "command failed on 192.0.2.7: refused"},
    {DIALOGUE_REFUSED, PHASE_COMMAND, "refused",
     "NO 45678901234567890123456789012345678901234567890123456789012345678901234567890",
     "command failed on 192.0.2.7: NO 456789012345678901234567890123456789012345678..."},
    {DIALOGUE_REFUSED, PHASE_COMMAND, "refused", "NO a|b", "command failed on 192.0.2.7: NO a/b"},
};

static void a_failure_names_its_phase_the_address_and_the_reply(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
        fails(path, failures[i].end, failures[i].phase, failures[i].reason, failures[i].reply);
        assert_verdict(scene, PROBE_CRITICAL, failures[i].summary);
        assert_uint_in_range(strlen(scene->verdict->summary), 1, 80);
    }
}

static void a_reply_is_whole_among_the_details(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);
    char reply[300] = "NO ", line[400];

    memset(reply + 3, 'x', 250);
    fails(path, DIALOGUE_REFUSED, PHASE_COMMAND, "refused", reply);
    path->temporary = true;
    evaluate_held(scene, PROBE_OK);
    snprintf(line, sizeof(line), "IPv4 192.0.2.7: server reply: %s", reply);
    assert_detail(scene, line);
    assert_detail(scene, "IPv4 192.0.2.7: command failed temporarily: refused");
    assert_detail(scene, "IPv4 192.0.2.7: 0.0003 s: resolve 0.0001 s, connect 0.0002 s");
}

static void smtp_names_the_command_and_its_code(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_SMTP);

    fails(path, DIALOGUE_REFUSED, PHASE_COMMAND, "refused", "550 5.1.1 No such user");
    strcpy(path->command, "RCPT");
    path->code = 550;
    assert_verdict(scene, PROBE_CRITICAL,
                   "command failed on 192.0.2.7: RCPT: 550 5.1.1 No such user");
    strcpy(path->reply, "No such user");
    assert_verdict(scene, PROBE_CRITICAL, "command failed on 192.0.2.7: RCPT: 550 No such user");
}

static void no_address_is_a_failure_of_the_service(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    path->address[0] = '\0';
    path->family = 0;
    fails(path, DIALOGUE_RESOLVE, PHASE_RESOLVE, "nodename nor servname provided", "");
    assert_verdict(scene, PROBE_CRITICAL,
                   "resolve failed for mail.example.org: nodename nor servname provided");
    fails(path, DIALOGUE_TIMEOUT, PHASE_RESOLVE, "", "");
    assert_verdict(scene, PROBE_CRITICAL, "resolve timed out after 10 s");
}

static void of_two_families_the_bad_one_is_named(void **state)
{
    struct scene *scene = *state;
    struct probe_path *ipv4 = begin(scene, PROBE_IMAP), *ipv6 = add_path(scene, AF_INET6);

    fails(ipv6, DIALOGUE_CONNECT, PHASE_CONNECT, "No route to host", "");
    assert_verdict(scene, PROBE_CRITICAL,
                   "connect failed on IPv6 only (2001:db8::7): No route to host");
    fails(ipv4, DIALOGUE_CONNECT, PHASE_CONNECT, "No route to host", "");
    assert_verdict(scene, PROBE_CRITICAL,
                   "connect failed on 192.0.2.7 and 2001:db8::7: No route to host");
    fails(ipv4, DIALOGUE_CONNECT, PHASE_CONNECT, "Connection refused", "");
    assert_verdict(scene, PROBE_CRITICAL, "connect failed on 192.0.2.7: Connection refused");
    assert_detail(scene, "CRITICAL: connect failed on 2001:db8::7: No route to host");
}

static void trouble_of_our_own_is_unknown(void **state)
{
    struct scene *scene = *state;

    begin(scene, PROBE_IMAP);
    scene->result->n_paths = 0;
    assert_verdict(scene, PROBE_UNKNOWN, "not run yet");
    scene->result->trouble = xstrdup("alice.secret: No such file\nor | directory");
    assert_verdict(scene, PROBE_UNKNOWN, "alice.secret: No such file?or / directory");
}

/* ---- certificates ---- */

static void unverified(struct probe_path *path, const char *error, time_t expiry)
{
    path->certificates->verified = false;
    path->certificates->verified_expiry = 0;
    path->certificates->earliest_expiry = expiry;
    snprintf(path->certificates->error, sizeof(path->certificates->error), "%s", error);
    path->end = DIALOGUE_TLS;
    path->failed = PHASE_TLS;
    strcpy(path->reason, "the certificate was refused");
}

static void an_unverified_certificate_has_error_and_date(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    unverified(path, "certificate has expired", NOW - 30 * DAY);
    assert_verdict(scene, PROBE_CRITICAL,
                   "tls failed on 192.0.2.7: certificate has expired, expired 2026-10-24");
    unverified(path, "hostname mismatch", NOW + 30 * DAY);
    assert_verdict(scene, PROBE_CRITICAL,
                   "tls failed on 192.0.2.7: hostname mismatch, expires 2026-12-23");
    unverified(path, "a very long error that a library has made up to say that it is bad", NOW);
    assert_verdict(scene, PROBE_CRITICAL,
                   "tls failed on 192.0.2.7: a very long error that a library has ..., "
                   "expired 2026-11-23");
    assert_detail(scene, "IPv4 192.0.2.7: certificate not verified: a very long error that a "
                         "library has made up to say that it is bad");
    assert_detail(scene, "IPv4 192.0.2.7: certificate 1: CN=mail.example.org, from 2026-10-27 to "
                         "2027-01-25, issued by CN=Some CA, SHA-256 00ff");
}

static const struct {
    long seconds;
    enum probe_status status;
    const char *summary;
} expiries[] = {
    {21 * DAY, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 21 days"},
    {21 * DAY - 1, PROBE_WARNING, "certificate on 192.0.2.7 expires in 20 days (2026-12-14)"},
    {7 * DAY, PROBE_WARNING, "certificate on 192.0.2.7 expires in 7 days (2026-11-30)"},
    {7 * DAY - 1, PROBE_CRITICAL, "certificate on 192.0.2.7 expires in 6 days (2026-11-30)"},
};

static void certificates_are_to_be_renewed_in_time(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    for (size_t i = 0; i < sizeof(expiries) / sizeof(*expiries); i++) {
        path->certificates->verified_expiry = NOW + expiries[i].seconds;
        assert_verdict(scene, expiries[i].status, expiries[i].summary);
    }
    scene->probe.cert_warn = scene->probe.cert_crit = 0;
    assert_verdict(scene, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 6 days");
}

/* An expired one that was sent besides the chain that verifies does no harm. */
static void the_verified_chain_counts(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    path->certificates->earliest_expiry = NOW - DAY;
    assert_verdict(scene, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 63 days");
}

/* ---- capabilities, slowness ---- */

static void a_missing_capability_is_critical(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    scene->expected[0] = "idle";
    assert_verdict(scene, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 63 days");
    scene->expected[1] = "NOTIFY";
    assert_verdict(scene, PROBE_CRITICAL, "capability NOTIFY is missing on 192.0.2.7");
    free(path->capabilities);
    path->capabilities = NULL;
    fails(path, DIALOGUE_CONNECT, PHASE_CONNECT, "Connection refused", "");
    assert_verdict(scene, PROBE_CRITICAL, "connect failed on 192.0.2.7: Connection refused");
    assert_false(has_detail(scene, "CRITICAL: capability NOTIFY is missing on 192.0.2.7"));
}

/* example.org: 587, expect_capability = {"STARTTLS"}: it was used, and is not offered again. */
static void the_way_to_tls_need_not_be_offered_within(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_SMTP);

    scene->expected[0] = "StartTLS";
    assert_verdict(scene, PROBE_OK, "0.0003 s on 192.0.2.7, certificate good for 63 days");
    path->tls_version[0] = '\0';
    assert_verdict(scene, PROBE_CRITICAL, "capability StartTLS is missing on 192.0.2.7");
    strcpy(path->tls_version, "TLSv1.3");
    scene->server.smtp.security = SECURITY_TLS;
    assert_verdict(scene, PROBE_CRITICAL, "capability StartTLS is missing on 192.0.2.7");
}

static void slowness_names_the_slowest_phase(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    run_took(path, PHASE_AUTH, 1500000);
    run_took(path, PHASE_COMMAND, 400000);
    assert_verdict(scene, PROBE_WARNING, "took 1.9 s (warn 1) on 192.0.2.7, auth alone 1.5 s");
    run_took(path, PHASE_AUTH, 9000000);
    assert_verdict(scene, PROBE_CRITICAL, "took 10.9 s (crit 5) on 192.0.2.7, auth alone 10.5 s");
    fails(path, DIALOGUE_CLOSED, PHASE_QUIT, "closed", "");
    assert_verdict(scene, PROBE_CRITICAL, "quit failed on 192.0.2.7: closed");
}

static const struct {
    uint64_t microseconds;
    enum probe_status held, status;
} hysteresis[] = {
    {950000, PROBE_OK, PROBE_OK},
    {950000, PROBE_WARNING, PROBE_WARNING},
    {950000, PROBE_CRITICAL, PROBE_WARNING},
    {890000, PROBE_WARNING, PROBE_OK},
    {4600000, PROBE_OK, PROBE_WARNING},
    {4600000, PROBE_WARNING, PROBE_WARNING},
    {4600000, PROBE_CRITICAL, PROBE_CRITICAL},
    {4400000, PROBE_CRITICAL, PROBE_WARNING},
    {950000, PROBE_UNKNOWN, PROBE_OK},
};

static void what_is_raised_is_held(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_IMAP);

    for (size_t i = 0; i < sizeof(hysteresis) / sizeof(*hysteresis); i++) {
        path->clock.entered = path->clock.began + hysteresis[i].microseconds;
        evaluate_held(scene, hysteresis[i].held);
        if (scene->verdict->status != hysteresis[i].status)
            fail_msg("case %zu: %s", i, probe_status_text(scene->verdict->status));
    }
}

/* ---- mailboxes ---- */

static void set_range(struct range *range, const char *text)
{
    assert_null(range_parse(text, true, range));
}

static void mailboxes(void **state)
{
    struct scene *scene = *state;
    struct probe_path *path = begin(scene, PROBE_MAILBOX);
    struct probe *probe = &scene->probe;

    path->imap = (struct probe_imap_facts){.messages = 12,
                                           .newest = NOW - 180,
                                           .oldest = NOW - 4 * DAY,
                                           .storage_used = 955,
                                           .storage_limit = 1000,
                                           .messages_used = 12,
                                           .messages_limit = 100};
    assert_verdict(scene, PROBE_OK, "INBOX has 12 messages, the newest 3 min old");
    set_range(&probe->quota_warn, "90");
    assert_verdict(scene, PROBE_WARNING, "quota is 95.5 % used (warn 90)");
    set_range(&probe->count_crit, "20:");
    assert_verdict(scene, PROBE_CRITICAL, "INBOX has 12 messages (crit 20:)");
    set_range(&probe->newest_crit, "2m");
    assert_verdict(scene, PROBE_CRITICAL, "the newest message in INBOX is 3 min old (crit 120)");
    assert_detail(scene, "CRITICAL: INBOX has 12 messages (crit 20:)");
    set_range(&probe->oldest_warn, "1d");
    probe->newest_crit.set = probe->count_crit.set = false;
    assert_verdict(scene, PROBE_WARNING, "the oldest message in INBOX is 4 d old (warn 86400)");
    path->imap = (struct probe_imap_facts){0};
    set_range(&probe->newest_crit, "2m");
    assert_verdict(scene, PROBE_OK, "INBOX has 0 messages");
    path->imap.newest = NOW + 500; /* their clock is ahead */
    assert_verdict(scene, PROBE_OK, "INBOX has 0 messages, the newest 0 s old");
}

/* ---- round trips ---- */

static void round_trips(void **state)
{
    struct scene *scene = *state;
    begin(scene, PROBE_ROUNDTRIP);
    struct roundtrip_facts *facts = &scene->result->roundtrip;

    set_range(&scene->probe.warn, "60s");
    set_range(&scene->probe.crit, "10m");
    scene->result->has_roundtrip = true;
    facts->verdict = ROUNDTRIP_RETURNED;
    facts->duration = 2345678;
    facts->placement = PLACEMENT_INBOX;
    assert_verdict(scene, PROBE_OK, "back in 2.346 s, in inbox");
    facts->placement = PLACEMENT_JUNK;
    assert_verdict(scene, PROBE_WARNING, "came back to the junk folder");
    facts->duration = 61000000;
    assert_verdict(scene, PROBE_WARNING, "came back after 61 s (warn 60)");
    assert_detail(scene, "WARNING: came back to the junk folder");
    facts->duration = 601000000;
    assert_verdict(scene, PROBE_CRITICAL, "came back after 10 min (crit 600)");
    facts->verdict = ROUNDTRIP_LATE;
    assert_verdict(scene, PROBE_CRITICAL, "came back late, after 10 min (crit 600)");
    facts->verdict = ROUNDTRIP_LOST;
    assert_verdict(scene, PROBE_CRITICAL, "lost: not back within 24 h");
    facts->verdict = ROUNDTRIP_OUTSTANDING;
    facts->duration = -1;
    scene->result->at = NOW - 12;
    assert_verdict(scene, PROBE_CRITICAL, "not back after 12 s");
    scene->result->at = NOW - 700;
    assert_verdict(scene, PROBE_CRITICAL, "not back after 11 min (crit 600)");
    facts->verdict = ROUNDTRIP_UNCERTAIN;
    assert_verdict(scene, PROBE_WARNING, "uncertain whether the server accepted the message");
    facts->verdict = ROUNDTRIP_REJECTED;
    assert_verdict(scene, PROBE_CRITICAL, "the submission was rejected");
    fails(&scene->result->paths[0], DIALOGUE_AUTH, PHASE_AUTH, "rejected", "535 5.7.8 no");
    assert_verdict(scene, PROBE_CRITICAL, "auth failed on 192.0.2.7: 535 5.7.8 no");
    assert_false(has_detail(scene, "CRITICAL: the submission was rejected"));
}

static void the_way_of_a_round_trip_is_told(void **state)
{
    struct scene *scene = *state;
    begin(scene, PROBE_ROUNDTRIP);
    scene->result->has_roundtrip = true;
    scene->result->roundtrip = (struct roundtrip_facts){
        .verdict = ROUNDTRIP_RETURNED,
        .duration = 1000,
        .placement = PLACEMENT_INBOX,
        .auth = {[AUTH_SPF] = AUTH_PASS, [AUTH_DKIM] = AUTH_FAIL},
        .by_reflector = true,
        .has_delays = true,
        .delay_min = {0, 0.25, 1},
        .delay_max = {0.5, 0.25, 1.5},
        .offset_min = -3,
        .offset_max = -2.5,
        .n_hops = 2,
        .hop_seconds = {4, -1},
        .seen_by = "idle",
        .outstanding = 2,
        .oldest_outstanding = NOW - 3600 * 5,
    };
    evaluate_held(scene, PROBE_OK);
    assert_detail(scene, "returned, answered by the reflector");
    assert_detail(scene, "placement: inbox, seen by idle");
    assert_detail(scene, "authentication: spf pass, dkim fail, dmarc absent");
    assert_detail(scene, "delay out: between 0 and 0.5 s");
    assert_detail(scene, "the reflector's clock is ahead by between -3 and -2.5 s");
    assert_detail(scene, "hop 2: -1 s (the clocks disagree)");
    assert_detail(scene, "outstanding: 2, the oldest since 5 h");
    char *output = plugin_output(scene, 0);
    assert_non_null(strstr(output, " 'leg_out_min'=0s;;;0 'leg_out_max'=0.5s;;;0 "));
    assert_non_null(strstr(output, " 'clock_offset_min'=-3s 'clock_offset_max'=-2.5s\n"));
    free(output);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_services),
        TEST(a_failure_names_its_phase_the_address_and_the_reply),
        TEST(a_reply_is_whole_among_the_details),
        TEST(smtp_names_the_command_and_its_code),
        TEST(no_address_is_a_failure_of_the_service),
        TEST(of_two_families_the_bad_one_is_named),
        TEST(trouble_of_our_own_is_unknown),
        TEST(an_unverified_certificate_has_error_and_date),
        TEST(certificates_are_to_be_renewed_in_time),
        TEST(the_verified_chain_counts),
        TEST(a_missing_capability_is_critical),
        TEST(the_way_to_tls_need_not_be_offered_within),
        TEST(slowness_names_the_slowest_phase),
        TEST(what_is_raised_is_held),
        TEST(mailboxes),
        TEST(round_trips),
        TEST(the_way_of_a_round_trip_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
