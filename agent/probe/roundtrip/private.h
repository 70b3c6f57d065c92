/*
 * The inside of a round trip, shared by its files only: roundtrip.c (its life, its
 * books, its clock), probe/roundtrip/send.c (sending), probe/roundtrip/returned.c (what comes
 * back).
 */
#ifndef AGENT_PROBE_ROUNDTRIP_PRIVATE_H
#define AGENT_PROBE_ROUNDTRIP_PRIVATE_H

#include <sys/queue.h>

#include "agent/probe/dialogue/submission.h"
#include "agent/probe/inbox/probe_box.h"
#include "agent/probe/roundtrip/path_delay.h"
#include "agent/probe/roundtrip/roundtrip.h"

/*
 * How far the next message is.
 *
 *   state      waits for                                            may be followed by
 *   LOADING    the ledger: what is outstanding since former runs    READY, LISTENING
 *   READY      roundtrip_send(), or nothing (a second try)          LISTENING, PREPARING
 *   LISTENING  the return folder to be watched, or in trouble;      PREPARING
 *              PATIENCE seconds at most, from the first request
 *   PREPARING  the secret and TLS (submission.h)                    NOTING, READY
 *   NOTING     the ledger: the nonce is durable                     SENDING, READY
 *   SENDING    the end of the SMTP dialogue                         READY
 */
enum roundtrip_state {
    ROUNDTRIP_LOADING,
    ROUNDTRIP_READY,
    ROUNDTRIP_LISTENING,
    ROUNDTRIP_PREPARING,
    ROUNDTRIP_NOTING,
    ROUNDTRIP_SENDING,
};

/* A message that the server has taken and whose result is not told yet, or which was told as
 * outstanding. */
struct awaited {
    unsigned char nonce[TOKEN_NONCE];
    struct book_time began;
    struct book_time handed; /* see struct sending; zero: before the restart */
    bool told;
    struct probe_result *result; /* how its sending went; NULL: told, or before the restart */
    TAILQ_ENTRY(awaited) entry;
};

/* The message that is being sent. */
struct sending {
    unsigned char nonce[TOKEN_NONCE];
    bool is_retry;
    struct submission *submission;
    struct probe_result *result;
    char *message;
    size_t len;
    struct book_time began;
    /* When the last dot was about to be sent. An answer cannot be older than that, while the
     * server's reply may well come behind it: so this is t1 of path_delay.h. */
    struct book_time handed;
    bool has_returned; /* before the dialogue ended */
    struct roundtrip_facts facts;
};

struct told { /* a result on its way to the owner */
    struct probe_result *result;
    STAILQ_ENTRY(told) entry;
};

struct roundtrip_place { /* argument of a box's events */
    struct roundtrip *roundtrip;
    struct probe_box *box;
    const char *folder; /* for the books */
    enum placement placement;
};

struct roundtrip {
    struct links *links;
    struct ledger *ledger;
    const struct probe *probe;
    char *instance;
    unsigned char probe_id[TOKEN_PROBE_ID];
    roundtrip_told *told;
    void *arg;

    struct roundtrip_book *book;
    struct ledger_request *request; /* the one that LOADING or NOTING waits for; else NULL */
    enum roundtrip_state state;
    struct roundtrip_place inbox, junk;
    enum placement last_placement;
    struct sending *sending;       /* in PREPARING, NOTING, SENDING; else NULL */
    bool send_requested;           /* once at least */
    bool was_listening;            /* LISTENING need not be waited for any more */
    uint64_t no_auth_before;       /* microseconds of phase_now(): a password was rejected */
    TAILQ_HEAD(, awaited) awaited; /* in the order of sending */
    STAILQ_HEAD(, told) telling;
    struct event *timer;    /* what time brings */
    struct event *patience; /* ends the wait of LISTENING */
    struct event *teller;   /* tells from a clean stack */
    struct path_delay delay;
    bool has_last;
    struct roundtrip_facts last;
};

/* state.c */
/* Asserts that the table above allows it. */
void roundtrip_set_state(struct roundtrip *roundtrip, enum roundtrip_state state);

/* awaited.c */
/* Takes the result, fills it in and reports it soon. facts NULL: it was not sent. */
void roundtrip_report(struct roundtrip *roundtrip, struct probe_result *result,
                      const struct roundtrip_facts *facts);
/* The verdict and what is outstanding; nothing has come back. */
struct roundtrip_facts roundtrip_facts_now(const struct roundtrip *roundtrip,
                                           enum roundtrip_verdict verdict);
struct awaited *roundtrip_await(struct roundtrip *roundtrip, const unsigned char nonce[TOKEN_NONCE],
                                const struct book_time *began);
struct awaited *roundtrip_find_awaited(const struct roundtrip *roundtrip,
                                       const unsigned char nonce[TOKEN_NONCE]);
void roundtrip_drop_awaited(struct roundtrip *roundtrip, struct awaited *awaited);
/* Time or the books have moved on: what follows from that is done soon. */
void roundtrip_mind(struct roundtrip *roundtrip);
/* A message may come back from now on. */
void roundtrip_expect(struct roundtrip *roundtrip);

/* send.c */
void roundtrip_begin(struct roundtrip *roundtrip, bool is_retry);
void roundtrip_nonce_is_durable(struct roundtrip *roundtrip);
void roundtrip_sending_free(struct sending *sending); /* closes the connection */

/* returned.c */
void roundtrip_on_message(void *arg, const struct inbox_message *message, bool was_seen);

#endif
