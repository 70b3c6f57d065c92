/*
 * A verdict while it is being made: what the files that judge the kinds of probes share. Findings
 * are what is wrong; the first of the worst is the summary. Only probe/verdict/verdict.c, its
 * judges and probe/verdict/details.c include this.
 */
#ifndef AGENT_PROBE_VERDICT_JUDGE_H
#define AGENT_PROBE_VERDICT_JUDGE_H

#include "agent/probe/verdict/verdict.h"

#define JUDGE_SUMMARY_AIM 80 /* characters */
#define JUDGE_REPLY_LEAST 40 /* of a server's reply are shown, even if the summary gets longer */
#define JUDGE_LINE_MAX 2000  /* of one detail */
#define JUDGE_SPAN_MAX 40
#define JUDGE_DATE_MAX 24

struct judge {
    const struct probe *probe;
    const struct probe_result *result;
    time_t now;
    enum probe_status held;
    struct probe_verdict *verdict;
    size_t n_details;
};

/* Notes what is wrong: it becomes a detail, and the summary if nothing as bad was found before. */
void judge_found(struct judge *judge, enum probe_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void judge_detail(struct judge *judge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The status of a value: ranges of what is held are narrowed by the probe's hysteresis. */
enum probe_status judge_value(const struct judge *judge, const struct range *warn,
                              const struct range *crit, double value);
/* The range that makes it that status, as it was configured: " (warn 1:5)"; "" if none. */
void judge_range_text(enum probe_status status, const struct range *warn, const struct range *crit,
                      char out[RANGE_TEXT_MAX + 16]);

/* "0.0004 s", "0.012 s", "12 s", "5 min", "3 h", "4 d" */
void judge_span(double seconds, char out[JUDGE_SPAN_MAX]);
/* "2026-11-23", UTC */
void judge_date(time_t time, char out[JUDGE_DATE_MAX]);
/* "IPv4", "IPv6"; "" if it is not known */
const char *judge_family(int family);
/* The first path on which all went well; NULL: none. */
const struct probe_path *judge_well_path(const struct probe_result *result);

/* ---- judges and details: each adds findings, details and perfdata ---- */

void judge_paths(struct judge *judge);        /* probe/verdict/service.c */
void judge_certificates(struct judge *judge); /* probe/verdict/service.c */
void judge_mailbox(struct judge *judge);      /* probe/verdict/mailbox.c */
void judge_roundtrip(struct judge *judge);    /* probe/verdict/roundtrip.c */
void judge_perfdata(struct judge *judge);     /* probe/verdict/perfdata.c */
void judge_details(struct judge *judge);      /* probe/verdict/details.c: what is no finding */

/* Days until the first of the certificates that count expires, cut to hundredths; NAN: none seen.
 * Those that count are the verified chain's, else all that were sent. */
double judge_certificate_days(const struct judge *judge);
double judge_quota_percent(const struct probe_imap_facts *facts); /* NAN: no quota is known */
/* Seconds since then at the time of the run, never negative; NAN: then is 0. */
double judge_age(const struct judge *judge, time_t then);

#endif
