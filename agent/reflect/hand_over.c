#include "agent/reflect/hand_over.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOT_STARTED = 126 };

/* ---- the child's side: only what may be called between fork and exec ---- */

_Noreturn static void become(const struct settings *settings, const struct own_limits *limits,
                             int in)
{
    char *const arguments[] = {
        "sendmail", "-i",
        "-f",       settings->sender[0] != '\0' ? (char *)settings->sender : "<>",
        "--",       (char *)settings->reply_to,
        NULL};
    char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    sigset_t none;

    alarm(0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CPU, &limits->cpu);
    setrlimit(RLIMIT_AS, &limits->memory);
    setrlimit(RLIMIT_FSIZE, &limits->file);
    if (null < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0)
        _exit(NOT_STARTED);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    execve(settings->sendmail, arguments, environment);
    _exit(NOT_STARTED);
}

/* ---- ours ---- */

static bool write_all(int fd, const char *message, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, message, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        message += written;
        len -= (size_t)written;
    }
    return true;
}

/* Its wait status; -1 when its time was over and it was killed. */
static int wait_for(pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool late = pidfd >= 0 && poll(&ended, 1, HAND_OVER_SECONDS * 1000) == 0;

    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    return late ? -1 : status;
}

static bool judge(const struct settings *settings, int status, char why[SETTINGS_WHY_MAX])
{
    if (status == -1)
        snprintf(why, SETTINGS_WHY_MAX, "%.200s did not end in %d seconds", settings->sendmail,
                 HAND_OVER_SECONDS);
    else if (WIFSIGNALED(status))
        snprintf(why, SETTINGS_WHY_MAX, "%.200s was ended by signal %d", settings->sendmail,
                 WTERMSIG(status));
    else if (WEXITSTATUS(status) == NOT_STARTED)
        snprintf(why, SETTINGS_WHY_MAX, "%.200s cannot be run", settings->sendmail);
    else
        snprintf(why, SETTINGS_WHY_MAX, "%.200s ended with status %d", settings->sendmail,
                 WEXITSTATUS(status));
    return status == 0;
}

bool hand_over(const struct settings *settings, const struct own_limits *limits,
               const char *message, size_t len, char why[SETTINGS_WHY_MAX])
{
    int ends[2];
    bool written;
    pid_t pid;
    int status;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(why, SETTINGS_WHY_MAX, "a pipe: %s", strerror(errno));
        return false;
    }
    pid = fork();
    if (pid == 0)
        become(settings, limits, ends[0]);
    close(ends[0]);
    if (pid < 0) {
        snprintf(why, SETTINGS_WHY_MAX, "a process for sendmail: %s", strerror(errno));
        close(ends[1]);
        return false;
    }
    /* An answer fits the pipe's room of 64 KiB: this never waits. */
    written = write_all(ends[1], message, len);
    if (!written)
        kill(pid, SIGKILL); /* half a message must not go */
    close(ends[1]);
    status = wait_for(pid);
    return judge(settings, status, why) && written;
}
