/*
 * The phases of a connection, and how it can fail.
 */
#ifndef IMAPCLIENT_WIRE_FAILURE_H
#define IMAPCLIENT_WIRE_FAILURE_H

enum imap_phase {
    IMAP_PHASE_RESOLVE,
    IMAP_PHASE_CONNECT,
    IMAP_PHASE_TLS,
    IMAP_PHASE_GREETING,
    IMAP_PHASE_CAPABILITY,
    IMAP_PHASE_AUTH,
    IMAP_PHASE_READY,
};

enum imap_failure_kind {
    IMAP_FAILURE_RESOLVE,     /* the name has no address */
    IMAP_FAILURE_CONNECT,     /* refused, unreachable */
    IMAP_FAILURE_TLS,         /* certificate or handshake; retrying soon will not help */
    IMAP_FAILURE_PROTOCOL,    /* not IMAP, a limit of framing.h exceeded, PREAUTH before STARTTLS */
    IMAP_FAILURE_AUTH,        /* credentials rejected: do not retry quickly */
    IMAP_FAILURE_UNAVAILABLE, /* NO [UNAVAILABLE], [LIMIT], [INUSE], BYE: retry with backoff */
    IMAP_FAILURE_TIMEOUT,
    IMAP_FAILURE_CLOSED, /* the connection was lost */
    IMAP_FAILURE_LOGOUT, /* requested by us */
};

#endif
