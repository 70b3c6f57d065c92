/*
 * email_return --self-test: checks the installation: "ok" or "WRONG" for each requirement, and how
 * to fix it. Sends nothing; creates the cache if it does not exist.
 */
#ifndef AGENT_EMAIL_RETURN_SELF_TEST_H
#define AGENT_EMAIL_RETURN_SELF_TEST_H

#include "agent/email_return/hand_over.h"

/* program: the path of this program, "" if unknown. given: of -c, or NULL.
 * true: all requirements are met. */
bool self_test(const struct account *account, const char *program, const char *given);

#endif
