/*
 * The end of an event loop.
 *
 * A bufferevent with BEV_OPT_DEFER_CALLBACKS that is freed while a callback of it is queued stays
 * allocated until the loop has taken the callback from its queue (without calling it).
 * event_base_free() alone forgets such callbacks, and with them the bufferevent and its socket.
 */
#ifndef AGENT_SYSTEM_LOOP_H
#define AGENT_SYSTEM_LOOP_H

#include <event2/event.h>

/* Everything that uses the loop has been freed. */
void loop_free(struct event_base *base);

#endif
