#include <assert.h>

#include "agent/probe/inbox/private.h"

void inbox_set_state(struct inbox *inbox, enum inbox_state state)
{
#define MAY(state) (1u << INBOX_##state)
    static const unsigned may_follow[] = {
        [INBOX_DOWN] = MAY(OPENING) | MAY(DOWN),
        [INBOX_OPENING] = MAY(WATCHING) | MAY(NO_FOLDER) | MAY(DOWN),
        [INBOX_NO_FOLDER] = MAY(DOWN),
        [INBOX_WATCHING] = MAY(NUDGING) | MAY(POLLING) | MAY(LOOKING) | MAY(DELETING) | MAY(DOWN),
        [INBOX_NUDGING] = MAY(WATCHING) | MAY(DOWN),
        [INBOX_POLLING] = MAY(WATCHING) | MAY(DOWN),
        [INBOX_LOOKING] = MAY(WATCHING) | MAY(DOWN),
        [INBOX_DELETING] = MAY(WATCHING) | MAY(DOWN),
    };
#undef MAY

    (void)may_follow; /* without assertions */
    assert((may_follow[inbox->state] & 1u << state) != 0);
    inbox->state = state;
    assert((inbox->session != NULL) == (state != INBOX_DOWN && state != INBOX_NO_FOLDER));
}

void inbox_work_soon(struct inbox *inbox)
{
    event_active(inbox->again, EV_TIMEOUT, 0);
}
