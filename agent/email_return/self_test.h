/*
 * email_return --self-test: everything that must be right before a probe is answered, each with
 * "ok" or "WRONG" and what to do. Sends nothing; makes the cache if it is not there.
 */
#ifndef AGENT_EMAIL_RETURN_SELF_TEST_H
#define AGENT_EMAIL_RETURN_SELF_TEST_H

#include "agent/email_return/hand_over.h"

/* program: where this program lies, "" if that is not known. given: of -c, or NULL.
 * true: nothing is wrong. */
bool self_test(const struct account *account, const char *program, const char *given);

#endif
