#include <assert.h>

#include "agent/ledger/private.h"

bool ledger_is_full(const struct ledger *ledger)
{
    return ledger->full;
}

void ledger_on_room(struct ledger *ledger, void (*on_room)(void *arg), void *arg)
{
    ledger->on_room = on_room;
    ledger->on_room_arg = arg;
}

void ledger_in_flight_more(struct ledger *ledger, uint64_t octets)
{
    ledger->in_flight += octets;
    if (ledger->in_flight >= ledger->buffer_high)
        ledger->full = true;
}

void ledger_in_flight_less(struct ledger *ledger, uint64_t octets)
{
    assert(ledger->in_flight >= octets);
    ledger->in_flight -= octets;
    if (!ledger->full || ledger->in_flight > ledger->buffer_high / 2)
        return;
    ledger->full = false;
    if (ledger->on_room != NULL)
        ledger->on_room(ledger->on_room_arg);
}
