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

const char *ledger_is_blocked(const struct ledger *ledger, time_t *since)
{
    struct blockage *blockage = ledger->blockage;
    pthread_mutex_lock(&blockage->mutex);
    time_t when = blockage->since;
    memcpy(blockage->shown, blockage->why, sizeof(blockage->shown));
    pthread_mutex_unlock(&blockage->mutex);
    if (since != NULL)
        *since = when;
    return when == 0 ? NULL : blockage->shown;
}

void ledger_set_plans(struct ledger *ledger, ledger_plan_join *join, ledger_plan_covers *covers)
{
    ledger->plan_covers = covers;
    ledger->plan_join = join;
}
