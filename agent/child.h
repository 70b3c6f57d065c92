/*
 * A command of the administrator's, run by /bin/sh -c as a child process under the event loop: for
 * secrets and alerts.
 *
 * The child has a process group of its own, /dev/null as standard input, our standard error, no
 * other open file, default signals, and of our environment only PATH, HOME and LANG. Its standard
 * output is read up to `max` octets; more is a failure. When its time is over, or it is cancelled,
 * the whole group is killed. All memory that held output is wiped.
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include <event2/event.h>
#include <stddef.h>

struct child;

/* why NULL: the command ended with status 0, and output is all it wrote (NUL-terminated; may be
 * changed; wiped afterwards). Else why says what went wrong and output is NULL. */
typedef void child_done(void *arg, char *output, size_t len, const char *why);

/* done is called once, from the loop, never from inside child_run(). */
struct child *child_run(struct event_base *base, const char *command, size_t max, unsigned timeout,
                        child_done *done, void *arg);
/* Kills it; done is not called. */
void child_cancel(struct child *child);

#endif
