/*
 * Private to this room: capture.c (the steps), receive.c (what the server sends), note.c (what is
 * recorded in the ledger), triage.c (drafts, the baseline, dates), captured_message.c (one
 * message), spool_room.c (backpressure).
 *
 * Listed messages are worked through in windows of LIMIT_FETCH_WINDOW:
 *
 *   step     waits for                                       may be followed by (or IDLE: the end)
 *   IDLE     capture_start()                                 LIST
 *   LIST     the UIDs and dates of what is new               HEADERS, BODIES
 *   HEADERS  the headers of the window, or of those in it    BODIES, MISSING, next window
 *            that triage.c has to look at
 *   BODIES   the wanted messages of the window               MISSING, next window
 *   MISSING  which of those that did not come still exist    SINGLE, next window
 *   SINGLE   the first of those, fetched by itself           SINGLE, next window
 *
 * The next window begins with HEADERS or BODIES.
 */
#ifndef AGENT_CAPTURE_PRIVATE_H
#define AGENT_CAPTURE_PRIVATE_H

#include "agent/capture/capture.h"
#include "agent/capture/spool_room.h"

/* How much of each message is fetched. */
enum depth {
    DEPTH_NOTHING, /* no rule can want one */
    DEPTH_HEADER,  /* the headers decide which */
    DEPTH_ALL,     /* every one is wanted, as far as can be known */
};

enum step { STEP_IDLE, STEP_LIST, STEP_HEADERS, STEP_BODIES, STEP_MISSING, STEP_SINGLE };

struct item {
    uint32_t uid;
    bool decided; /* outcome is known */
    bool wants_body;
    bool gone; /* listed, and expunged since */
    time_t internaldate;
    int internaldate_zone;
    bool date_unknown;           /* internaldate is a guess */
    bool maybe_draft, maybe_old; /* its header decides */
    struct outcome outcome;
    struct captured_message *message; /* complete, to be stored */
};

struct capture {
    struct context *context;
    struct imap_session *session;
    const struct account *const *account;
    struct folder *folder;
    capture_done *done;
    void *arg;
    enum step step;
    enum depth depth;
    struct item *items; /* ascending UIDs */
    size_t count, room;
    size_t emitted;                    /* items that are recorded in the ledger */
    size_t window;                     /* end of the items that are being fetched */
    struct imap_uidset retrying;       /* unfetched before, asked for again */
    struct imap_uidset rechecking;     /* drafts whose flags are asked for again */
    struct imap_uidset still_drafts;   /* those that have the flag still */
    bool drafts_unclear;               /* there are more than fit into it */
    time_t look_began;                 /* when the list was asked for */
    struct item *single;               /* STEP_SINGLE: fetched by itself */
    struct captured_message *arriving; /* the body that is arriving */
    bool is_header;                    /* it is a BODY[HEADER] */
    char *header_text;
    size_t header_len, header_room;
    bool listed;                /* the list is complete */
    uint32_t cut;               /* the lowest UID that did not fit into the list, 0: all did */
    struct spool_waiter waiter; /* while the spool is full */
};

/* triage.c */
/* At the list: what may need its header. */
void capture_suspect(const struct capture *capture, struct item *item, bool has_draft_flag);
bool capture_needs_triage(const struct item *item);
/* The header of the message, or what was kept of it: settles the item if it is a draft or precedes
 * the baseline, and gives it a date if the server gave none. */
void capture_triage(const struct capture *capture, struct item *item, const char *header_text,
                    size_t len);

/* note.c */
struct item *capture_find(struct capture *capture, uint32_t uid);
struct message_facts capture_facts(const struct capture *capture, const struct item *item);
void capture_settle(struct item *item, enum uid_state state, const char *reason);
/* UIDs first to last do not exist. */
void capture_note_gap(struct capture *capture, uint32_t first, uint32_t last);
/* After the list: which messages are drafts from now on; those that are gone have vanished. */
void capture_note_drafts(struct capture *capture);
/* Records the items that are decided, up to the first that is not. */
void capture_emit(struct capture *capture);
void capture_clear_items(struct capture *capture);

#endif
