/*
 * The judgement of one result: what a Nagios plugin would exit with, and what it would say. Pure.
 *
 * CRITICAL: a path failed (a network timeout too), an expected capability is missing, a crit range
 * alerts, a certificate expires within cert_crit or does not verify. WARNING: a warn range,
 * cert_warn, a round trip in Junk. UNKNOWN: the probe could not be run. Round trip: critical when
 * late, lost, rejected or not back within crit.
 * The summary names the guilty phase, the address family when only one of two failed, and the
 * server's reply: "IMAP CRITICAL: auth failed on 192.0.2.7: NO [AUTHENTICATIONFAILED] ...".
 */
#ifndef AGENT_PROBE_VERDICT_H
#define AGENT_PROBE_VERDICT_H

#include <stdio.h>

#include "agent/json.h"
#include "agent/probe_result.h"

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
    char *summary;  /* one line without the status, aimed below 80 characters; no '|' */
    char **details; /* NULL-terminated lines, for -v; no '|' */
    struct perfdata *perfdata;
    size_t n_perfdata;
};

/* now: for dates. narrowed: thresholds with the probe's hysteresis (a raised alarm is held). */
struct probe_verdict *probe_verdict_new(const struct probe *probe,
                                        const struct probe_result *result, time_t now,
                                        bool narrowed);
void probe_verdict_free(struct probe_verdict *verdict);

/* "IMAP OK - text | 'time'=0.004s;1;5;0 ..." and with verbosity > 0 the details behind it. */
void nagios_write(FILE *out, const struct probe *probe, const struct probe_verdict *verdict,
                  int verbosity);
/* The members of an object that the caller has begun: probe, type, status, phases in seconds by
 * path, certificates, reply, ... everything that is known. */
void probe_json(struct json *json, const struct probe *probe, const struct probe_result *result,
                const struct probe_verdict *verdict);

#endif
