#include <assert.h>
#include <stdlib.h>

#include "agent/deliver/private.h"
#include "rules/util/memory.h"

const char *deliver_state_text(enum deliver_state state)
{
    static const char *const texts[] = {"idle", "connecting", "sending", "down"};

    return texts[state];
}

/* private.h's table. */
static bool may_follow(enum deliver_step step, enum deliver_step next)
{
#define TO(name) (1u << STEP_##name)
    static const unsigned followers[] = {
        [STEP_IDLE] = TO(ASKING) | TO(DOWN) | TO(STOPPED),
        [STEP_CONNECTING] = TO(IDLE) | TO(DOWN) | TO(STOPPED),
        [STEP_DOWN] = TO(CONNECTING) | TO(STOPPED),
        [STEP_ASKING] = TO(IDLE) | TO(CONNECTING) | TO(SENDING) | TO(HOLDING) | TO(SELECTING) |
                        TO(RESOLVING) | TO(DOWN),
        [STEP_HOLDING] = TO(SELECTING) | TO(RESOLVING) | TO(SENDING) | TO(DOWN) | TO(IDLE),
        [STEP_SELECTING] = TO(PREPARING) | TO(ASKING) | TO(IDLE) | TO(DOWN),
        [STEP_PREPARING] = TO(PREPARED) | TO(SENDING) | TO(ASKING) | TO(IDLE) | TO(DOWN),
        [STEP_PREPARED] = TO(SENDING) | TO(DOWN) | TO(IDLE),
        [STEP_SENDING] = TO(ASKING) | TO(IDLE) | TO(DOWN),
        [STEP_RESOLVING] = TO(ASKING) | TO(IDLE) | TO(DOWN),
        [STEP_STOPPED] = 0,
    };
#undef TO

    return (followers[step] & 1u << next) != 0;
}

static bool needs_sending(enum deliver_step step)
{
    return step == STEP_HOLDING || step == STEP_PREPARED || step == STEP_SENDING;
}

static bool may_be_sending(enum deliver_step step)
{
    return needs_sending(step) || step == STEP_ASKING || step == STEP_SELECTING ||
           step == STEP_PREPARING;
}

/* Whether the fields are those of the state, as private.h has them. */
static bool fields_fit(const struct deliver *deliver)
{
    enum deliver_step step = deliver->step;
    bool holds_copies = step == STEP_HOLDING || step == STEP_SELECTING;
    bool has_next = step == STEP_PREPARING || step == STEP_PREPARED;
    bool is_resolving = step == STEP_RESOLVING;
    bool is_sending = deliver->sending != NULL;
    bool needs_session = holds_copies || has_next || is_resolving || is_sending;

    return (deliver->asked != NULL) == (step == STEP_ASKING) &&
           (deliver->waiting != NULL) == holds_copies && (deliver->preparing != NULL) == has_next &&
           (deliver->resolving != NULL) == is_resolving && (is_sending || !needs_sending(step)) &&
           (!is_sending || may_be_sending(step)) &&
           (deliver->place.session != NULL || !needs_session);
}

/* ASKING is too short to be shown. */
static enum deliver_state state_shown(const struct deliver *deliver)
{
    switch (deliver->step) {
    case STEP_IDLE:
    case STEP_STOPPED:
        return DELIVER_IDLE;
    case STEP_CONNECTING:
        return DELIVER_CONNECTING;
    case STEP_DOWN:
        return DELIVER_DOWN;
    case STEP_ASKING:
        return deliver->shown;
    default:
        return DELIVER_SENDING;
    }
}

void deliver_enter(struct deliver *deliver, enum deliver_step step)
{
    bool is_legal = may_follow(deliver->step, step);
    enum deliver_state shown;
    bool fit;

    assert(is_legal);
    deliver->step = step;
    fit = fields_fit(deliver);
    assert(fit);
    (void)is_legal; /* without assertions */
    (void)fit;
    shown = state_shown(deliver);
    if (shown != deliver->shown)
        deliver->since = time(NULL);
    deliver->shown = shown;
}

void deliver_set_trouble(struct deliver *deliver, const char *why)
{
    free(deliver->trouble);
    deliver->trouble = xstrdup(why);
    if (deliver->trouble_since == 0)
        deliver->trouble_since = time(NULL);
}

void deliver_work_soon(struct deliver *deliver)
{
    event_active(deliver->work, EV_TIMEOUT, 0);
}
