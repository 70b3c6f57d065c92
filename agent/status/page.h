/*
 * The page for people: who is watched, lag, spool, targets, probes with small plots (inline SVG),
 * reflectors. HTML without script and without anything from elsewhere; all names are escaped; no
 * content of messages. Problems come first.
 */
#ifndef AGENT_STATUS_PAGE_H
#define AGENT_STATUS_PAGE_H

#include <stdio.h>

#include "agent/status/snapshot.h"

/* Of accounts; troubled ones come first, and the rest is counted. */
#define PAGE_ACCOUNTS_MAX 500
/* Problems that are listed; the rest is counted. */
#define PAGE_TROUBLES_MAX 100

/* The text between <style> and </style>: its digest goes into the Content-Security-Policy.
 */
extern const char page_style[];

void page_write(FILE *out, const struct snapshot *snapshot, const struct ledger_figures *figures,
                const struct ledger_target_figures *targets, size_t n_targets);

/* The text with what HTML could mistake for markup escaped, controls and what is not UTF-8
 * replaced: safe as text and in a quoted attribute. */
void page_text(FILE *out, const char *text);
/* An inline SVG of the durations, with a title for screen readers. */
void page_plot(FILE *out, const struct probe_point *points, size_t n);

#endif
