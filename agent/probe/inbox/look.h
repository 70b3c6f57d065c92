/*
 * One look at what is new in an inbox's folder: an optional SEARCH for possible probes, then FETCH
 * of their headers. Private to this room.
 *
 * The owner passes on what the session delivers meanwhile (look_on_...()), and keeps the session to
 * the look alone. When the session is lost, nothing is called: the owner frees the look.
 */
#ifndef AGENT_PROBE_INBOX_LOOK_H
#define AGENT_PROBE_INBOX_LOOK_H

#include "agent/probe/inbox/inbox.h"

struct look_range {
    uint32_t uidvalidity;
    uint32_t seen_through; /* UIDs above it are new */
    uint32_t uidnext;
    bool search; /* of those below uidnext, fetch what SEARCH finds only */
    const char *seen_by;
};

struct look_events { /* each may call look_free() */
    void (*on_message)(void *arg, const struct inbox_message *message);
    /* Once, and never inside of look_new(). why NULL: all through seen_through was seen, and there
     * may be more after it (has_more). Else nothing can be fetched: why is for a person. */
    void (*done)(void *arg, const char *why, uint32_t seen_through, bool has_more);
};

struct look;
struct look *look_new(struct imap_session *session, const struct look_range *range,
                      const struct look_events *events, void *arg);
/* Only when the session is gone, or no command of the look is under way (done was called). */
void look_free(struct look *look);

/* From the session's events; look may be NULL, then the result is ignored. */
void look_on_fetch(struct look *look, const struct imap_fetch *fetch);
void look_on_search(struct look *look, const struct imap_uidset *uids);
bool look_on_body_begin(struct look *look);
void look_on_body_data(struct look *look, const unsigned char *data, size_t len);
void look_on_body_end(struct look *look, bool complete);

#endif
