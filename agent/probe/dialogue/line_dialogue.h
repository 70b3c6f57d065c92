/*
 * The connection under the dialogues whose lines are text, SMTP and POP3: it connects, hands over
 * line by line, tells phases, watches over the time of the whole dialogue, and ends it, each as
 * dialogue.h says. The protocol on top is a class of functions and its own struct, the owner.
 *
 * Functions of the class are called from the loop. Any of them, and any callback of the dialogue's
 * user, may end the dialogue or free it: line_dialogue_is_over() tells, and what is asked of a
 * dialogue that is over does nothing. The memory of both stays until the loop has them back.
 */
#ifndef AGENT_PROBE_DIALOGUE_LINE_DIALOGUE_H
#define AGENT_PROBE_DIALOGUE_LINE_DIALOGUE_H

#include <event2/buffer.h>

#include "agent/probe/dialogue/capability_set.h"
#include "agent/probe/dialogue/dialogue.h"

struct line_dialogue;

struct line_dialogue_class {
    /* May be NULL. Before anything is opened: may fail the dialogue. */
    void (*begin)(void *owner);
    /* Connected, and secured with implicit TLS: the greeting will come. Then again: secured after
     * line_dialogue_start_tls(). */
    void (*up)(void *owner);
    void (*line)(void *owner, const char *line, size_t len); /* NUL behind it */
    void (*drained)(void *owner); /* may be NULL: all that was queued was given to the system */
    /* A reply that holds the secret is not told. */
    bool (*tells_secret)(void *owner, const char *text, size_t len);
    void (*release)(void *owner); /* frees it */
};

struct line_dialogue *line_dialogue_new(const struct line_dialogue_class *class, void *owner,
                                        const struct dialogue_peer *peer,
                                        const struct dialogue_events *events, void *arg);
/* Frees the owner too, as soon as nobody of the loop is inside. */
void line_dialogue_free(struct line_dialogue *dialogue);
bool line_dialogue_is_over(const struct line_dialogue *dialogue);

void line_dialogue_enter(struct line_dialogue *dialogue, enum phase phase);
/* What the server offers, for the owner to fill. */
struct capability_set *line_dialogue_capabilities(struct line_dialogue *dialogue);

/* ---- speaking ---- */

/* The greeting was whole and is one of this protocol: from now on a failure says QUIT. */
void line_dialogue_greeted(struct line_dialogue *dialogue);
/* A command with its arguments; name, static, is told when it fails. */
__attribute__((format(printf, 3, 4))) void
line_dialogue_send(struct line_dialogue *dialogue, const char *name, const char *format, ...);
/* The same with a secret in it, wherever it stands in the line. */
void line_dialogue_send_secret(struct line_dialogue *dialogue, const char *name, const char *line);
/* Whether the reply that is read now had begun to come before its command was sent. */
bool line_dialogue_is_early(const struct line_dialogue *dialogue);
/* Moves the content of data to what is sent. Until line_dialogue_end_data() no command can be said,
 * QUIT neither. */
void line_dialogue_send_data(struct line_dialogue *dialogue, struct evbuffer *data);
bool line_dialogue_is_drained(const struct line_dialogue *dialogue);
/* The last dot: from now on a failure is uncertain, until line_dialogue_certain(). */
void line_dialogue_end_data(struct line_dialogue *dialogue);
void line_dialogue_certain(struct line_dialogue *dialogue);
/* STARTTLS was agreed on. Forgets the capabilities; what came already is a failure. */
void line_dialogue_start_tls(struct line_dialogue *dialogue);

/* ---- the end ---- */

/* All went well: QUIT. Its reply is handed to line(), which calls line_dialogue_finish(). */
void line_dialogue_quit(struct line_dialogue *dialogue);
void line_dialogue_finish(struct line_dialogue *dialogue);

struct line_failure {
    enum dialogue_end end;
    unsigned code;
    bool temporary;
    const char *reply; /* NULL: none */
    size_t reply_len;
};

/* The rest is the reason. */
__attribute__((format(printf, 3, 4))) void line_dialogue_fail(struct line_dialogue *dialogue,
                                                              const struct line_failure *failure,
                                                              const char *format, ...);

#endif
