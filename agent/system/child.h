/*
 * A configured command as a child process under the event loop: for secrets, run by /bin/sh -c,
 * with its output; for alerts, executed directly, with an input.
 *
 * The child has a process group of its own, our standard error, no other open file, default
 * signals, and of our environment only PATH, HOME and LANG. On timeout or when it is
 * cancelled, the whole group is killed.
 */
#ifndef AGENT_SYSTEM_CHILD_H
#define AGENT_SYSTEM_CHILD_H

#include <event2/event.h>
#include <stddef.h>

struct child;

/* why NULL: the command exited with status 0, and output is all it wrote (NUL-terminated; may be
 * changed; wiped afterwards). Else why says what went wrong and output is NULL. */
typedef void child_done(void *arg, char *output, size_t len, const char *why);

/* Standard input is /dev/null. Standard output is read up to `max` bytes; more is a failure; the
 * memory is wiped. done is called once, from the loop, never from inside child_run().
 */
struct child *child_run(struct event_base *base, const char *command, size_t max, unsigned timeout,
                        child_done *done, void *arg);

struct child_program {
    char *const *arguments;   /* NULL-terminated, an absolute path first */
    char *const *environment; /* "NAME=value", NULL-terminated: besides PATH, HOME and LANG */
    /* Written to its standard input as it reads it, then end of file. It is not a failure if it
     * does not read all of it. SIGPIPE must be ignored. */
    const char *input;
    size_t input_len;
    unsigned timeout; /* seconds */
};

/* Standard output is /dev/null. Everything is copied. done is called as child_run() does, with an
 * empty output. */
struct child *child_run_program(struct event_base *base, const struct child_program *program,
                                child_done *done, void *arg);
/* Kills it; done is not called. */
void child_cancel(struct child *child);

#endif
