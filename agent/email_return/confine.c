#include "agent/email_return/confine.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEGABYTE ((rlim_t)1024 * 1024)

static const struct {
    __rlimit_resource_t resource;
    rlim_t most;
} own_limits[CONFINE_LIMITS] = {
    {RLIMIT_CORE, 0}, /* the keys are in memory */
    {RLIMIT_CPU, 30}, /* seconds */
    {RLIMIT_FSIZE, 16 * MEGABYTE},
    {RLIMIT_NOFILE, 64},
#ifdef CONFINE_SANITIZED /* whose shadow memory is larger than any limit */
    {RLIMIT_AS, RLIM_INFINITY},
#else
    {RLIMIT_AS, 256 * MEGABYTE},
#endif
};

static void lower(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur > most) {
        limit.rlim_cur = most;
        (void)setrlimit(resource, &limit);
    }
}

void confine_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        int null = open("/dev/null", O_RDWR);
        if (null != fd) /* the lowest number that is free */
            _exit(0);
    }
    if (close_range(3, ~0U, 0) != 0)
        for (int fd = 3; fd < 1024; fd++)
            (void)close(fd);
}

void confine_output(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(0);
    close(null);
}

void confine_signals(void (*quit)(int number))
{
    static const int quitting[] = {SIGALRM, SIGXCPU, SIGABRT, SIGTERM, SIGHUP, SIGINT};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* Signals that the caller ignored would be ignored by us and by sendmail. */
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL);
    action.sa_handler = quit;
    for (size_t i = 0; i < sizeof(quitting) / sizeof(*quitting); i++)
        (void)sigaction(quitting[i], &action, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void confine_limits(struct confine_limits *limits)
{
    for (size_t i = 0; i < CONFINE_LIMITS; i++) {
        (void)getrlimit(own_limits[i].resource, &limits->before[i]);
        lower(own_limits[i].resource, own_limits[i].most);
    }
}

void confine_limits_restore(const struct confine_limits *limits)
{
    for (size_t i = 0; i < CONFINE_LIMITS; i++)
        (void)setrlimit(own_limits[i].resource, &limits->before[i]);
}

void confine_reader(void)
{
    static const struct rlimit nothing = {0, 0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_NPROC, &nothing);
    (void)setrlimit(RLIMIT_FSIZE, &nothing);
    (void)setrlimit(RLIMIT_NOFILE, &nothing);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef CONFINE_SANITIZED
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
#endif
}

void confine_reader_exit(int status)
{
    /* _exit() is exit_group(), which the strict mode forbids. */
    for (;;)
        (void)syscall(SYS_exit, status);
}
