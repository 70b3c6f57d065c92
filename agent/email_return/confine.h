/*
 * What email_return gives up before it reads anything, and why.
 *
 * Not used: no_new_privs and seccomp filters in the process that starts sendmail, which inherits
 * them: Postfix's postdrop is setgid and Exim setuid. The process that reads mail has both
 * (reader.h). RLIMIT_NPROC counts all processes of the user and would make sendmail fail: only the
 * reader has it.
 */
#ifndef AGENT_EMAIL_RETURN_CONFINE_H
#define AGENT_EMAIL_RETURN_CONFINE_H

#include <stdbool.h>
#include <sys/resource.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CONFINE_SANITIZED 1
#endif

/* 0, 1 and 2 are open, to /dev/null where they were closed; nothing else is. */
void confine_descriptors(void);
/* Standard output and error go nowhere: MTAs mail the output of a command to the sender. */
void confine_output(void);
/* Default handlers, except for signals that end the program on a timeout or when out of memory:
 * then `quit` is called, which must not return. */
void confine_signals(void (*quit)(int number));

#define CONFINE_LIMITS 5
struct confine_limits {
    struct rlimit before[CONFINE_LIMITS];
};
/* Lowers soft limits for this process. */
void confine_limits(struct confine_limits *limits);
/* As they were, for the program that is executed next. */
void confine_limits_restore(const struct confine_limits *limits);

/* For the reader of mail, irrevocably: no new file, no new process, no privilege, and if the kernel
 * supports it no system call but read, write and exit. */
void confine_reader(void);
/* How such a process ends. */
_Noreturn void confine_reader_exit(int status);

#endif
