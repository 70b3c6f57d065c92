#include "agent/ledger/ledger.h"

#include <string.h>

#include "agent/ledger/store/store.h"

const unsigned char *ledger_key(const struct ledger *ledger)
{
    return ledger->key;
}

const char *ledger_damage(const struct ledger *ledger)
{
    return ledger->damage;
}

const char *ledger_is_stuck(const struct ledger *ledger, time_t *since)
{
    struct stuck *stuck = ledger->stuck;
    pthread_mutex_lock(&stuck->mutex);
    time_t when = stuck->since;
    memcpy(stuck->shown, stuck->why, sizeof(stuck->shown));
    pthread_mutex_unlock(&stuck->mutex);
    if (since != NULL)
        *since = when;
    return when == 0 ? NULL : stuck->shown;
}

void ledger_set_plan_join(struct ledger *ledger, ledger_plan_join *join)
{
    ledger->plan_join = join;
}
