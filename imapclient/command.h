/*
 * The queue of commands: decides which may be sent when, matches replies to them, and reports the
 * result of each exactly once.
 *
 * A command is one or more lines; its class defines its special behaviour. Commands wait in the
 * order in which they were queued; those that were sent are found by their tag. An exclusive
 * command is sent when nothing else is in flight, and becomes the holder: nothing is sent after it
 * until it ends or releases the connection (RFC 9051 section 5.5). Ownership: the queue owns every
 * command from command_queue() on.
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
    bool setup; /* part of the login: sent before the session is ready and before all others */
    /* Called before the first line is sent: sets line, exclusive or refused. */
    void (*prepare)(struct imap_session *session, struct command *command);
    /* The line was written; or, for the holder, there is room to write, or something changed. */
    void (*write)(struct imap_session *session, struct command *command);
    /* While it is the holder: an untagged response arrived. */
    void (*untagged)(struct imap_session *session, struct command *command,
                     const struct imap_untagged *untagged);
    void (*plus)(struct imap_session *session, struct command *command,
                 const struct imap_text *text);
    enum command_next (*tagged)(struct imap_session *session, struct command *command,
                                const struct imap_text *text);
    /* While it is the holder (NULL: never): no reply is expected now. */
    bool (*is_quiet)(const struct command *command);
    /* While it is the holder (NULL: never): waiting for its owner, not for the server. */
    bool (*is_stalled)(const struct command *command);
    /* Reports the result; without it command->done is called. */
    void (*finish)(struct imap_session *session, struct command *command,
                   const struct imap_result *result);
    /* Frees its members, not the command itself. */
    void (*release)(struct command *command);
};

struct command {
    TAILQ_ENTRY(command) link;
    const struct command_class *class;
    char *line;          /* the next line, without tag and CRLF */
    const char *refused; /* why it is not sent; a constant */
    imap_done *done;
    void *arg;
    unsigned number; /* of its tag */
    bool prepared, sent, exclusive;
    bool secret; /* its lines are not traced, and wiped */
};

TAILQ_HEAD(command_list, command);

/* Zeroed memory of that size, beginning with a struct command. */
void *command_new(size_t size, const struct command_class *class, imap_done *done, void *arg);
void command_queue(struct imap_session *session, struct command *command);
/* A command of one line; takes ownership of line. NULL: refused as invalid. */
void command_queue_line(struct imap_session *session, char *line, imap_done *done, void *arg);
/* Sends what may be sent now. Only from the event loop. */
void command_pump(struct imap_session *session);
/* Reports the result and frees the command. text is NULL unless kind is OK, NO or BAD. */
void command_end(struct imap_session *session, struct command *command, enum imap_result_kind kind,
                 const struct imap_text *text, const char *reason);
/* After the session has failed: all commands end as LOST, UNSENT or INVALID. */
void command_end_all(struct imap_session *session, const char *reason);
/* Frees all without any callback. */
void command_free_all(struct imap_session *session);

void command_on_tagged(struct imap_session *session, const struct imap_response *response);
void command_on_plus(struct imap_session *session, const struct imap_text *text);

/* Copies a text that has to outlive its unit, without the uids. */
void command_text_keep(struct imap_text *kept, const struct imap_text *text);
void command_text_release(struct imap_text *kept);
enum imap_result_kind command_result_kind(const struct imap_text *text);

#endif
