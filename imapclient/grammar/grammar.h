/*
 * Parses one unit, with libetpan's public parser for the complex items, shielded from bad input.
 *
 * Tagged lines, continuation lines and response codes are simple and are parsed here; input that is
 * known to crash libetpan never reaches it (OK without text after a code, two BADCHARSET codes,
 * malformed PERMANENTFLAGS, deep nesting: see share/doc/libetpan.md).
 * FETCH, LIST, LSUB, STATUS, SEARCH, FLAGS, CAPABILITY, NAMESPACE, ENABLED, ID, QUOTA, VANISHED,
 * EXISTS, RECENT and EXPUNGE become struct imap_untagged; FETCH items that libetpan does not know
 * (EMAILID, SAVEDATE, PREVIEW, a BODY[...] with <origin>) are removed or parsed here first, so that
 * the known items of such a unit are not lost.
 *
 * One grammar serves all sessions of a thread: it keeps no state between units.
 */
#ifndef IMAPCLIENT_GRAMMAR_GRAMMAR_H
#define IMAPCLIENT_GRAMMAR_GRAMMAR_H

#include "imapclient/grammar/response.h"

struct grammar;

struct grammar *grammar_new(void);
void grammar_free(struct grammar *grammar);

/*
 * Parses one unit (as framing delivers it: no final CRLF, NIL in place of body literals).
 * body_streamed: a body literal of this unit was streamed, so its NIL is only a placeholder.
 * A BODY[...] item sent as a quoted string is returned in *inline_body (borrowed; NULL: none).
 * Returns a response that is valid until the next call, never NULL: what cannot be parsed is an
 * untagged IMAP_UNTAGGED_OTHER, and so is a malformed tagged reply, which never becomes a result.
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
