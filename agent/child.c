#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules/memory.h"

enum { ENVIRONMENT_MAX = 3, NOT_STARTED = 126 };

struct child {
    pid_t pid;
    int out; /* -1: closed */
    int pidfd;
    struct event *readable, *ended, *deadline, *failed;
    char *output;
    size_t len, max;
    unsigned timeout;
    bool over; /* the process has ended, and is not waited for yet */
    int status;
    char *why; /* it failed before it could be judged by its status */
    child_done *done;
    void *arg;
};

/* ---- the child's side: only what may be called between fork and exec ---- */

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void become(const char *command, char *const *environment, int out)
{
    char *const arguments[] = {"sh", "-c", (char *)command, NULL};
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    reset_signals();
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(NOT_STARTED);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    execve("/bin/sh", arguments, environment);
    _exit(NOT_STARTED);
}

/* ---- ours ---- */

static void close_output(struct child *child)
{
    if (child->out < 0)
        return;
    event_free(child->readable);
    child->readable = NULL;
    close(child->out);
    child->out = -1;
}

/* Until it is waited for, nobody else can get its process id: the group is surely its own. */
static void reap(struct child *child, bool kill_group)
{
    if (child->pid <= 0)
        return;
    if (kill_group)
        kill(-child->pid, SIGKILL);
    if (!child->over)
        kill(child->pid, SIGKILL); /* it may not have come to setpgid() */
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void child_cancel(struct child *child)
{
    if (child == NULL)
        return;
    reap(child, true);
    close_output(child);
    free_event(child->ended);
    free_event(child->deadline);
    free_event(child->failed);
    if (child->pidfd >= 0)
        close(child->pidfd);
    OPENSSL_cleanse(child->output, child->max + 1);
    free(child->output);
    free(child->why);
    free(child);
}

static void judge(struct child *child)
{
    if (child->why != NULL)
        return;
    if (WIFSIGNALED(child->status))
        child->why = xasprintf("the command was ended by signal %d", WTERMSIG(child->status));
    else if (WEXITSTATUS(child->status) != 0)
        child->why = xasprintf("the command ended with status %d", WEXITSTATUS(child->status));
}

static void finish(struct child *child)
{
    if (child->why == NULL)
        reap(child, false);
    judge(child);
    child->output[child->len] = '\0';
    child->done(child->arg, child->why == NULL ? child->output : NULL,
                child->why == NULL ? child->len : 0, child->why);
    child_cancel(child);
}

static void fail(struct child *child, char *why)
{
    child->why = why;
    finish(child);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
    struct child *child = arg;
    char beyond;
    bool full = child->len == child->max;
    ssize_t got =
        full ? read(fd, &beyond, 1) : read(fd, child->output + child->len, child->max - child->len);

    (void)events;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got > 0 && full) {
        fail(child, xasprintf("the command wrote more than %zu octets", child->max));
        return;
    }
    if (got > 0) {
        child->len += (size_t)got;
        return;
    }
    close_output(child);
    if (child->over)
        finish(child);
}

/* What it left in the pipe is still read; what keeps the pipe open behind it is not waited for
 * longer than the deadline. */
static void on_ended(evutil_socket_t fd, short events, void *arg)
{
    struct child *child = arg;
    siginfo_t info = {.si_pid = 0};

    (void)fd;
    (void)events;
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return;
    child->over = true;
    event_del(child->ended);
    if (child->out < 0)
        finish(child);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
    struct child *child = arg;

    (void)fd;
    (void)events;
    fail(child, xasprintf("the command did not end within %u seconds", child->timeout));
}

static void on_failed(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    finish(arg);
}

/* done is not called from inside child_run(): a timer of no length calls it. */
static void fail_later(struct child *child, struct event_base *base, const char *what)
{
    const struct timeval now = {0, 0};

    child->why = xasprintf("the command cannot be started: %s: %s", what, strerror(errno));
    child->failed = memory_check(evtimer_new(base, on_failed, child));
    evtimer_add(child->failed, &now);
}

static char **clean_environment(void)
{
    static const char *const names[ENVIRONMENT_MAX] = {"PATH", "HOME", "LANG"};
    char **environment = xcalloc(ENVIRONMENT_MAX + 1, sizeof(*environment));
    size_t count = 0;

    for (size_t i = 0; i < ENVIRONMENT_MAX; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL)
            environment[count++] = xasprintf("%s=%s", names[i], value);
    }
    return environment;
}

static pid_t start(const char *command, int out)
{
    char **environment = clean_environment();
    pid_t pid = fork();

    if (pid == 0)
        become(command, environment, out);
    if (pid > 0)
        setpgid(pid, pid); /* on both sides: whoever comes first */
    int saved = errno;
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    free(environment);
    errno = saved;
    return pid;
}

static void attach(struct child *child, struct event_base *base)
{
    const struct timeval limit = {.tv_sec = (time_t)child->timeout};

    child->readable =
        memory_check(event_new(base, child->out, EV_READ | EV_PERSIST, on_readable, child));
    child->ended =
        memory_check(event_new(base, child->pidfd, EV_READ | EV_PERSIST, on_ended, child));
    child->deadline = memory_check(evtimer_new(base, on_deadline, child));
    event_add(child->readable, NULL);
    event_add(child->ended, NULL);
    evtimer_add(child->deadline, &limit);
}

struct child *child_run(struct event_base *base, const char *command, size_t max, unsigned timeout,
                        child_done *done, void *arg)
{
    struct child *child = xcalloc(1, sizeof(*child));
    int ends[2];

    *child = (struct child){.out = -1, .pidfd = -1, .max = max, .timeout = timeout};
    child->done = done;
    child->arg = arg;
    child->output = xcalloc(1, max + 1);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail_later(child, base, "pipe");
        return child;
    }
    child->pid = start(command, ends[1]);
    close(ends[1]);
    if (child->pid > 0)
        child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pid < 0 || child->pidfd < 0) {
        fail_later(child, base, child->pid < 0 ? "fork" : "pidfd_open");
        close(ends[0]);
        reap(child, true);
        return child;
    }
    child->out = ends[0];
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    attach(child, base);
    return child;
}
