/*
 * The configuration file of email_return: lines "key = value", "#" begins a comment line. The value
 * may be quoted ("). Relative paths are relative to the directory of the file, "~/" is the home.
 *
 *     address       where probes are sent to: this account's address    required
 *     reply_to      where answers go: nowhere else                      required
 *     secret_file   the keys (token.h)                                  required
 *     cache         nonces that were answered (replay.h)                ~/.email_return.cache
 *     sendmail      the MTA's program, an absolute path                 /usr/sbin/sendmail
 *     sender        envelope sender of answers; empty: the null sender  empty
 *     max_per_hour  answers, at most REPLAY_ENTRIES; 0: any number      120
 *     min_interval  seconds between two answers, at most 3600           1
 *
 * No memory is allocated, no value is a secret.
 */
#ifndef AGENT_EMAIL_RETURN_SETTINGS_H
#define AGENT_EMAIL_RETURN_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/email_return/replay.h"

#define SETTINGS_ADDRESS 255 /* with its NUL: RFC 5321 section 4.5.3.1.3 without its brackets */
#define SETTINGS_FILE_MAX (64 * 1024)

struct settings {
    char address[SETTINGS_ADDRESS], reply_to[SETTINGS_ADDRESS], sender[SETTINGS_ADDRESS];
    char secret_file[PATH_MAX], cache[PATH_MAX], sendmail[PATH_MAX];
    struct replay_limits limits;
};

/* line 0: of the file as a whole. text is borrowed. */
typedef void settings_problem(void *arg, unsigned line, const char *text);

/* -c FILE if given, else ~/.email_return.conf if it exists, else the system's. */
bool settings_path(const char *given, const char *home, char path[PATH_MAX]);
/* Every problem is reported; false: there was one. path is absolute. */
bool settings_load(struct settings *settings, const char *path, const char *home,
                   settings_problem *problem, void *arg);

#endif
