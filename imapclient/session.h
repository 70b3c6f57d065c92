/*
 * One IMAP session: non-blocking, over libevent and OpenSSL.
 *
 * A session connects, secures itself, signs in and then runs commands. Every command has a
 * callback that is called exactly once, with the tagged reply or with the reason why there will be
 * none. Untagged responses go to the session's own callback, whichever command they come with.
 * Commands are queued and pipelined where the protocol allows it; a command that changes the state
 * (SELECT, EXAMINE, UNSELECT, AUTHENTICATE, STARTTLS, APPEND with a synchronising literal, IDLE)
 * waits for those before it and holds those behind it.
 *
 * Life: imap_session_new(), then exactly one of on_ready or on_closed, later on_closed once if it
 * was ready. After on_closed no callback comes any more; the owner calls imap_session_free(), which
 * may also be called at any time, from inside a callback too, and then calls nothing back.
 * No callback is called from inside the function that asked for it.
 *
 * Errors: struct imap_failure says in which phase, how (enum), and why in words for a person. A
 * bad unit costs one ignored unit, never the session; a broken frame (limits of framing.h) costs
 * the session.
 * Time: every tagged reply has a deadline (options.reply_timeout), which restarts while data of
 * that reply arrive, but never for longer than options.command_timeout in all without a literal
 * making progress. Connecting, TLS, greeting and sign-in together have options.connect_timeout.
 * Memory: a parked session holds no libetpan object and no more than its bufferevent and TLS state.
 *
 * Strings passed in are copied. Mailbox names are UTF-8 with the server's own separator.
 * No argument may hold CR, LF or NUL: such a call ends in IMAP_RESULT_INVALID and sends nothing.
 *
 * RFC 9051, 3501; 2177 IDLE; 2971 ID; 3502 MULTIAPPEND; 3691 UNSELECT; 4315 UIDPLUS; 4959 SASL-IR;
 * 5161 ENABLE; 5465 NOTIFY; 5819 LIST-STATUS; 6154 SPECIAL-USE; 7162 CONDSTORE, QRESYNC;
 * 7628 OAUTHBEARER; 7888 LITERAL+, LITERAL-; 7889 APPENDLIMIT; 8314 TLS.
 */
#ifndef IMAPCLIENT_SESSION_H
#define IMAPCLIENT_SESSION_H

#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "imapclient/grammar/response.h"
#include "imapclient/wire/certificate.h"
#include "imapclient/wire/failure.h"
#include "imapclient/wire/tls.h"

struct imap_session;

enum imap_security {
    IMAP_SECURITY_TLS,      /* from the first octet, port 993 */
    IMAP_SECURITY_STARTTLS, /* required, port 143 */
    IMAP_SECURITY_NONE,     /* loopback addresses only: checked after resolution */
};

enum imap_method {
    IMAP_AUTH_PASSWORD, /* AUTHENTICATE PLAIN if offered, else LOGIN unless LOGINDISABLED */
    IMAP_AUTH_TOKEN,    /* OAUTHBEARER if offered, else XOAUTH2 */
};

struct imap_options {
    const char *host; /* name or address; also the name that the certificate must carry */
    uint16_t port;
    enum imap_security security;
    SSL_CTX *tls; /* from imap_tls_context_new(); shared, must outlive the session */
    enum imap_method method;
    const char *login;        /* authentication identity */
    const char *authorize_as; /* authorization identity, NULL: the same (RFC 4616) */
    const char *secret;       /* password or token; the session wipes its copy after sign-in */
    unsigned connect_timeout; /* seconds; 0: 30 */
    unsigned reply_timeout;   /* seconds; 0: 60 */
    unsigned command_timeout; /* seconds; 0: 600 */
    uint64_t
        body_max; /* octets of a message that is taken, a larger one ends the session; 0: any */
    size_t write_high; /* octets queued for sending before a source is paused; 0: 256 KiB */
    bool hide_idle, hide_notify; /* do not use although offered */
    bool enable_qresync;         /* ENABLE QRESYNC (or CONDSTORE) when offered */
    bool no_login; /* ready after CAPABILITY, not signed in; login and secret are not used */
    /* NULL: host is resolved. Else only this address is tried, and its port counts. Copied. */
    const struct sockaddr *address;
    int address_len;
    bool record_certificates; /* certificate.h */
    /* A session that fails or is freed says LOGOUT where the connection stands behind its greeting,
     * and does not wait for the answer. */
    bool send_logout;
};

struct imap_failure {
    enum imap_failure_kind kind;
    enum imap_phase phase;
    const char *reason; /* for a person; control characters replaced */
    unsigned backoff;   /* seconds that the server asked us to stay away, 0: it did not */
};

enum imap_result_kind {
    IMAP_RESULT_OK,
    IMAP_RESULT_NO,
    IMAP_RESULT_BAD,
    IMAP_RESULT_LOST,    /* the session ended after the command may have been seen by the server */
    IMAP_RESULT_UNSENT,  /* the session ended, and not one octet of the command was written */
    IMAP_RESULT_INVALID, /* refused by us: an argument cannot be sent, or the source failed */
};

struct imap_result {
    enum imap_result_kind kind;
    const struct imap_text *text; /* OK, NO, BAD: as the server gave it; else NULL */
    const char *reason;           /* always a sentence for a log */
};

typedef void imap_done(void *arg, const struct imap_result *result);

/* A BODY[...] item of a FETCH, streamed. */
struct imap_body {
    uint32_t seq;
    uint32_t uid;  /* 0: not known yet; the FETCH unit that follows the body tells */
    uint64_t size; /* of the literal */
    const char
        *section; /* "", "HEADER", "HEADER.FIELDS (X-MONITOR-ID)" ... as the server wrote it */
};

struct imap_events {
    void (*on_ready)(void *arg);
    void (*on_closed)(void *arg, const struct imap_failure *failure);
    /* May be NULL, as all below. Called for every untagged response but those that the session
     * itself uses up (CAPABILITY, ENABLED, ID). */
    void (*on_untagged)(void *arg, const struct imap_untagged *untagged);
    /* Streaming of BODY[...]: begin, data ..., end, then on_untagged with the FETCH unit.
     * begin may return false: the octets are then thrown away as they come, and there is no data
     * and no end. A body given as a quoted string streams likewise. NIL makes no begin. Without
     * on_body_begin all bodies are thrown away. complete is false when the session ends inside. */
    bool (*on_body_begin)(void *arg, const struct imap_body *body);
    void (*on_body_data)(void *arg, const unsigned char *data, size_t len);
    void (*on_body_end)(void *arg, bool complete);
    /* A line as it was sent or received, without literals' contents and without secrets. */
    void (*on_trace)(void *arg, bool sent, const char *line, size_t len);
    /* A phase of the connection begins now; the last one is READY, just before on_ready. With
     * STARTTLS the order is GREETING, CAPABILITY, TLS, CAPABILITY, AUTH: TLS begins with the
     * command. What follows the sign-in until READY belongs to AUTH. */
    void (*on_phase)(void *arg, enum imap_phase phase);
};

struct imap_session *imap_session_new(struct event_base *base, struct evdns_base *dns,
                                      const struct imap_options *options,
                                      const struct imap_events *events, void *arg);
void imap_session_free(struct imap_session *session);
/* LOGOUT when what is queued is done; then on_closed with IMAP_FAILURE_LOGOUT. */
void imap_session_logout(struct imap_session *session);

/* Flow control: no more octets are read (beyond what is buffered, at most 64 KiB) until resumed.
 * The deadlines stand still meanwhile. Calls nest: as many resumes as pauses. */
void imap_session_pause(struct imap_session *session);
void imap_session_resume(struct imap_session *session);

/* What the server offers, after sign-in. Case does not matter: "IDLE", "AUTH=PLAIN". */
bool imap_session_has(const struct imap_session *session, const char *capability);
/* All of it, words with one space between. Borrowed until the next capability change. */
const char *imap_session_capabilities(const struct imap_session *session);
/* APPENDLIMIT, 0: none told. */
uint64_t imap_session_append_limit(const struct imap_session *session);
/* name and version of the server from ID, or ""; control characters replaced. */
const char *imap_session_server_id(const struct imap_session *session);
/* "TLSv1.3", or "" without TLS. Also after on_closed. */
const char *imap_session_tls_version(const struct imap_session *session);
/* With record_certificates, also after on_closed, until the session is freed. NULL: none seen. */
const struct certificate_chain *imap_session_certificates(const struct imap_session *session);
/* Units that the grammar did not understand, and units in all. */
void imap_session_counters(const struct imap_session *session, uint64_t *ignored, uint64_t *units);

/* Seconds that a server asks us to stay away: "Suggested Backoff Time: N" (milliseconds, Exchange)
 * in the text of a NO, BAD or BYE; 0: it did not. */
unsigned imap_text_backoff(const struct imap_text *text);

/* ---- commands ---- */

/* What SELECT or EXAMINE told; 0 or false where it did not. */
struct imap_mailbox {
    uint32_t exists, uidvalidity, uidnext;
    uint64_t highestmodseq;
    bool no_modseq, read_only;
    bool keywords;               /* PERMANENTFLAGS has \* */
    const char *permanent_flags; /* "" if not told */
    const char *mailbox_id;
};
typedef void imap_selected(void *arg, const struct imap_result *result,
                           const struct imap_mailbox *mailbox);

/* QRESYNC parameters: used only when QRESYNC is enabled and uidvalidity is not 0. */
struct imap_resync {
    uint32_t uidvalidity;
    uint64_t modseq;
    uint32_t known_first, known_last; /* known UIDs, 0:0 for all */
};
void imap_examine(struct imap_session *session, const char *mailbox,
                  const struct imap_resync *resync, imap_selected *done, void *arg);
void imap_select(struct imap_session *session, const char *mailbox, imap_selected *done, void *arg);
/* UNSELECT, or CLOSE after EXAMINE where it is not offered. */
void imap_unselect(struct imap_session *session, imap_done *done, void *arg);

/* FETCH set items, of sequence numbers: they hold from one command that may tell EXPUNGE to the
 * next (RFC 9051 section 7.5.1). Else as imap_uid_fetch(). */
void imap_fetch(struct imap_session *session, const struct imap_uidset *numbers, const char *items,
                imap_done *done, void *arg);
/* UID FETCH set items; items is written as is, such as "(UID FLAGS BODY.PEEK[])". A set too long
 * for one line becomes several commands; done is called once, with the first failure if any. */
void imap_uid_fetch(struct imap_session *session, const struct imap_uidset *set, const char *items,
                    imap_done *done, void *arg);
/* UID SEARCH criteria; the found UIDs come as IMAP_UNTAGGED_SEARCH. */
void imap_uid_search(struct imap_session *session, const char *criteria, imap_done *done,
                     void *arg);
void imap_uid_store(struct imap_session *session, const struct imap_uidset *set, const char *change,
                    imap_done *done, void *arg);
/* Needs UIDPLUS; else IMAP_RESULT_INVALID. */
void imap_uid_expunge(struct imap_session *session, const struct imap_uidset *set, imap_done *done,
                      void *arg);
/* EXPUNGE: whatever is \Deleted in the selected mailbox goes, whoever marked it. */
void imap_expunge(struct imap_session *session, imap_done *done, void *arg);
void imap_noop(struct imap_session *session, imap_done *done, void *arg);
void imap_check(struct imap_session *session, imap_done *done, void *arg);
void imap_create(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_subscribe(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_status(struct imap_session *session, const char *mailbox, unsigned items, imap_done *done,
                 void *arg);
/* LIST "" pattern with RETURN (SPECIAL-USE [STATUS ...]) where offered; status_items may be 0.
 * Without LIST-STATUS no STATUS data come. */
void imap_list(struct imap_session *session, const char *pattern, unsigned status_items,
               imap_done *done, void *arg);
/* GETQUOTAROOT (RFC 9208, 2087); the quotas come as IMAP_UNTAGGED_QUOTA. */
void imap_quota_root(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_namespace(struct imap_session *session, imap_done *done, void *arg);

/*
 * IDLE, RFC 2177. on_idling is called when the server has said "+"; done when IDLE has ended (by
 * imap_idle_stop(), by a command queued behind it, which stops it by itself, or by the server).
 * A server that answers OK without "+" gets done without on_idling. The session does not renew
 * IDLE: its owner decides when.
 */
void imap_idle(struct imap_session *session, void (*on_idling)(void *arg), imap_done *done,
               void *arg);
void imap_idle_stop(struct imap_session *session);

/*
 * NOTIFY SET, RFC 5465: MessageNew (with UID) and MessageExpunge for the selected mailbox,
 * MessageNew and MessageExpunge as STATUS for the named mailboxes (NULL, 0: all personal ones, with
 * MailboxName events). The answer's STATUS responses come as IMAP_UNTAGGED_STATUS_DATA.
 */
void imap_notify(struct imap_session *session, const char *const *mailboxes, size_t n,
                 imap_done *done, void *arg);

/*
 * APPEND, RFC 9051 section 6.3.12; with more than one message MULTIAPPEND (RFC 3502), which must
 * have been offered. Octets are sent exactly as the sources give them. LITERAL+ for messages below
 * 100 kB (LITERAL-: below 4 kB), synchronising literals else, so that a server can refuse a big
 * message before it is sent. A result of NO to a literal that was not sent yet leaves the session
 * usable; all messages of one call succeed or fail together. The result's text has APPENDUID where
 * the server gives it.
 */
struct imap_append_message {
    const char *flags; /* "\\Seen $MDNSent" without parentheses, NULL or "": none */
    bool has_date;
    time_t date;   /* INTERNALDATE */
    int date_zone; /* minutes east of UTC */
    uint64_t size;
    /* Adds between 1 and want octets to out and returns how many; 0: none at hand now, call
     * imap_append_ready() later; -1: it failed, which ends the session, as the literal cannot be
     * completed. Called until size octets were given. */
    ssize_t (*read)(void *arg, struct evbuffer *out, size_t want);
    void *arg;
};
void imap_append(struct imap_session *session, const char *mailbox,
                 const struct imap_append_message *messages, size_t n, imap_done *done, void *arg);
void imap_append_ready(struct imap_session *session);

#endif
