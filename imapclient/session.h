/*
 * One IMAP session: non-blocking, over libevent and OpenSSL.
 *
 * A session connects, sets up TLS, logs in and then runs commands. Every command has a callback
 * that is called exactly once, with the tagged reply or with the reason why there will be none.
 * Untagged responses go to the session's own callback, whichever command they belong to.
 * Commands are queued, and pipelined where the protocol allows it; a command that changes the state
 * (SELECT, EXAMINE, UNSELECT, AUTHENTICATE, STARTTLS, APPEND with a synchronising literal, IDLE)
 * waits for those before it and holds up those after it.
 *
 * Lifetime: imap_session_new(), then exactly one of on_ready or on_closed, and on_closed once after
 * on_ready. No callback follows on_closed; the owner then calls imap_session_free(), which may also
 * be called at any time, even inside a callback, and makes no further callback.
 * No callback is called from inside the function that requested it.
 *
 * Errors: struct imap_failure gives the phase, the kind, and a reason in plain text. A malformed
 * unit is ignored and counted and never ends the session; a broken frame (limits of framing.h)
 * does. Time: every tagged reply has a deadline (options.reply_timeout), which restarts while data
 * of that reply arrive, up to options.command_timeout in all unless a literal makes progress.
 * Connecting, TLS, greeting and login together have options.connect_timeout. Memory: an idle
 * session holds no libetpan object, only its bufferevent and TLS state.
 *
 * Strings passed in are copied. Mailbox names are UTF-8 with the server's own separator.
 * No argument may contain CR, LF or NUL: such a call ends in IMAP_RESULT_INVALID, nothing is sent.
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
    const char *host; /* name or address; the certificate must be valid for it */
    uint16_t port;
    enum imap_security security;
    SSL_CTX *tls; /* from imap_tls_context_new(); shared, must outlive the session */
    enum imap_method method;
    const char *login;        /* authentication identity */
    const char *authorize_as; /* authorization identity, NULL: the same (RFC 4616) */
    const char *secret;       /* password or token; the session wipes its copy after the login */
    unsigned connect_timeout; /* seconds; 0: 30 */
    unsigned reply_timeout;   /* seconds; 0: 60 */
    unsigned command_timeout; /* seconds; 0: 600 */
    uint64_t body_max;        /* octets; a larger message ends the session; 0: no limit */
    size_t write_high;        /* octets queued for sending before a source is paused; 0: 256 KiB */
    bool hide_idle, hide_notify; /* do not use them even if offered */
    bool enable_qresync;         /* ENABLE QRESYNC (or CONDSTORE) when offered */
    bool no_login; /* ready after CAPABILITY, without logging in; login and secret are unused */
    /* NULL: resolve host. Otherwise only this address is tried, with its own port. Copied. */
    const struct sockaddr *address;
    int address_len;
    bool record_certificates; /* certificate.h */
    /* When the session fails or is freed after the greeting, send LOGOUT without waiting for the
     * reply. */
    bool send_logout;
};

struct imap_failure {
    enum imap_failure_kind kind;
    enum imap_phase phase;
    const char *reason; /* plain text; control characters replaced */
    unsigned backoff;   /* seconds that the server asked us to back off; 0: it did not */
};

enum imap_result_kind {
    IMAP_RESULT_OK,
    IMAP_RESULT_NO,
    IMAP_RESULT_BAD,
    IMAP_RESULT_LOST,    /* the session ended after the server may have seen the command */
    IMAP_RESULT_UNSENT,  /* the session ended before any of the command was written */
    IMAP_RESULT_INVALID, /* not sent: an argument is invalid, or the source failed */
};

struct imap_result {
    enum imap_result_kind kind;
    const struct imap_text *text; /* OK, NO, BAD: as the server sent it; otherwise NULL */
    const char *reason;           /* never NULL; for a log */
};

typedef void imap_done(void *arg, const struct imap_result *result);

/* A BODY[...] item of a FETCH, streamed. */
struct imap_body {
    uint32_t seq;
    uint32_t uid;  /* 0: not known yet; see the FETCH unit that follows the body */
    uint64_t size; /* of the literal */
    const char
        *section; /* "", "HEADER", "HEADER.FIELDS (X-MONITOR-ID)" ... as the server sent it */
};

struct imap_events {
    void (*on_ready)(void *arg);
    void (*on_closed)(void *arg, const struct imap_failure *failure);
    /* May be NULL, as all below. Called for every untagged response except those that the session
     * handles itself (CAPABILITY, ENABLED, ID). */
    void (*on_untagged)(void *arg, const struct imap_untagged *untagged);
    /* Streaming of BODY[...]: begin, data ..., end, then on_untagged with the FETCH unit.
     * If begin returns false, the body is discarded as it arrives, without data or end. A body sent
     * as a quoted string is streamed too; NIL causes no begin. Without on_body_begin all bodies are
     * discarded. complete is false if the session ended within the body. */
    bool (*on_body_begin)(void *arg, const struct imap_body *body);
    void (*on_body_data)(void *arg, const unsigned char *data, size_t len);
    void (*on_body_end)(void *arg, bool complete);
    /* A line as sent or received, without the contents of literals and without secrets. */
    void (*on_trace)(void *arg, bool sent, const char *line, size_t len);
    /* A phase of the connection begins; the last one is READY, just before on_ready. With STARTTLS
     * the order is GREETING, CAPABILITY, TLS, CAPABILITY, AUTH: TLS begins with the command. ID and
     * ENABLE after the login belong to AUTH. */
    void (*on_phase)(void *arg, enum imap_phase phase);
};

struct imap_session *imap_session_new(struct event_base *base, struct evdns_base *dns,
                                      const struct imap_options *options,
                                      const struct imap_events *events, void *arg);
void imap_session_free(struct imap_session *session);
/* LOGOUT after the queued commands; then on_closed with IMAP_FAILURE_LOGOUT. */
void imap_session_logout(struct imap_session *session);

/* Flow control: nothing more is read (beyond what is buffered, at most 64 KiB) until resumed. The
 * deadlines are suspended meanwhile. Calls nest: as many resumes as pauses. */
void imap_session_pause(struct imap_session *session);
void imap_session_resume(struct imap_session *session);

/* What the server offers, after the login. Case-insensitive: "IDLE", "AUTH=PLAIN". */
bool imap_session_has(const struct imap_session *session, const char *capability);
/* All capabilities, separated by single spaces. Borrowed until they change. */
const char *imap_session_capabilities(const struct imap_session *session);
/* APPENDLIMIT; 0: not announced. */
uint64_t imap_session_append_limit(const struct imap_session *session);
/* Name and version of the server from ID, or ""; control characters replaced. */
const char *imap_session_server_id(const struct imap_session *session);
/* "TLSv1.3", or "" without TLS. Also after on_closed. */
const char *imap_session_tls_version(const struct imap_session *session);
/* With record_certificates, also after on_closed, until the session is freed. NULL: none received.
 */
const struct certificate_chain *imap_session_certificates(const struct imap_session *session);
/* Units that were not understood, and units in total. */
void imap_session_counters(const struct imap_session *session, uint64_t *ignored, uint64_t *units);

/* Seconds to back off as the text of a NO, BAD or BYE requests: "Suggested Backoff Time: N
 * milliseconds" (Exchange), "try again in N minutes", "retry after N seconds" and the like. At most
 * IMAP_BACKOFF_MAX; 0: no request. */
#define IMAP_BACKOFF_MAX (4 * 3600)
unsigned imap_text_backoff(const struct imap_text *text);

/* ---- commands ---- */

/* What SELECT or EXAMINE returned; 0 or false where it did not. */
struct imap_mailbox {
    uint32_t exists, uidvalidity, uidnext;
    uint64_t highestmodseq;
    bool no_modseq, read_only;
    bool keywords;               /* PERMANENTFLAGS has \* */
    const char *permanent_flags; /* "" if missing */
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

/* FETCH by sequence numbers, which stay valid until the next command that may return EXPUNGE (RFC
 * 9051 section 7.5.1). Otherwise as imap_uid_fetch(). */
void imap_fetch(struct imap_session *session, const struct imap_uidset *numbers, const char *items,
                imap_done *done, void *arg);
/* UID FETCH set items; items is sent verbatim, such as "(UID FLAGS BODY.PEEK[])". A set too long
 * for one line becomes several commands; done is called once, with the first failure if any. */
void imap_uid_fetch(struct imap_session *session, const struct imap_uidset *set, const char *items,
                    imap_done *done, void *arg);
/* UID SEARCH criteria; the UIDs found arrive as IMAP_UNTAGGED_SEARCH. */
void imap_uid_search(struct imap_session *session, const char *criteria, imap_done *done,
                     void *arg);
void imap_uid_store(struct imap_session *session, const struct imap_uidset *set, const char *change,
                    imap_done *done, void *arg);
/* Requires UIDPLUS, otherwise IMAP_RESULT_INVALID. */
void imap_uid_expunge(struct imap_session *session, const struct imap_uidset *set, imap_done *done,
                      void *arg);
/* EXPUNGE: removes everything marked \Deleted in the selected mailbox, whoever marked it. */
void imap_expunge(struct imap_session *session, imap_done *done, void *arg);
void imap_noop(struct imap_session *session, imap_done *done, void *arg);
void imap_check(struct imap_session *session, imap_done *done, void *arg);
void imap_create(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_delete(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_subscribe(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_status(struct imap_session *session, const char *mailbox, unsigned items, imap_done *done,
                 void *arg);
/* LIST "" pattern with RETURN (SPECIAL-USE [STATUS ...]) where offered; status_items may be 0.
 * Without LIST-STATUS there is no STATUS data. */
void imap_list(struct imap_session *session, const char *pattern, unsigned status_items,
               imap_done *done, void *arg);
/* GETQUOTAROOT (RFC 9208, 2087); the quotas arrive as IMAP_UNTAGGED_QUOTA. */
void imap_quota_root(struct imap_session *session, const char *mailbox, imap_done *done, void *arg);
void imap_namespace(struct imap_session *session, imap_done *done, void *arg);

/*
 * IDLE, RFC 2177. on_idling is called when the server has sent "+"; done when IDLE has ended: by
 * imap_idle_stop(), by a command queued after it, or by the server. If the server replies OK
 * without "+", done is called without on_idling. The session does not renew IDLE, its owner does.
 */
void imap_idle(struct imap_session *session, void (*on_idling)(void *arg), imap_done *done,
               void *arg);
void imap_idle_stop(struct imap_session *session);

/*
 * NOTIFY SET, RFC 5465: MessageNew (with UID) and MessageExpunge for the selected mailbox,
 * MessageNew and MessageExpunge as STATUS for the named mailboxes (NULL, 0: all personal ones, with
 * MailboxName events). The STATUS responses to it arrive as IMAP_UNTAGGED_STATUS_DATA.
 */
void imap_notify(struct imap_session *session, const char *const *mailboxes, size_t n,
                 imap_done *done, void *arg);

/*
 * APPEND, RFC 9051 section 6.3.12; with more than one message MULTIAPPEND (RFC 3502), which must
 * have been offered. Octets are sent exactly as the sources provide them. Messages below 100 kB are
 * sent with LITERAL+ (LITERAL-: up to 4 kB), larger ones as synchronising literals, so that the
 * server can refuse a large message before it is sent. A NO before the literal leaves the session
 * usable; all messages of one call succeed or fail together. The result's text has APPENDUID if the
 * server sent it.
 */
struct imap_append_message {
    const char *flags; /* "\\Seen $MDNSent" without parentheses, NULL or "": none */
    bool has_date;
    time_t date;   /* INTERNALDATE */
    int date_zone; /* minutes east of UTC */
    uint64_t size;
    bool synchronise; /* never a literal that does not wait for the server */
    /* Adds between 1 and want octets to out and returns how many; 0: none available now, call
     * imap_append_ready() later; -1: failed, which ends the session, since the literal cannot be
     * completed. Called until size octets have been provided. */
    ssize_t (*read)(void *arg, struct evbuffer *out, size_t want);
    void *arg;
};
void imap_append(struct imap_session *session, const char *mailbox,
                 const struct imap_append_message *messages, size_t n, imap_done *done, void *arg);
void imap_append_ready(struct imap_session *session);

#endif
