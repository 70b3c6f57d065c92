/*
 * One line per event on standard error, in the format of the journal: "<6>capture account=alice
 * uid=42". A level prefix only when standard error is the journal (JOURNAL_STREAM) or not a
 * terminal. Values with spaces, quotes or control characters are quoted and escaped; never content,
 * subjects or secrets.
 */
#ifndef AGENT_SYSTEM_LOG_H
#define AGENT_SYSTEM_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

void log_set_level(enum log_level level);
/* Whether events of that level are shown; for events that are costly to make. */
bool log_wants(enum log_level level);
/* event, then pairs of key and value, ended by NULL: log_event(LOG_LEVEL_INFO, "captured",
 * "account", name, "uid", log_number(uid), (char *)NULL). */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
/* A number as text in one of a few static buffers of the thread: valid for the same call. */
const char *log_number(long long number);

#endif
