/*
 * One copy to be sent: made from its plan and the original in the spool, then passed to APPEND
 * piece by piece. Originals up to LIMIT_WHOLE_READ are read at once; of larger ones the header is
 * read first, then pieces as the server accepts them.
 */
#ifndef AGENT_DELIVER_OUTGOING_H
#define AGENT_DELIVER_OUTGOING_H

#include "agent/ledger/plan.h"
#include "agent/session/context.h"
#include "imapclient/session.h"

struct outgoing;

/* why NULL: ready. Else the reason why the original cannot be read; outgoing_is_damaged() says
 * whether that is for good. */
typedef void outgoing_ready(void *arg, struct outgoing *outgoing, const char *why);

/* copy is borrowed and must outlive the outgoing. */
struct outgoing *outgoing_new(struct context *context, const struct ledger_copy *copy,
                              enum copy_form form, outgoing_ready *ready, void *arg);
void outgoing_free(struct outgoing *outgoing);

const struct ledger_copy *outgoing_copy(const struct outgoing *outgoing);
uint64_t outgoing_size(const struct outgoing *outgoing);
/* What the ledger records with the intent to send it. */
struct ledger_intended outgoing_intended(const struct outgoing *outgoing);
bool outgoing_is_damaged(const struct outgoing *outgoing);
/* Why the original could not be read while the copy was sent; NULL: it could. */
const char *outgoing_trouble(const struct outgoing *outgoing);
bool outgoing_ends_line(const struct outgoing *outgoing);
/* Adds a line end to a copy that does not end with one, for servers that insist. Afterwards ready
 * is called again: size and digest have changed. */
void outgoing_end_line(struct outgoing *outgoing);
/* Fills in size, date and source; calls imap_append_ready() when a piece has been read. */
void outgoing_message(struct outgoing *outgoing, struct imap_session *session,
                      struct imap_append_message *message);

#endif
