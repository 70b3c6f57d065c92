/*
 * A mailbox that is listened to for probes: used by round trips (their return folder, and Junk) and
 * by reflectors. One session (link.h), the folder SELECTed; new messages are seen by IDLE, helped
 * by NOOP every INBOX_NOOP milliseconds while something is expected (Dovecot tells IDLE half a
 * second late), else by polling where IDLE is not offered. All is looked at every INBOX_LOOK
 * seconds even when all seems well. The session comes back by itself, with backoff.
 *
 * Of every new message the header is fetched, PROBE_MAIL_HEADER octets at most, and given to
 * on_message with how it was seen. What was there before is looked through too, from the place that
 * the owner gives; of a backlog of more than INBOX_BACKLOG messages only those that the server's
 * SEARCH finds to be possible probes.
 * Deleting: UID STORE \Deleted and UID EXPUNGE; without UIDPLUS only when the owner has said that
 * the mailbox is dedicated, by EXPUNGE; else it is left and inbox_can_delete() says no.
 */
#ifndef AGENT_PROBE_INBOX_INBOX_H
#define AGENT_PROBE_INBOX_INBOX_H

#include "agent/session/link.h"

#define INBOX_NOOP 150      /* milliseconds */
#define INBOX_EXPECT_MAX 30 /* seconds that NOOP helps behind one expectation */
#define INBOX_POLL 10       /* seconds, without IDLE */
#define INBOX_LOOK 60       /* seconds, with IDLE */
#define INBOX_BACKLOG 1000

struct inbox;

struct inbox_message {
    uint32_t uidvalidity, uid;
    time_t internaldate;
    const char *header;
    size_t len; /* cut at PROBE_MAIL_HEADER */
    bool cut;
    const char *seen_by; /* "idle", "noop", "poll", "start": constant */
};

struct inbox_options { /* copied, but account, which must outlive the inbox */
    const struct account *account;
    const char *folder; /* NULL: the junk folder, found by SPECIAL-USE and known names */
    bool dedicated;
    uint32_t uidvalidity, seen_through; /* where to go on; 0, 0: everything that is there */
};

struct inbox_events {
    /* In the server's order, which is that of UIDs. After a session that was lost, or a new
     * UIDVALIDITY, a message may be given once more. */
    void (*on_message)(void *arg, const struct inbox_message *message);
    /* All that was there has been given; after each look. messages: in the folder. */
    void (*on_looked)(void *arg, const char *folder, uint32_t uidvalidity, uint32_t seen_through,
                      uint32_t messages);
    /* NULL: it is well again, and all was looked at. why: for a person. */
    void (*on_trouble)(void *arg, const char *why);
};

/* Callbacks may call inbox_free(). */
struct inbox *inbox_new(struct links *links, const struct inbox_options *options,
                        const struct inbox_events *events, void *arg);
void inbox_free(struct inbox *inbox);
/* A message is about to come: NOOP helps for so long (milliseconds; at most INBOX_EXPECT_MAX). */
void inbox_expect(struct inbox *inbox, unsigned milliseconds);
/* Deletes those UIDs of the folder with that UIDVALIDITY, in the background, best effort. on_looked
 * comes behind it, when inbox_is_deleting() is false again. */
void inbox_delete(struct inbox *inbox, uint32_t uidvalidity, const uint32_t *uids, size_t n);
bool inbox_is_deleting(const struct inbox *inbox);
/* False also while it is not known. */
bool inbox_can_delete(const struct inbox *inbox);
bool inbox_is_up(const struct inbox *inbox);

#endif
