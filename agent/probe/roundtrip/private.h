/*
 * The inside of a round trip: state.c and awaited.c (what its other files share), send.c (sending),
 * returned.c (what comes back), roundtrip.c (its life, its books, its timers). Private to this
 * room.
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
 *   LOADING    the ledger: what is outstanding since earlier runs    READY, LISTENING
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

/* A message that the server has accepted and whose result is not reported yet, or was reported as
 * outstanding. */
struct awaited {
    unsigned char nonce[TOKEN_NONCE];
    struct book_time began;
    struct book_time handed; /* see struct sending; zero: sent before a restart */
    bool reported;
    struct probe_result
        *result; /* how its sending went; NULL: reported, or sent before a restart */
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
    /* When the final dot was about to be sent. An answer cannot be older than that, but may
     * overtake the server's reply: so this is t1 of path_delay.h. */
    struct book_time handed;
    bool has_returned; /* before the dialogue ended */
    struct roundtrip_facts facts;
};

struct outgoing_result { /* on its way to the owner */
    struct probe_result *result;
    STAILQ_ENTRY(outgoing_result) entry;
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
    roundtrip_done *done;
    void *arg;

    struct roundtrip_book *book;
    struct ledger_request *request; /* that LOADING or NOTING waits for; else NULL */
    enum roundtrip_state state;
    struct roundtrip_place inbox, junk;
    enum placement last_placement;
    struct sending *sending;       /* in PREPARING, NOTING, SENDING; else NULL */
    bool send_requested;           /* at least once */
    bool was_listening;            /* LISTENING has ended once: it does not wait again */
    uint64_t no_auth_before;       /* microseconds of phase_now(): a password was rejected */
    TAILQ_HEAD(, awaited) awaited; /* in the order of sending */
    STAILQ_HEAD(, outgoing_result) results;
    struct event *timer;    /* the next deadline: late, lost, to be cleaned up */
    struct event *patience; /* ends the wait of LISTENING */
    struct event *reporter; /* reports from a clean stack */
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
