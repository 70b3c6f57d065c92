/*
 * The inside of a capture, shared by its files and nobody else: capture.c (its steps),
 * capture/take.c (what arrives), capture/note.c (what the ledger is told).
 */
#ifndef AGENT_CAPTURE_PRIVATE_H
#define AGENT_CAPTURE_PRIVATE_H

#include "agent/capture/capture.h"
#include "agent/capture/spool_room.h"

/* What is asked of the messages of this folder. */
enum depth {
    DEPTH_NOTHING, /* no rule could want one */
    DEPTH_HEADER,  /* the header tells which */
    DEPTH_ALL,     /* every one is wanted, or so it seems */
};

enum step { STEP_IDLE, STEP_LIST, STEP_HEADERS, STEP_BODIES, STEP_MISSING, STEP_SINGLE };

struct item {
    uint32_t uid;
    bool decided; /* outcome is known */
    bool wants_body;
    bool gone; /* listed, and expunged since */
    time_t internaldate;
    int internaldate_zone;
    bool draft;
    struct outcome outcome;
    struct captured_message *message; /* complete, to be stored */
};

struct capture {
    struct parts *parts;
    struct imap_session *session;
    const struct account *const *account;
    struct folder *folder;
    capture_done *done;
    void *arg;
    enum step step;
    enum depth depth;
    struct item *items; /* ascending UIDs */
    size_t count, room;
    size_t emitted;                    /* items that the ledger knows */
    size_t window;                     /* end of the items that are being fetched */
    struct imap_uidset retrying;       /* unfetched before, asked for again */
    struct item *single;               /* STEP_SINGLE: asked for by itself */
    struct captured_message *arriving; /* the body that is arriving */
    bool is_header;                    /* it is a BODY[HEADER] */
    char *header_text;
    size_t header_len, header_room;
    uint32_t cut;               /* the lowest UID that found no place in the list, 0: all did */
    struct spool_waiter waiter; /* while the spool is full */
};

/* capture/note.c */
struct item *capture_find(struct capture *capture, uint32_t uid);
struct message_facts capture_facts(const struct capture *capture, const struct item *item);
void capture_settle(struct item *item, enum uid_state state, const char *reason);
/* UIDs first to last are not there. */
void capture_note_gap(struct capture *capture, uint32_t first, uint32_t last);
/* Tells the ledger of the items that are decided, up to the first that is not. */
void capture_emit(struct capture *capture);
void capture_clear_items(struct capture *capture);

#endif
