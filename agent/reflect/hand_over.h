/*
 * Giving an answer to the local sendmail: a fixed program with fixed arguments, its environment
 * PATH only, standard input a pipe with the message, standard output and error /dev/null, no other
 * file.
 *
 *     sendmail -i -f SENDER -- REPLY_TO       (SENDER "<>" is the null sender)
 *
 * Nothing of the message is in its arguments. "-N never" is not given: it is an option of DSN to
 * Postfix and Sendmail, and to Exim one that delivers nothing; a null sender gets no report anyway.
 */
#ifndef AGENT_REFLECT_HAND_OVER_H
#define AGENT_REFLECT_HAND_OVER_H

#include <sys/resource.h>

#include "agent/reflect/settings.h"

#define HAND_OVER_SECONDS 30

/* limits: the soft limits that the program lowered for itself, to be given back to sendmail. */
struct own_limits {
    struct rlimit cpu, memory, file;
};

/* false: it was not taken, why says so. */
bool hand_over(const struct settings *settings, const struct own_limits *limits,
               const char *message, size_t len, char why[SETTINGS_WHY_MAX]);

#endif
