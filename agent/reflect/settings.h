/*
 * The configuration of email_return: one small file, `key = value` lines, "#" begins a comment.
 *
 *     address      that probes are sent to: this account's
 *     reply_to     where answers go: nowhere else, whatever a message says
 *     secret_file  token.h
 *     cache        replay.h; default ~/.email_return.cache
 *     sendmail     default /usr/sbin/sendmail; an absolute path
 *     sender       envelope sender of answers; empty (default): the null sender
 *     max_per_hour default 120;  min_interval  seconds, default 0
 *
 * Paths may be relative to the file. It is the first of: what -c names, ~/.email_return.conf (the
 * home of the password database, not of the environment), /etc/mailvigil/email_return.conf.
 *
 * Files are refused that could be somebody else's doing: not owned by root or this user, or
 * writable by group or others, themselves or their directory (unless it is sticky).
 */
#ifndef AGENT_REFLECT_SETTINGS_H
#define AGENT_REFLECT_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/reflect/replay.h"

#define SETTINGS_FILE_MAX 16384
#define SETTINGS_ADDRESS_MAX 200
#define SETTINGS_WHY_MAX 400

struct settings {
    char file[PATH_MAX]; /* where they come from */
    char home[PATH_MAX];
    char address[SETTINGS_ADDRESS_MAX], reply_to[SETTINGS_ADDRESS_MAX],
        sender[SETTINGS_ADDRESS_MAX];
    char secret_file[PATH_MAX], cache[PATH_MAX], sendmail[PATH_MAX];
    struct replay_limits limits;
};

/* path NULL: the first that is there. false: why says what is wrong, where, and what to do. */
bool settings_read(struct settings *settings, const char *path, char why[SETTINGS_WHY_MAX]);

/* Whether nobody but root and this user can have made or changed that file; false: why. */
bool settings_file_is_safe(const char *path, char why[SETTINGS_WHY_MAX]);

#endif
