/*
 * A verdict in the making: what the evaluators of the kinds of probes share. Each problem becomes a
 * detail; the first of the worst ones is the summary. Private to this room.
 */
#ifndef AGENT_PROBE_VERDICT_EVALUATION_H
#define AGENT_PROBE_VERDICT_EVALUATION_H

#include "agent/probe/verdict/verdict.h"

#define SUMMARY_AIM 80 /* characters; a longer server reply is cut */
#define SUMMARY_REPLY_MIN                                                                          \
    40                  /* of a server's reply are always shown, even if the summary gets longer */
#define DETAIL_MAX 2000 /* bytes of one line */
#define DURATION_TEXT_MAX 40
#define DATE_TEXT_MAX 24

struct evaluation {
    const struct probe *probe;
    const struct probe_result *result;
    time_t now;
    enum probe_status held;
    struct probe_verdict *verdict;
    size_t n_details;
};

/* Records a problem: it becomes a detail, and the summary unless there was one as bad before. */
void evaluation_problem(struct evaluation *evaluation, enum probe_status status, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));
void evaluation_detail(struct evaluation *evaluation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The status of a value: ranges of the status that is held are narrowed by the probe's hysteresis.
 */
enum probe_status evaluate_value(const struct evaluation *evaluation, const struct range *warn,
                                 const struct range *crit, double value);
/* The threshold that causes that status, as configured: " (warn 1:5)"; "" if none. */
void threshold_text(enum probe_status status, const struct range *warn, const struct range *crit,
                    char out[RANGE_TEXT_MAX + 16]);

/* "0.0004 s", "0.012 s", "12 s", "5 min", "3 h", "4 d" */
void duration_text(double seconds, char out[DURATION_TEXT_MAX]);
/* "2026-11-23", UTC */
void date_text(time_t time, char out[DATE_TEXT_MAX]);
/* "IPv4", "IPv6"; "" if unknown */
const char *family_name(int family);

/* '|' starts perfdata, a line end ends the summary; text of a server or a file may have both. */
void evaluation_replace_controls(char *text);

/* ---- evaluators: each adds problems, details or perfdata ---- */

void evaluate_paths(struct evaluation *evaluation);          /* probe/verdict/service.c */
void evaluate_certificates(struct evaluation *evaluation);   /* probe/verdict/service.c */
void evaluate_mailbox(struct evaluation *evaluation);        /* probe/verdict/mailbox.c */
void evaluate_roundtrip(struct evaluation *evaluation);      /* probe/verdict/roundtrip.c */
void evaluation_add_perfdata(struct evaluation *evaluation); /* probe/verdict/perfdata.c */
void evaluation_add_details(struct evaluation *evaluation);  /* probe/verdict/details.c */

/* Days until the first certificate expires, rounded down to hundredths; NAN: none seen. Of the
 * verified chain, else of all that were sent. */
double evaluation_certificate_days(const struct evaluation *evaluation);
double quota_percent(const struct probe_imap_facts *facts); /* NAN: quota unknown */
/* Seconds from then to the run, never negative; NAN if then is 0. */
double evaluation_age(const struct evaluation *evaluation, time_t then);

#endif
