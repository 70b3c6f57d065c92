/*
 * The one line that email_return logs about a message, to syslog (facility mail), without control
 * characters. Strangers can send any amount of mail: lines about it are logged once in
 * SYSLOG_LINE_SECONDS by all processes together; the time is that of a file next to the cache.
 */
#ifndef AGENT_EMAIL_RETURN_SYSLOG_LINE_H
#define AGENT_EMAIL_RETURN_SYSLOG_LINE_H

#include <stdbool.h>

#define SYSLOG_LINE_SECONDS 60

void syslog_line(const char *text);
/* cache: the file next to it is CACHE.said. If it cannot be created nothing is logged. */
void syslog_line_limited(const char *cache, const char *text);

#endif
