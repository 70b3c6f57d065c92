/*
 * What a refused APPEND means for its copy. Pure.
 *
 * Final is only what is about this message for good: TOOBIG, LIMIT for a message above the server's
 * APPENDLIMIT, BADCHARSET, UNKNOWN-CTE, and BAD to the simplest form of the command too. All else
 * passes: a mailbox is full, a server is busy, permissions are wrong until somebody mends them.
 */
#ifndef AGENT_DELIVER_REFUSAL_H
#define AGENT_DELIVER_REFUSAL_H

#include "imapclient/session.h"

enum refusal {
    REFUSAL_PASSING, /* of this copy; others may be accepted */
    REFUSAL_BUSY,    /* passing, and most likely the same for all copies: quota, throttling */
    REFUSAL_FOLDER,  /* its folder is missing */
    REFUSAL_FORM,    /* perhaps of how it was sent: try the simplest form at once */
    REFUSAL_SYNTAX,  /* BAD to the simplest form; final if the session still works */
    REFUSAL_FINAL,
};

/* How the copy was sent. */
struct refusal_form {
    bool simplest;         /* no keywords, synchronising literal, CRLF at the end, alone */
    bool differs;          /* the message or its flags would be others in the simplest form */
    uint64_t size;         /* octets; 0: of several copies */
    uint64_t append_limit; /* of the server, 0: none */
};

/* result: NO or BAD. *pause: seconds that the server asks for, 0: none. */
enum refusal refusal_of(const struct imap_result *result, const struct refusal_form *form,
                        unsigned *pause);

#endif
