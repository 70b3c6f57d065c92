#include "agent/watch/private.h"

#include <assert.h>
#include <string.h>

/* ---- texts ---- */

const char *watch_state_text(enum watch_state state)
{
    static const char *const texts[] = {"connecting", "working", "watching", "down"};

    return texts[state];
}

const char *watch_mode_text(enum watch_mode mode)
{
    static const char *const texts[] = {"notify", "idle", "poll"};

    return texts[mode];
}

/* ---- phases ---- */

/* The table of private.h. */
static bool may_follow(enum watch_phase before, enum watch_phase next)
{
    static const unsigned steps = 1u << PHASE_LISTING | 1u << PHASE_REQUESTING_NOTIFY |
                                  1u << PHASE_EXAMINING | 1u << PHASE_CAPTURING |
                                  1u << PHASE_WATCHING;
    static const unsigned table[] = {
        [PHASE_DOWN] = 1u << PHASE_CONNECTING,
        [PHASE_CONNECTING] = 1u << PHASE_DECIDING,
        [PHASE_DECIDING] = steps,
        [PHASE_LISTING] = 1u << PHASE_DECIDING,
        [PHASE_REQUESTING_NOTIFY] = 1u << PHASE_DECIDING,
        [PHASE_EXAMINING] = 1u << PHASE_FINDING_HIGHEST | 1u << PHASE_OPENING |
                            1u << PHASE_CAPTURING | 1u << PHASE_DECIDING,
        [PHASE_FINDING_HIGHEST] = 1u << PHASE_OPENING,
        [PHASE_OPENING] = 1u << PHASE_CAPTURING,
        [PHASE_CAPTURING] = 1u << PHASE_DECIDING,
        [PHASE_WATCHING] = steps,
    };

    return (table[before] & 1u << next) != 0 || (next == PHASE_DOWN && before != PHASE_DOWN);
}

enum watch_state watch_state_of(enum watch_phase phase)
{
    switch (phase) {
    case PHASE_DOWN:
        return WATCH_DOWN;
    case PHASE_CONNECTING:
        return WATCH_CONNECTING;
    case PHASE_WATCHING:
        return WATCH_WATCHING;
    default:
        return WATCH_WORKING;
    }
}

void watch_set_phase(struct watch *watch, enum watch_phase phase)
{
    bool is_legal = may_follow(watch->phase, phase);

    assert(is_legal);
    (void)is_legal; /* NDEBUG */
    /* With a session in all but these, and only then. */
    assert((watch->session == NULL) == (phase == PHASE_DOWN || phase == PHASE_CONNECTING));
    assert((watch->examining != NULL) ==
           (phase == PHASE_EXAMINING || phase == PHASE_FINDING_HIGHEST || phase == PHASE_OPENING));
    if (watch_state_of(watch->phase) != watch_state_of(phase))
        watch->since = time(NULL);
    watch->phase = phase;
}

void watch_work_soon(struct watch *watch)
{
    event_active(watch->work, EV_TIMEOUT, 0);
}

void watch_step_done(struct watch *watch)
{
    watch_set_phase(watch, PHASE_DECIDING);
    watch_work_soon(watch);
}

bool watch_command_ended(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

/* ---- folders ---- */

struct folder *watch_find_folder(const struct watch *watch, const char *name)
{
    for (size_t i = 0; i < watch->n_folders; i++)
        if (strcmp(watch->folders[i]->name, name) == 0)
            return watch->folders[i];
    return NULL;
}

bool watch_is_of_everything(const struct watch *watch)
{
    for (char **folder = (*watch->account)->folders; *folder != NULL; folder++)
        if (strcmp(*folder, "*") == 0 || strcmp(*folder, "**") == 0)
            return true;
    return false;
}

bool watch_retry_is_due(const struct folder *folder)
{
    return folder->retry.count > 0 && time(NULL) >= folder->retry_at;
}
