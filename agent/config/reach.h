/*
 * Whether two configurations reach a mailbox in the same way, so that a reload need not interrupt
 * its session. Pure.
 */
#ifndef AGENT_CONFIG_REACH_H
#define AGENT_CONFIG_REACH_H

#include "agent/config/config.h"

bool same_reach(const struct server *server_a, const char *login_a,
                const struct secret_source *secret_a, const struct server *server_b,
                const char *login_b, const struct secret_source *secret_b);

#endif
