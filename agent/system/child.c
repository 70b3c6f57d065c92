#include "agent/system/child.h"

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

#include "rules/util/memory.h"

enum { KEPT = 3, /* inherited variables */ NOT_STARTED = 126 };

struct child {
    pid_t pid;
    int in, out; /* our ends; -1: closed */
    int pidfd;
    struct event *writable, *readable, *ended, *deadline, *failed;
    char *input; /* NULL: none */
    size_t input_len, written;
    char *output;
    size_t len, max;
    unsigned timeout;
    bool over; /* the process has exited, and was not waited for yet */
    int status;
    char *why; /* it failed before it could exit */
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

/* What a child executes; its ends of the pipes, -1: /dev/null. */
struct launch {
    char *const *arguments;
    char **environment;
    int in, out;
};

_Noreturn static void become(const struct launch *launch)
{
    int null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    reset_signals();
    if (null < 0 || dup2(launch->in >= 0 ? launch->in : null, STDIN_FILENO) < 0 ||
        dup2(launch->out >= 0 ? launch->out : null, STDOUT_FILENO) < 0)
        _exit(NOT_STARTED);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    execve(launch->arguments[0], launch->arguments, launch->environment);
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

static void close_input(struct child *child)
{
    if (child->in < 0)
        return;
    event_free(child->writable);
    child->writable = NULL;
    close(child->in);
    child->in = -1;
}

/* Until it is waited for its process id cannot be reused: the group is certainly its own. */
static void reap(struct child *child, bool kill_group)
{
    if (child->pid <= 0)
        return;
    if (kill_group)
        kill(-child->pid, SIGKILL);
    if (!child->over)
        kill(child->pid, SIGKILL); /* it may not have reached setpgid() */
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
    close_input(child);
    close_output(child);
    free_event(child->ended);
    free_event(child->deadline);
    free_event(child->failed);
    if (child->pidfd >= 0)
        close(child->pidfd);
    OPENSSL_cleanse(child->output, child->max + 1);
    free(child->output);
    free(child->input);
    free(child->why);
    free(child);
}

static void set_why(struct child *child)
{
    if (child->why != NULL)
        return;
    if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == NOT_STARTED)
        child->why = xstrdup("the command could not be executed");
    else if (WIFSIGNALED(child->status))
        child->why = xasprintf("the command was killed by signal %d", WTERMSIG(child->status));
    else if (WEXITSTATUS(child->status) != 0)
        child->why = xasprintf("the command exited with status %d", WEXITSTATUS(child->status));
}

static void finish(struct child *child)
{
    if (child->why == NULL)
        reap(child, false);
    set_why(child);
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
        fail(child, xasprintf("the command wrote more than %zu bytes", child->max));
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

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
    struct child *child = arg;
    ssize_t put = write(fd, child->input + child->written, child->input_len - child->written);

    (void)events;
    if (put < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (put > 0)
        child->written += (size_t)put;
    if (put < 0 || child->written == child->input_len)
        close_input(child); /* all is written, or it has closed its end */
}

/* What it left in the pipe is still read; if another process keeps the pipe open, until the
 * deadline. */
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
    fail(child, xasprintf("the command did not exit within %u seconds", child->timeout));
}

static void on_failed(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    finish(arg);
}

/* done is not called from inside child_run(): a timer calls it at once. */
static void fail_later(struct child *child, struct event_base *base, const char *what)
{
    const struct timeval now = {0, 0};

    child->why = xasprintf("the command cannot be started: %s: %s", what, strerror(errno));
    child->failed = memory_check(evtimer_new(base, on_failed, child));
    evtimer_add(child->failed, &now);
}

/* PATH, HOME, LANG, and those of more. */
static char **clean_environment(char *const *more)
{
    static const char *const names[KEPT] = {"PATH", "HOME", "LANG"};
    size_t n_more = 0, count = 0;

    while (more[n_more] != NULL)
        n_more++;
    char **environment = xcalloc(KEPT + n_more + 1, sizeof(*environment));
    for (size_t i = 0; i < KEPT; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL)
            environment[count++] = xasprintf("%s=%s", names[i], value);
    }
    for (size_t i = 0; i < n_more; i++)
        environment[count++] = xstrdup(more[i]);
    return environment;
}

static pid_t start(struct launch *launch, char *const *environment)
{
    launch->environment = clean_environment(environment);
    pid_t pid = fork();

    if (pid == 0)
        become(launch);
    if (pid > 0)
        setpgid(pid, pid); /* on both sides, whichever is first */
    int saved = errno;
    for (size_t i = 0; launch->environment[i] != NULL; i++)
        free(launch->environment[i]);
    free(launch->environment);
    errno = saved;
    return pid;
}

static struct event *watch(struct event_base *base, int fd, short what, event_callback_fn callback,
                           struct child *child)
{
    struct event *event = memory_check(event_new(base, fd, what | EV_PERSIST, callback, child));

    event_add(event, NULL);
    return event;
}

static void attach(struct child *child, struct event_base *base)
{
    const struct timeval limit = {.tv_sec = (time_t)child->timeout};

    if (child->out >= 0)
        child->readable = watch(base, child->out, EV_READ, on_readable, child);
    if (child->in >= 0)
        child->writable = watch(base, child->in, EV_WRITE, on_writable, child);
    child->ended = watch(base, child->pidfd, EV_READ, on_ended, child);
    child->deadline = memory_check(evtimer_new(base, on_deadline, child));
    evtimer_add(child->deadline, &limit);
}

static struct child *child_new(size_t max, unsigned timeout, child_done *done, void *arg)
{
    struct child *child = xcalloc(1, sizeof(*child));

    *child = (struct child){.in = -1, .out = -1, .pidfd = -1, .max = max, .timeout = timeout};
    child->done = done;
    child->arg = arg;
    child->output = xcalloc(1, max + 1);
    return child;
}

/* Takes ownership of both ends of the pipes; -1: no such pipe. */
static struct child *begin(struct child *child, struct event_base *base, struct launch *launch,
                           char *const *environment, int in, int out)
{
    child->pid = start(launch, environment);
    if (child->pid > 0)
        child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    bool begun = child->pid > 0 && child->pidfd >= 0;
    if (!begun)
        fail_later(child, base, child->pid < 0 ? "fork" : "pidfd_open");
    const int theirs[] = {launch->in, launch->out};
    const int ours[] = {in, out};
    for (size_t i = 0; i < 2; i++) {
        if (theirs[i] >= 0)
            close(theirs[i]);
        if (ours[i] >= 0 && !begun)
            close(ours[i]);
        if (ours[i] >= 0 && begun)
            fcntl(ours[i], F_SETFL, O_NONBLOCK);
    }
    if (!begun) {
        reap(child, true);
        return child;
    }
    child->in = in;
    child->out = out;
    attach(child, base);
    return child;
}

struct child *child_run(struct event_base *base, const char *command, size_t max, unsigned timeout,
                        child_done *done, void *arg)
{
    struct child *child = child_new(max, timeout, done, arg);
    char *const arguments[] = {"/bin/sh", "-c", (char *)command, NULL};
    static char *const no_more[] = {NULL};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail_later(child, base, "pipe");
        return child;
    }
    struct launch launch = {.arguments = arguments, .in = -1, .out = ends[1]};
    return begin(child, base, &launch, no_more, -1, ends[0]);
}

struct child *child_run_program(struct event_base *base, const struct child_program *program,
                                child_done *done, void *arg)
{
    struct child *child = child_new(0, program->timeout, done, arg);
    int ends[2];

    child->input = xmemdup0(program->input, program->input_len);
    child->input_len = program->input_len;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail_later(child, base, "pipe");
        return child;
    }
    struct launch launch = {.arguments = program->arguments, .in = ends[0], .out = -1};
    return begin(child, base, &launch, program->environment, ends[1], -1);
}
