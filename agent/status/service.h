/*
 * Who asks the running agent, and their answers: the control socket (control.h: "status",
 * "status json", "probe text|json VERBOSITY NAME") and the status service (http.h).
 *
 * Most answers need the ledger's figures, which come later; while the ledger is stuck they are the
 * last ones known. A port that is taken stops no monitoring: it is logged, and tried again.
 */
#ifndef AGENT_STATUS_SERVICE_H
#define AGENT_STATUS_SERVICE_H

#include "agent/agent.h"

#define QUESTIONS_HTTP_RETRY 10 /* seconds */

struct questions;

/* Opens the control socket. NULL: *why (caller frees). */
struct questions *questions_new(struct event_base *base, const struct agent *agent,
                                const char *state_dir, char **why);
/* Behind ledger_close(): answers still come while it closes. */
void questions_free(struct questions *questions);
/* Opens, moves or closes the status service as the configuration has it. */
void questions_take_config(struct questions *questions, const struct config *config);
/* To be called about once a second: answers who asked a ledger that got stuck since, and tries a
 * port again that was taken. */
void questions_every_second(struct questions *questions);

#endif
