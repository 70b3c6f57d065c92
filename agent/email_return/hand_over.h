/* Passes an answer to the local sendmail: no shell, a fixed path, fixed arguments and a fixed
 * environment, with nothing of the message in either. */
#ifndef AGENT_EMAIL_RETURN_HAND_OVER_H
#define AGENT_EMAIL_RETURN_HAND_OVER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/email_return/confine.h"
#include "agent/email_return/settings.h"

#define HAND_OVER_SECONDS 60

struct account { /* from the password database */
    char name[64], home[PATH_MAX];
};

/* limits: restored for sendmail. false: it has not confirmed that it accepted the answer; why says
 * what went wrong. If it was killed it may have accepted it nevertheless. */
bool hand_over(const struct settings *settings, const struct account *account,
               const struct confine_limits *limits, const char *message, size_t len, char *why,
               size_t why_size);

#endif
