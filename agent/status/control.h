/*
 * The control socket STATE_DIR/control.sock, 0600: one line in, an answer out, closed. The
 * questions are those of service.c.
 */
#ifndef AGENT_STATUS_CONTROL_H
#define AGENT_STATUS_CONTROL_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>

struct control;

/* Fills answer, then calls control_answer(); maybe later. A question that nobody answers is closed
 * after CONTROL_TIMEOUT seconds. */
#define CONTROL_TIMEOUT 10
#define CONTROL_CLIENTS_MAX 16

struct control_question;
typedef void control_ask(void *arg, struct control_question *question, const char *line);
void control_answer(struct control_question *question, const char *text, size_t len);

/* NULL: *why (caller frees). Replaces a socket that a crashed agent left. */
struct control *control_new(struct event_base *base, const char *state_dir, control_ask *ask,
                            void *arg, char **why);
void control_free(struct control *control);

/* The client: sends a request and waits for the reply, which the caller frees; else NULL and *why.
 */
char *control_request(const char *state_dir, const char *line, char **why);
/* Likewise; each step may take so many seconds. *is_running: false where no agent runs with that
 * state directory; not where it only cannot be reached. */
char *control_request_within(const char *state_dir, const char *line, unsigned seconds,
                             bool *is_running, char **why);

#endif
