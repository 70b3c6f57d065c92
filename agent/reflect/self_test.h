/*
 * `email_return --self-test`: everything that could hinder an answer, each with what to do about
 * it; nothing is sent. To be run as the user whose .forward names the program.
 */
#ifndef AGENT_REFLECT_SELF_TEST_H
#define AGENT_REFLECT_SELF_TEST_H

/* path: as -c gave it, or NULL. The exit status: 0 all is well, 1 something is wrong. */
int self_test(const char *path);

#endif
