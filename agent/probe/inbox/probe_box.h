/*
 * A folder where test messages arrive, with what must not be forgotten about it: an inbox
 * (inbox.h), how far it was looked through (in the ledger), and the messages that are to be deleted
 * when they are old (leftovers.h). Round trips have two, for the return folder and for Junk;
 * reflectors have one.
 *
 * Without a ledger nothing is durable, everything in the folder is looked at, nothing is deleted.
 */
#ifndef AGENT_PROBE_INBOX_PROBE_BOX_H
#define AGENT_PROBE_INBOX_PROBE_BOX_H

#include "agent/ledger/ledger.h"
#include "agent/probe/inbox/inbox.h"

struct probe_box;

struct probe_box_options { /* account is borrowed for the life of the box, the rest copied */
    const struct account *account;
    const char *folder; /* NULL: Junk */
    bool dedicated;
    const char *who; /* for the ledger: "probe NAME" */
};

struct probe_box_events { /* each may call probe_box_free(), and none probe_box_close() */
    /* was_seen: it was passed on before, in an earlier run of the program, and is passed on again
     * only so that it can be deleted. */
    void (*on_message)(void *arg, const struct inbox_message *message, bool was_seen);
    void (*on_looked)(void *arg);
    void (*on_trouble)(void *arg, const char *why); /* as in inbox.h */
    /* The lowest UID that is not finished, and must be passed on again after a restart; 0: none.
     * May be NULL. When it has changed, probe_box_note() makes it durable. */
    uint32_t (*unfinished)(void *arg);
};

struct probe_box *probe_box_new(struct links *links, struct ledger *ledger,
                                const struct probe_box_options *options,
                                const struct probe_box_events *events, void *arg);
void probe_box_free(struct probe_box *box);
/* Starts or stops watching; what is known of the folder stays. A new box is closed. */
void probe_box_open(struct probe_box *box);
void probe_box_close(struct probe_box *box);
bool probe_box_is_open(const struct probe_box *box);

void probe_box_note(struct probe_box *box);
void probe_box_expect(struct probe_box *box, unsigned milliseconds);
/* That message is deleted when it is old: its age counts from `since`. */
void probe_box_expunge_later(struct probe_box *box, const struct inbox_message *message,
                             time_t since);
/* Deletes those messages whose age counts from `before` or earlier. */
void probe_box_clean(struct probe_box *box, time_t before);
/* From when the age of the oldest of them counts; 0: none. */
time_t probe_box_oldest_leftover(const struct probe_box *box);
bool probe_box_is_deleting(const struct probe_box *box);

/* Everything was looked at, in this session. */
bool probe_box_is_up(const struct probe_box *box);
const char *probe_box_trouble(const struct probe_box *box); /* NULL: none */
/* false: unknown. */
bool probe_box_messages(const struct probe_box *box, uint32_t *messages);

#endif
