/*
 * The inside of a round trip, shared by its files and nobody else: roundtrip.c (its life, its
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
    bool intended; /* its nonce is in the books */
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

/* A question to the ledger that may outlive who asked it. */
struct roundtrip_asked {
    struct roundtrip *roundtrip; /* NULL: it is gone */
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
    struct roundtrip_asked *asked;
    bool is_loaded, is_intending;
    struct roundtrip_place inbox, junk;
    enum placement last_placement;
    struct sending *sending;
    bool send_waits;               /* for the first look into the mailbox */
    bool was_listening;            /* that wait is over, well or not */
    uint64_t no_auth_before;       /* microseconds of phase_now(): a password was rejected */
    TAILQ_HEAD(, awaited) awaited; /* in the order of sending */
    STAILQ_HEAD(, told) telling;
    struct event *timer;    /* what time brings */
    struct event *patience; /* ends send_waits */
    struct event *teller;   /* tells from a clean stack */
    struct path_delay delay;
    bool has_last;
    struct roundtrip_facts last;
};

/* roundtrip.c */
/* Takes the result, fills it in and tells it soon. */
void roundtrip_tell(struct roundtrip *roundtrip, struct probe_result *result,
                    const struct roundtrip_facts *facts);
/* The verdict and what is outstanding; nothing has come back. */
struct roundtrip_facts roundtrip_facts_now(const struct roundtrip *roundtrip,
                                           enum roundtrip_verdict verdict);
struct awaited *roundtrip_await(struct roundtrip *roundtrip, const unsigned char nonce[TOKEN_NONCE],
                                const struct book_time *began);
struct awaited *roundtrip_find_awaited(const struct roundtrip *roundtrip,
                                       const unsigned char nonce[TOKEN_NONCE]);
void roundtrip_drop_awaited(struct roundtrip *roundtrip, struct awaited *awaited);
void roundtrip_mind(struct roundtrip *roundtrip); /* soon: time or the books have moved on */
void roundtrip_expect(struct roundtrip *roundtrip);

/* probe/roundtrip/send.c */
void roundtrip_begin(struct roundtrip *roundtrip, bool is_retry);
void roundtrip_intended(struct roundtrip *roundtrip); /* its nonce is durable */
void roundtrip_stop_sending(struct roundtrip *roundtrip);

/* probe/roundtrip/returned.c */
void roundtrip_on_message(void *arg, const struct inbox_message *message, bool was_seen);

#endif
