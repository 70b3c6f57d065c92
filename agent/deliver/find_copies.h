/*
 * Searches the selected folder of a target for our copies: fetches the X-Monitor-Id of every
 * message from a UID on (SEARCH HEADER is slow on many servers and wrong on some).
 */
#ifndef AGENT_DELIVER_FIND_COPIES_H
#define AGENT_DELIVER_FIND_COPIES_H

#include "imapclient/session.h"

struct find_copies;

/* why NULL: the search is complete. Not called if the session ends. */
typedef void find_copies_done(void *arg, const char *why);
struct find_copies *find_copies_new(struct imap_session *session, uint32_t from,
                                    find_copies_done *done, void *arg);
void find_copies_free(struct find_copies *search);
/* The UID of the message with that X-Monitor-Id, 0: there is none. */
uint32_t find_copies_uid(const struct find_copies *search, const char *monitor_id);

/* From the session's events while the search runs. */
void find_copies_untagged(struct find_copies *search, const struct imap_untagged *untagged);
bool find_copies_body_begin(struct find_copies *search, const struct imap_body *body);
void find_copies_body_data(struct find_copies *search, const unsigned char *data, size_t len);

#endif
