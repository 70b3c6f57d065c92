/*
 * The queue of commands: who may be sent when, whose reply has come, and that each is answered
 * exactly once.
 *
 * A command is a line or several, a class says what is special about it. Commands wait in the order
 * in which they were asked for; those that were sent are found again by their tag. A command that
 * stands alone is sent when nothing else is under way, and becomes the holder: nothing is sent
 * behind it before it ends or lets go (RFC 9051 section 5.5).
 * Ownership: the queue owns every command from command_queue() on.
 */
#ifndef IMAPCLIENT_COMMAND_H
#define IMAPCLIENT_COMMAND_H

#include <sys/queue.h>

#include "imapclient/session.h"

struct command;

enum command_next {
    COMMAND_ENDS,      /* the tagged reply is its result */
    COMMAND_CONTINUES, /* it has set its next line */
    COMMAND_PENDING,   /* it will call command_end() itself */
};

struct command_class {
    bool setup; /* part of the sign-in: sent before the session is ready, and before all others */
    /* Just before the first line is due: sets line, alone or refused. */
    void (*prepare)(struct imap_session *session, struct command *command);
    /* The line was written; or, for the holder, there is room for more, or news to look at. */
    void (*write)(struct imap_session *session, struct command *command);
    /* Looks at what comes while it is the holder. */
    void (*untagged)(struct imap_session *session, struct command *command,
                     const struct imap_untagged *untagged);
    void (*plus)(struct imap_session *session, struct command *command,
                 const struct imap_text *text);
    enum command_next (*tagged)(struct imap_session *session, struct command *command,
                                const struct imap_text *text);
    /* While it is the holder, NULL: never. Nothing is expected of the server now. */
    bool (*is_quiet)(const struct command *command);
    /* While it is the holder, NULL: never. It waits for its owner, not for the server. */
    bool (*is_stalled)(const struct command *command);
    /* Tells the result; without it command->done is called. */
    void (*finish)(struct imap_session *session, struct command *command,
                   const struct imap_result *result);
    /* Frees what it holds, not the command itself. */
    void (*release)(struct command *command);
};

struct command {
    TAILQ_ENTRY(command) link;
    const struct command_class *class;
    char *line;          /* the next line without tag and line end */
    const char *refused; /* why it is not sent at all: a constant */
    imap_done *done;
    void *arg;
    unsigned number; /* of its tag */
    bool prepared, sent, exclusive;
    bool secret; /* its lines are not shown, and wiped */
};

TAILQ_HEAD(command_list, command);

/* Zeroed memory of that size, which begins with a struct command. */
void *command_new(size_t size, const struct command_class *class, imap_done *done, void *arg);
void command_queue(struct imap_session *session, struct command *command);
/* A command that is one line; line is taken over, NULL: refused as invalid. */
void command_queue_line(struct imap_session *session, char *line, imap_done *done, void *arg);
/* Sends what may be sent. Only from the event loop. */
void command_pump(struct imap_session *session);
/* Calls back and forgets. text NULL unless kind is OK, NO or BAD. */
void command_end(struct imap_session *session, struct command *command, enum imap_result_kind kind,
                 const struct imap_text *text, const char *reason);
/* The session has ended: all commands end as LOST or UNSENT. */
void command_end_all(struct imap_session *session, const char *reason);
/* Frees all, calls nothing. */
void command_free_all(struct imap_session *session);

void command_on_tagged(struct imap_session *session, const struct imap_response *response);
void command_on_plus(struct imap_session *session, const struct imap_text *text);

/* Copies a text that has to live longer than the unit it came with; uids are not kept. */
void command_text_keep(struct imap_text *kept, const struct imap_text *text);
void command_text_release(struct imap_text *kept);
enum imap_result_kind command_result_kind(const struct imap_text *text);

#endif
