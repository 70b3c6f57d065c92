/*
 * Searches the selected folder of a target for our copies: fetches the X-Monitor-Id of every
 * message from a UID on (SEARCH HEADER is slow on many servers and wrong on some).
 *
 * Where the server refuses that, other ways are tried: whole headers; whether there is any message
 * at all from that UID on; SEARCH HEADER for each copy. What is found in any way is found; what
 * SEARCH does not find is not known to be missing.
 *
 * Memory depends only on how many copies are searched for, whatever the server sends.
 */
#ifndef AGENT_DELIVER_FIND_COPIES_H
#define AGENT_DELIVER_FIND_COPIES_H

#include "imapclient/session.h"

struct find_copies;

/* why NULL: the search is complete. Else what was not found may be there. Not called if the session
 * ends. */
typedef void find_copies_done(void *arg, const char *why);
/* The n X-Monitor-Ids are copied. exists: messages in the folder, as far as known; a server that
 * sends far more replies than that is not listened to any longer (find_copies_is_flooded()). */
struct find_copies *find_copies_new(struct imap_session *session, uint32_t from, uint32_t exists,
                                    const char *const *ids, size_t n, find_copies_done *done,
                                    void *arg);
void find_copies_free(struct find_copies *search);
/* The UID of the first message with that X-Monitor-Id, 0: there is none. */
uint32_t find_copies_uid(const struct find_copies *search, const char *monitor_id);
/* Likewise of the last one, where there are several; else 0. */
uint32_t find_copies_twin(const struct find_copies *search, const char *monitor_id);
/* The server sends without end: the session is of no use any more. */
bool find_copies_is_flooded(const struct find_copies *search);

/* From the session's events while the search runs. */
void find_copies_untagged(struct find_copies *search, const struct imap_untagged *untagged);
bool find_copies_body_begin(struct find_copies *search, const struct imap_body *body);
void find_copies_body_data(struct find_copies *search, const unsigned char *data, size_t len);

#endif
