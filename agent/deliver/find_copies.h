/*
 * Looks for copies of ours in the selected folder of a target: the X-Monitor-Id of every message
 * from a UID on, by FETCH (SEARCH HEADER is slow on many servers and wrong on some).
 */
#ifndef AGENT_DELIVER_FIND_COPIES_H
#define AGENT_DELIVER_FIND_COPIES_H

#include "imapclient/session.h"

struct recover;

/* done: why NULL: the search is complete. Not called when the session ends. */
typedef void recover_done(void *arg, const char *why);
struct recover *recover_new(struct imap_session *session, uint32_t from, recover_done *done,
                            void *arg);
void recover_free(struct recover *recover);
/* The UID of the message with that id, 0: there is none. */
uint32_t recover_find(const struct recover *recover, const char *monitor_id);

/* From the session's events while the search runs. */
void recover_untagged(struct recover *recover, const struct imap_untagged *untagged);
bool recover_body_begin(struct recover *recover, const struct imap_body *body);
void recover_body_data(struct recover *recover, const unsigned char *data, size_t len);

#endif
