/*
 * The one line that email_return writes about a message, to syslog (mail), cleaned. Strangers can
 * send as much mail as they like: what is said about theirs is said once in SAID_SECONDS, whoever
 * runs at the time; the time is that of an empty file beside the cache.
 */
#ifndef AGENT_EMAIL_RETURN_SYSLOG_LINE_H
#define AGENT_EMAIL_RETURN_SYSLOG_LINE_H

#include <stdbool.h>

#define SAID_SECONDS 60

void said(const char *text);
/* cache: the file beside it is CACHE.said. Where it cannot be made nothing is said. */
void said_at_times(const char *cache, const char *text);

#endif
