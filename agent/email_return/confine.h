/*
 * What email_return gives up before it looks at anything, and for whose sake.
 *
 * Not used: no_new_privs and seccomp filters in the process that starts sendmail, which inherits
 * them: Postfix's postdrop is setgid and Exim setuid. The process that reads mail has both
 * (reader.h). RLIMIT_NPROC counts all processes of the user and would let sendmail fail: only the
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
/* Standard output and error lead nowhere: MTAs mail to the sender what a command says. */
void confine_output(void);
/* Handlers as they are in a new process but for what ends the program when it takes too long or
 * memory is out: then `quit` is called, which must not return. */
void confine_signals(void (*quit)(int number));

#define CONFINE_LIMITS 5
struct confine_limits {
    struct rlimit before[CONFINE_LIMITS];
};
/* Lowers soft limits for this process. */
void confine_limits(struct confine_limits *limits);
/* As they were, for the program that is started next. */
void confine_limits_restore(const struct confine_limits *limits);

/* For the reader of mail, for ever: no new file, no new process, no privilege; where the kernel
 * lets it no system call but read, write and exit. */
void confine_reader(void);
/* How such a process ends. */
_Noreturn void confine_reader_exit(int status);

#endif
