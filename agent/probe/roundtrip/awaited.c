/* What is being waited for: messages that are under way, and results on their way to the owner. */
#include <stdlib.h>
#include <string.h>

#include "agent/probe/roundtrip/private.h"
#include "rules/util/memory.h"

#define SECOND INT64_C(1000000) /* in microseconds */

/* ---- results ---- */

struct roundtrip_facts roundtrip_facts_now(const struct roundtrip *roundtrip,
                                           enum roundtrip_verdict verdict)
{
    struct roundtrip_facts facts = {.verdict = verdict, .duration = -1};
    struct book_time now;
    int64_t oldest;

    book_time_now(&now);
    oldest = roundtrip_book_oldest(roundtrip->book, &now);
    facts.outstanding = roundtrip_book_counts(roundtrip->book)->outstanding;
    facts.oldest_outstanding = oldest >= 0 ? (time_t)((now.wall_us - oldest) / SECOND) : 0;
    return facts;
}

void roundtrip_report(struct roundtrip *roundtrip, struct probe_result *result,
                      const struct roundtrip_facts *facts)
{
    struct outgoing_result *outgoing = xcalloc(1, sizeof(*outgoing));

    outgoing->result = result;
    if (facts != NULL) {
        result->has_roundtrip = true;
        result->roundtrip = *facts;
    }
    if (facts != NULL && facts->duration >= 0)
        result->microseconds = (uint64_t)facts->duration;
    else if (result->n_paths > 0)
        result->microseconds = phase_clock_total(&result->paths[0].clock);
    STAILQ_INSERT_TAIL(&roundtrip->results, outgoing, entry);
    event_active(roundtrip->reporter, EV_TIMEOUT, 0);
}

/* ---- messages ---- */

struct awaited *roundtrip_await(struct roundtrip *roundtrip, const unsigned char nonce[TOKEN_NONCE],
                                const struct book_time *began)
{
    struct awaited *awaited = xcalloc(1, sizeof(*awaited));

    memcpy(awaited->nonce, nonce, TOKEN_NONCE);
    awaited->began = *began;
    TAILQ_INSERT_TAIL(&roundtrip->awaited, awaited, entry);
    return awaited;
}

struct awaited *roundtrip_find_awaited(const struct roundtrip *roundtrip,
                                       const unsigned char nonce[TOKEN_NONCE])
{
    struct awaited *awaited;

    TAILQ_FOREACH(awaited, &roundtrip->awaited, entry)
        if (memcmp(awaited->nonce, nonce, TOKEN_NONCE) == 0)
            break;
    return awaited;
}

void roundtrip_drop_awaited(struct roundtrip *roundtrip, struct awaited *awaited)
{
    TAILQ_REMOVE(&roundtrip->awaited, awaited, entry);
    probe_result_free(awaited->result);
    free(awaited);
}

/* ---- soon ---- */

void roundtrip_mind(struct roundtrip *roundtrip)
{
    event_active(roundtrip->timer, EV_TIMEOUT, 0);
}

void roundtrip_expect(struct roundtrip *roundtrip)
{
    probe_box_expect(roundtrip->inbox.box, INBOX_EXPECT_MAX * 1000);
    probe_box_expect(roundtrip->junk.box, INBOX_EXPECT_MAX * 1000);
}
