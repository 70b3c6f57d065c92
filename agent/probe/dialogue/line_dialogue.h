/*
 * The connection below the dialogues whose lines are text, SMTP and POP3: it connects, delivers
 * line by line, reports phases, enforces the time limit of the whole dialogue, and ends it, each as
 * dialogue.h says. The protocol on top is a class of functions and a struct of its own, the owner.
 *
 * Functions of the class are called from the loop. Any of them, and any callback of the dialogue's
 * user, may end the dialogue or free it: line_dialogue_is_over() says so, and calls for a dialogue
 * that is over have no effect. The memory of both stays until the stack has returned to the loop.
 */
#ifndef AGENT_PROBE_DIALOGUE_LINE_DIALOGUE_H
#define AGENT_PROBE_DIALOGUE_LINE_DIALOGUE_H

#include <event2/buffer.h>

#include "agent/probe/dialogue/capability_set.h"
#include "agent/probe/dialogue/dialogue.h"

struct line_dialogue;

struct line_dialogue_class {
    /* May be NULL. Called before a connection is opened; may fail the dialogue. */
    void (*begin)(void *owner);
    /* Connected, with implicit TLS secured: the greeting is next. Once more when it is secured
     * after line_dialogue_start_tls(). */
    void (*up)(void *owner);
    void (*line)(void *owner, const char *line, size_t len); /* NUL-terminated */
    void (*drained)(void *owner); /* may be NULL: all that was queued has been sent */
    /* A reply that contains the secret is not reported. */
    bool (*contains_secret)(void *owner, const char *text, size_t len);
    void (*release)(void *owner); /* frees it */
};

struct line_dialogue *line_dialogue_new(const struct line_dialogue_class *class, void *owner,
                                        const struct dialogue_peer *peer,
                                        const struct dialogue_events *events, void *arg);
/* Frees the owner too, once the stack has returned to the loop. */
void line_dialogue_free(struct line_dialogue *dialogue);
bool line_dialogue_is_over(const struct line_dialogue *dialogue);

void line_dialogue_enter(struct line_dialogue *dialogue, enum phase phase);
/* What the server offers, for the owner to fill. */
struct capability_set *line_dialogue_capabilities(struct line_dialogue *dialogue);

/* ---- sending ---- */

/* The greeting was complete and of this protocol: from now on a failure sends QUIT. */
void line_dialogue_greeted(struct line_dialogue *dialogue);
/* A command with its arguments; name, static, is reported when it fails. */
__attribute__((format(printf, 3, 4))) void
line_dialogue_send(struct line_dialogue *dialogue, const char *name, const char *format, ...);
/* The same with a secret anywhere in the line. */
void line_dialogue_send_secret(struct line_dialogue *dialogue, const char *name, const char *line);
/* Whether the reply that is being read had begun to arrive before its command was sent. */
bool line_dialogue_is_early(const struct line_dialogue *dialogue);
/* Moves the content of data to the output. Until line_dialogue_end_data() no command can be sent,
 * not even QUIT. */
void line_dialogue_send_data(struct line_dialogue *dialogue, struct evbuffer *data);
bool line_dialogue_is_drained(const struct line_dialogue *dialogue);
/* The final dot: from now on a failure is uncertain, until line_dialogue_certain(). */
void line_dialogue_end_data(struct line_dialogue *dialogue);
void line_dialogue_certain(struct line_dialogue *dialogue);
/* STARTTLS was accepted. Forgets the capabilities; data that has arrived already is a failure. */
void line_dialogue_start_tls(struct line_dialogue *dialogue);

/* ---- the end ---- */

/* Nothing failed: QUIT. Its reply goes to line(), which calls line_dialogue_finish(). */
void line_dialogue_quit(struct line_dialogue *dialogue);
void line_dialogue_finish(struct line_dialogue *dialogue);

struct line_failure {
    enum dialogue_end end;
    unsigned code;
    bool temporary;
    const char *reply; /* NULL: none */
    size_t reply_len;
};

/* format and what follows: the reason. */
__attribute__((format(printf, 3, 4))) void line_dialogue_fail(struct line_dialogue *dialogue,
                                                              const struct line_failure *failure,
                                                              const char *format, ...);

#endif
