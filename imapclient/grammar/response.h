/*
 * Parsed responses of a server, in types of our own.
 *
 * The grammar (grammar.h) turns one unit (framing.h) into one struct imap_response. No type of
 * libetpan is visible outside its folder.
 *
 * Ownership: a struct imap_response and all it points to belong to the grammar and are valid until
 * its next call; a callback that wants to keep something copies it.
 * Units: sizes are octets; times are seconds since 1970 UTC; strings are NUL-terminated. Mailbox
 * names are UTF-8 (modified UTF-7 is decoded, RFC 3501 section 5.1.3; a name that does not decode
 * is returned as received).
 * RFC 3501, RFC 9051 section 7; RFC 4315 (UIDPLUS), RFC 7162 (CONDSTORE, QRESYNC), RFC 6154
 * (SPECIAL-USE), RFC 8474 (OBJECTID), RFC 5530 (response codes).
 */
#ifndef IMAPCLIENT_GRAMMAR_RESPONSE_H
#define IMAPCLIENT_GRAMMAR_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "imapclient/text/uidset.h"

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_PREAUTH, IMAP_BYE };

/* Response codes that matter to the client; all others are IMAP_CODE_OTHER, with their text in
 * code_text. */
enum imap_code {
    IMAP_CODE_NONE,
    IMAP_CODE_OTHER,
    IMAP_CODE_ALERT,
    IMAP_CODE_CAPABILITY,    /* handled by receive.c; code_text has the atoms */
    IMAP_CODE_UIDVALIDITY,   /* number */
    IMAP_CODE_UIDNEXT,       /* number */
    IMAP_CODE_HIGHESTMODSEQ, /* number */
    IMAP_CODE_NOMODSEQ,
    IMAP_CODE_APPENDUID,      /* uidvalidity, uids */
    IMAP_CODE_COPYUID,        /* uidvalidity, uids = the new ones */
    IMAP_CODE_PERMANENTFLAGS, /* code_text: the list without its parentheses */
    IMAP_CODE_READ_ONLY,
    IMAP_CODE_READ_WRITE,
    IMAP_CODE_TRYCREATE,
    IMAP_CODE_NONEXISTENT,
    IMAP_CODE_AUTHENTICATIONFAILED,
    IMAP_CODE_AUTHORIZATIONFAILED,
    IMAP_CODE_EXPIRED,
    IMAP_CODE_UNAVAILABLE,
    IMAP_CODE_INUSE,
    IMAP_CODE_LIMIT,
    IMAP_CODE_OVERQUOTA,
    IMAP_CODE_TOOBIG,
    IMAP_CODE_CLOSED,
    IMAP_CODE_MAILBOXID, /* code_text */
    IMAP_CODE_NOTIFICATIONOVERFLOW,
    IMAP_CODE_BADEVENT,
    IMAP_CODE_BADCHARSET, /* code_text */
    IMAP_CODE_UNKNOWN_CTE,
    IMAP_CODE_THROTTLED,
    IMAP_CODE_SERVERBUG,
    IMAP_CODE_NOPERM,
    IMAP_CODE_CANNOT,
    IMAP_CODE_ALREADYEXISTS,
};

/* The text of a status response: tagged, untagged, or a greeting. */
struct imap_text {
    enum imap_status status;
    enum imap_code code;
    uint64_t number;
    uint32_t uidvalidity;
    struct imap_uidset uids; /* in the server's order: the k-th belongs to the k-th message */
    const char *code_text;   /* what follows the name in the brackets, "" if nothing */
    const char *text;        /* human-readable, control characters replaced; "" if missing */
};

enum imap_untagged_kind {
    IMAP_UNTAGGED_STATUS,      /* OK, NO, BAD, BYE, PREAUTH: text */
    IMAP_UNTAGGED_CAPABILITY,  /* words */
    IMAP_UNTAGGED_ENABLED,     /* words */
    IMAP_UNTAGGED_FLAGS,       /* words */
    IMAP_UNTAGGED_EXISTS,      /* number */
    IMAP_UNTAGGED_RECENT,      /* number */
    IMAP_UNTAGGED_EXPUNGE,     /* number: a sequence number */
    IMAP_UNTAGGED_VANISHED,    /* uids, earlier */
    IMAP_UNTAGGED_FETCH,       /* fetch */
    IMAP_UNTAGGED_LIST,        /* list (LIST and LSUB) */
    IMAP_UNTAGGED_STATUS_DATA, /* mailbox_status (STATUS) */
    IMAP_UNTAGGED_SEARCH,      /* uids */
    IMAP_UNTAGGED_NAMESPACE,   /* prefix, delimiter of the first personal namespace; words: the
                                  prefixes of those of other users and of shared ones */
    IMAP_UNTAGGED_ID,          /* words: key, value, key, value ... */
    IMAP_UNTAGGED_QUOTA,       /* quota: one for each root, RFC 9208 section 5.1 */
    IMAP_UNTAGGED_OTHER,       /* not understood: ignored and counted */
};

struct imap_fetch {
    uint32_t seq;
    uint32_t uid; /* 0: not sent */
    bool has_flags;
    const char *const *flags; /* "\\Seen", "$MDNSent" ...; n_flags of them */
    size_t n_flags;
    bool has_size;
    uint64_t size;         /* RFC822.SIZE: not necessarily the length of BODY[] */
    bool has_internaldate; /* false: also if it is no date that exists */
    time_t internaldate;
    int internaldate_zone; /* minutes east of UTC, as sent */
    uint64_t modseq;       /* 0: not sent */
    const char *email_id;  /* OBJECTID EMAILID or X-GM-MSGID; NULL: not sent */
    bool has_body;         /* this unit has a BODY[...] item (streamed, inline or NIL) */
    bool body_is_nil;      /* NIL: the server has no such message, or cannot provide it */
};

/* Attributes and special uses of LIST, RFC 6154 and RFC 9051 section 7.3.1. */
enum imap_list_flag {
    IMAP_LIST_NOSELECT = 1 << 0, /* also \NonExistent */
    IMAP_LIST_NOINFERIORS = 1 << 1,
    IMAP_LIST_ALL = 1 << 2,
    IMAP_LIST_ARCHIVE = 1 << 3,
    IMAP_LIST_DRAFTS = 1 << 4,
    IMAP_LIST_FLAGGED = 1 << 5,
    IMAP_LIST_JUNK = 1 << 6,
    IMAP_LIST_SENT = 1 << 7,
    IMAP_LIST_TRASH = 1 << 8,
    IMAP_LIST_HASCHILDREN = 1 << 9,
};

struct imap_list {
    unsigned flags; /* of enum imap_list_flag */
    char delimiter; /* 0: flat */
    const char *mailbox;
};

enum imap_status_item {
    IMAP_STATUS_MESSAGES = 1 << 0,
    IMAP_STATUS_UIDNEXT = 1 << 1,
    IMAP_STATUS_UIDVALIDITY = 1 << 2,
    IMAP_STATUS_UNSEEN = 1 << 3,
    IMAP_STATUS_HIGHESTMODSEQ = 1 << 4,
    IMAP_STATUS_MAILBOXID = 1 << 5,
};

struct imap_mailbox_status {
    const char *mailbox;
    unsigned has; /* of enum imap_status_item */
    uint32_t messages, uidnext, uidvalidity, unseen;
    uint64_t highestmodseq;
    const char *mailbox_id;
};

/* Usage and limit of the two resources that matter; a limit of 0 means none. */
struct imap_quota {
    uint64_t storage_used, storage_limit; /* octets; units of 1024 in the protocol */
    uint64_t messages_used, messages_limit;
};

struct imap_untagged {
    enum imap_untagged_kind kind;
    uint32_t number;
    bool earlier;
    struct imap_text text;
    struct imap_fetch fetch;
    struct imap_list list;
    struct imap_mailbox_status mailbox_status;
    struct imap_quota quota;
    struct imap_uidset uids;
    const char *const *words;
    size_t n_words;
    const char *prefix;
    char delimiter;
};

enum imap_response_kind { IMAP_RESPONSE_TAGGED, IMAP_RESPONSE_UNTAGGED, IMAP_RESPONSE_CONTINUE };

struct imap_response {
    enum imap_response_kind kind;
    const char *tag;       /* tagged only */
    struct imap_text text; /* tagged: the result; continue: text.text is what follows "+ " */
    struct imap_untagged untagged;
};

#endif
