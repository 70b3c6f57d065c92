/*
 * The verdict on one result: what a Nagios plugin would print and exit with. Pure.
 *
 * CRITICAL: a path failed (a network timeout too), an expected capability is missing, a crit range
 * alerts, a certificate expires within cert_crit or does not verify. WARNING: a warn range,
 * cert_warn, a round trip in Junk. UNKNOWN: the probe could not be run. Round trip: critical when
 * late, lost, rejected or not back within crit.
 * The summary names the phase that failed, the address family when only one of two failed, and the
 * server's reply: "IMAP CRITICAL: auth failed on 192.0.2.7: NO [AUTHENTICATIONFAILED] ...". A long
 * reply is cut there, and in full among the details.
 *
 * Perfdata. A label keeps its meaning and its unit for ever; thresholds are as configured, whether
 * exceeded or not. What every run has comes first, always, and is "U" when it is unavailable:
 *     imap, pop3, smtp  time (of the slower path) in s, warn and crit
 *                       cert_days with TLS; messages when logged in; pop3: octets in B
 *     mailbox           newest_age and oldest_age in s, messages, quota in %; then as imap
 *     roundtrip         duration in s, outstanding; cert_days of the submission
 * Then what this run consisted of, where there was any:
 *     time_resolve, time_PHASE ... time_quit in s; for a name that is checked over both families
 *     time_ipv6 and time_PHASE_ipv6, time_ipv4 and time_PHASE_ipv4 (also when it has only one);
 *     a phase that failed has the time until it did
 *     leg_out_min, leg_out_max ... leg_back_max, clock_offset_min, clock_offset_max in s
 */
#ifndef AGENT_PROBE_VERDICT_VERDICT_H
#define AGENT_PROBE_VERDICT_VERDICT_H

#include <stdio.h>

#include "agent/probe/verdict/result.h"
#include "agent/util/json.h"

enum probe_status { PROBE_OK, PROBE_WARNING, PROBE_CRITICAL, PROBE_UNKNOWN };
const char *probe_status_text(enum probe_status status); /* "OK" "WARNING" ... */

struct perfdata {
    char *label;
    double value;     /* NAN: "U" */
    const char *unit; /* "", "s", "B", "%", "c": constant */
    struct range warn, crit;
    double min, max; /* NAN: none */
};

struct probe_verdict {
    enum probe_status status;
    char *summary;  /* one line without the status, aimed at 80 characters; no '|' */
    char **details; /* NULL-terminated lines, for -v; no '|' */
    struct perfdata *perfdata;
    size_t n_perfdata;
};

/* now: for dates. held: the status that is raised at present (struct probe_state's shown): the
 * thresholds of it and of lesser ones are narrowed by the probe's hysteresis; PROBE_OK,
 * PROBE_UNKNOWN: none is.
 */
struct probe_verdict *probe_verdict_new(const struct probe *probe,
                                        const struct probe_result *result, time_t now,
                                        enum probe_status held);
void probe_verdict_free(struct probe_verdict *verdict);

/* "IMAP OK: text | 'time'=0.004s;1;5;0 ..."; with verbosity > 0, the details follow. */
void nagios_write(FILE *out, const struct probe *probe, const struct probe_verdict *verdict,
                  int verbosity);
/* The members of an object that the caller has opened: probe, type, status, phases in seconds by
 * path, certificates, reply, ... everything that is known. */
void probe_json(struct json *json, const struct probe *probe, const struct probe_result *result,
                const struct probe_verdict *verdict);

#endif
