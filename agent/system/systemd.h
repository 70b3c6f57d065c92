/*
 * The service manager's protocol (sd_notify(3), systemd Type=notify and WatchdogSec): one datagram
 * to $NOTIFY_SOCKET. Without it all calls do nothing.
 */
#ifndef AGENT_SYSTEM_SYSTEMD_H
#define AGENT_SYSTEM_SYSTEMD_H

#include <event2/event.h>

/* "READY=1", "STOPPING=1", "RELOADING=1" with the monotonic time, "STATUS=..." */
void service_notify(const char *state);
void service_reloading(void);
/* Notifies the watchdog at half its interval; NULL if there is none. The caller frees the event. */
struct event *service_watchdog(struct event_base *base);

#endif
