/*
 * The page for people: who is watched, lag, spool, targets, probes with small plots (inline SVG),
 * reflectors. HTML without script and without anything from elsewhere; all names are escaped; no
 * content of messages. What is wrong stands first.
 */
#ifndef AGENT_PAGE_H
#define AGENT_PAGE_H

#include <stdio.h>

#include "agent/agent.h"

void page_write(FILE *out, const struct agent_view *view, const struct ledger_figures *figures,
                const struct ledger_target_figures *targets, size_t n_targets);

#endif
