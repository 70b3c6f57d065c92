#include "agent/email_return/hand_over.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/reflect/answer.h"

#define NO_EXEC 127

/* -i: a line with one dot does not end the message. -f <> is the null sender for Postfix, Exim,
 * Sendmail and OpenSMTPD. -N never is not used: Exim's -N delivers nothing, and with the null
 * sender nobody is notified anyway. */
_Noreturn static void become_sendmail(const struct settings *settings,
                                      const struct account *account,
                                      const struct confine_limits *limits)
{
    char home[sizeof(account->home) + 8], user[sizeof(account->name) + 8];
    char logname[sizeof(account->name) + 8];
    /* execve() does not change its arguments. */
    char *const arguments[] = {(char *)settings->sendmail,
                               "-i",
                               "-f",
                               settings->sender[0] != '\0' ? (char *)settings->sender : "<>",
                               "--",
                               (char *)settings->reply_to,
                               NULL};
    char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", home, user, logname, NULL};

    snprintf(home, sizeof(home), "HOME=%s", account->home);
    snprintf(user, sizeof(user), "USER=%s", account->name);
    snprintf(logname, sizeof(logname), "LOGNAME=%s", account->name);
    confine_limits_restore(limits);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    execve(settings->sendmail, arguments, environment);
    _exit(NO_EXEC);
}

/* true: it has exited. SIGCHLD is blocked. */
static bool wait_for(pid_t pid, int *status)
{
    struct timespec now, left;
    sigset_t child;
    time_t until;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec + HAND_OVER_SECONDS;
    while (now.tv_sec <= until) {
        if (waitpid(pid, status, WNOHANG) == pid)
            return true;
        left = (struct timespec){.tv_sec = until - now.tv_sec + 1};
        (void)sigtimedwait(&child, NULL, &left);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, status, 0);
    return false;
}

static bool check_result(bool ended, bool written, int status, const char *sendmail, char *why,
                         size_t why_size)
{
    if (!ended)
        snprintf(why, why_size, "%s took more than %d seconds", sendmail, HAND_OVER_SECONDS);
    else if (WIFSIGNALED(status))
        snprintf(why, why_size, "%s was killed by signal %d", sendmail, WTERMSIG(status));
    else if (WEXITSTATUS(status) == NO_EXEC)
        snprintf(why, why_size, "%s cannot be run", sendmail);
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, why_size, "%s exited with status %d", sendmail, WEXITSTATUS(status));
    else if (!written)
        snprintf(why, why_size, "%s did not read the answer", sendmail);
    else
        return true;
    return false;
}

/* The answer fits into the pipe: writing it does not block. */
_Static_assert(ANSWER_MAX <= PIPE_BUF, "an answer is written at once");

bool hand_over(const struct settings *settings, const struct account *account,
               const struct confine_limits *limits, const char *message, size_t len, char *why,
               size_t why_size)
{
    sigset_t child;
    int text[2], status = 0;
    pid_t pid;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (pipe(text) != 0 || sigprocmask(SIG_BLOCK, &child, NULL) != 0 || (pid = fork()) < 0) {
        snprintf(why, why_size, "%s cannot be started: %s", settings->sendmail, strerror(errno));
        return false;
    }
    if (pid == 0) {
        if (dup2(text[0], STDIN_FILENO) != STDIN_FILENO)
            _exit(NO_EXEC);
        close(text[0]);
        close(text[1]);
        become_sendmail(settings, account, limits);
    }
    close(text[0]);
    bool written = write(text[1], message, len) == (ssize_t)len;
    close(text[1]);
    bool ended = wait_for(pid, &status);
    return check_result(ended, written, status, settings->sendmail, why, why_size);
}
