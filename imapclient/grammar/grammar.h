/*
 * The meaning of one unit: libetpan's public parser behind a shield.
 *
 * Tagged lines, continuation lines and response codes are simple and are parsed here before
 * libetpan sees a unit; what is known to crash it is kept from it (OK without text after a code,
 * two BADCHARSET codes, malformed PERMANENTFLAGS, deep nesting: see share/doc/libetpan.md).
 * FETCH, LIST, LSUB, STATUS, SEARCH, FLAGS, CAPABILITY, NAMESPACE, ENABLED, ID, QUOTA, VANISHED,
 * EXISTS, RECENT and EXPUNGE come out as struct imap_untagged; FETCH items that libetpan does not
 * know (EMAILID, SAVEDATE, PREVIEW, a BODY[...] with <origin>) are cut out or read here first, so
 * that the known items of such a unit are not lost.
 *
 * One grammar serves all sessions of a thread: it keeps nothing between units.
 */
#ifndef IMAPCLIENT_GRAMMAR_GRAMMAR_H
#define IMAPCLIENT_GRAMMAR_GRAMMAR_H

#include "imapclient/grammar/response.h"

struct grammar;

struct grammar *grammar_new(void);
void grammar_free(struct grammar *grammar);

/*
 * Parses one unit (as framing gives it: no final line end, body literals shown as NIL).
 * body_streamed: a body literal of this unit was streamed, so its NIL means nothing.
 * A BODY[...] item that came as a quoted string is left in *inline_body (borrowed, may be NULL).
 * Returns a response that lives until the next call; never NULL: what cannot be understood is an
 * untagged IMAP_UNTAGGED_OTHER. A line that begins like a tagged reply but is malformed is also
 * IMAP_UNTAGGED_OTHER, never a made-up result.
 */
struct imap_inline_body {
    const char *section;
    const unsigned char *data;
    size_t len;
};
const struct imap_response *grammar_parse(struct grammar *grammar, const char *unit, size_t len,
                                          bool body_streamed,
                                          const struct imap_inline_body **inline_body);

#endif
