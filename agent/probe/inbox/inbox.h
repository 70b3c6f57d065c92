/*
 * A mailbox that is watched for probes: used by round trips (their return folder, and Junk) and by
 * reflectors. One session (persistent_link.h) with the folder SELECTed; new messages are noticed by
 * IDLE, assisted by NOOP every INBOX_NOOP milliseconds while something is expected (Dovecot
 * notifies IDLE half a second late), or by polling where IDLE is not offered. The folder is looked
 * through every INBOX_LOOK seconds even without notification.
 *
 * The header of each new message is fetched, PROBE_MAIL_HEADER bytes at most, and passed to
 * on_message together with how it was noticed. Older messages are looked through too, from the
 * place that the owner gives; of a backlog of more than INBOX_BACKLOG messages only those that the
 * server's SEARCH finds to be possible probes. Deletion: UID STORE \Deleted and UID EXPUNGE;
 * without UIDPLUS by EXPUNGE, and only when the owner has declared the mailbox dedicated; otherwise
 * messages stay and inbox_can_delete() says no.
 */
#ifndef AGENT_PROBE_INBOX_INBOX_H
#define AGENT_PROBE_INBOX_INBOX_H

#include "agent/session/link.h"

#define INBOX_NOOP 150      /* milliseconds */
#define INBOX_EXPECT_MAX 30 /* seconds of NOOP after one expectation */
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

struct inbox_options { /* copied, except account, which must outlive the inbox */
    const struct account *account;
    const char *folder; /* NULL: the junk folder, found by SPECIAL-USE and known names */
    bool dedicated;
    uint32_t uidvalidity, seen_through; /* where to continue; 0, 0: from the start */
};

struct inbox_events {
    /* In the server's order, which is that of UIDs. After a session that was lost, or a new
     * UIDVALIDITY, a message may be passed on once more. */
    void (*on_message)(void *arg, const struct inbox_message *message);
    /* After each look: everything has been passed on. messages: in the folder. */
    void (*on_looked)(void *arg, const char *folder, uint32_t uidvalidity, uint32_t seen_through,
                      uint32_t messages);
    /* why NULL: recovered, and everything was looked at. Else it is for people. */
    void (*on_trouble)(void *arg, const char *why);
};

/* Callbacks may call inbox_free(). */
struct inbox *inbox_new(struct links *links, const struct inbox_options *options,
                        const struct inbox_events *events, void *arg);
void inbox_free(struct inbox *inbox);
/* A message is about to arrive: NOOP is sent for so long (milliseconds; INBOX_EXPECT_MAX at most).
 */
void inbox_expect(struct inbox *inbox, unsigned milliseconds);
/* Deletes those UIDs of the folder with that UIDVALIDITY, in the background, best effort. on_looked
 * follows, when inbox_is_deleting() is false again. */
void inbox_delete(struct inbox *inbox, uint32_t uidvalidity, const uint32_t *uids, size_t n);
bool inbox_is_deleting(const struct inbox *inbox);
/* Also false while unknown. */
bool inbox_can_delete(const struct inbox *inbox);
/* There is a session, and everything was looked at. */
bool inbox_is_up(const struct inbox *inbox);

#endif
