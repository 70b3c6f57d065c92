#include <assert.h>

#include "agent/probe/roundtrip/private.h"

void roundtrip_set_state(struct roundtrip *roundtrip, enum roundtrip_state state)
{
#define MAY(state) (1u << ROUNDTRIP_##state)
    static const unsigned may_follow[] = {
        [ROUNDTRIP_LOADING] = MAY(READY) | MAY(LISTENING),
        [ROUNDTRIP_READY] = MAY(LISTENING) | MAY(PREPARING),
        [ROUNDTRIP_LISTENING] = MAY(PREPARING),
        [ROUNDTRIP_PREPARING] = MAY(NOTING) | MAY(READY),
        [ROUNDTRIP_NOTING] = MAY(SENDING) | MAY(READY),
        [ROUNDTRIP_SENDING] = MAY(READY),
    };
#undef MAY

    (void)may_follow; /* without assertions */
    assert((may_follow[roundtrip->state] & 1u << state) != 0);
    roundtrip->state = state;
    assert((roundtrip->sending != NULL) == (state >= ROUNDTRIP_PREPARING));
}
