/*
 * What a reload leaves alone: whether two configurations mean the same by a login, a probe or a
 * reflector. Position in the file does not count. Pure.
 */
#ifndef AGENT_CONFIG_SAME_H
#define AGENT_CONFIG_SAME_H

#include "agent/config/config.h"

/* Whether both log in to a mailbox in the same way: then its session need not be interrupted. */
bool same_login(const struct server *server_a, const char *login_a,
                const struct secret_source *secret_a, const struct server *server_b,
                const char *login_b, const struct secret_source *secret_b);
/* Servers and accounts that it uses are compared, too. What is the same keeps its state. */
bool probe_same(const struct probe *a, const struct probe *b);
bool reflector_same(const struct reflector *a, const struct reflector *b);

#endif
