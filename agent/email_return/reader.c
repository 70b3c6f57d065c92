#include "agent/email_return/reader.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/email_return/confine.h"

static ssize_t read_some(int fd, void *out, size_t size)
{
    ssize_t got;

    do
        got = read(fd, out, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static size_t read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t got;

    while (len < size && (got = read_some(fd, out + len, size - len)) > 0)
        len += (size_t)got;
    return len;
}

void reader_drain(int fd)
{
    char rest[16 * 1024];

    while (read_some(fd, rest, sizeof(rest)) > 0)
        ;
}

_Noreturn static void read_and_report(int fd, int out)
{
    char text[PROBE_MAIL_HEADER];
    struct probe_mail mail;
    size_t len;
    bool written;

    len = read_all(fd, text, sizeof(text));
    if (len == sizeof(text))
        reader_drain(fd);
    probe_mail_parse(&mail, text, len);
    written = write(out, &mail, sizeof(mail)) == (ssize_t)sizeof(mail);
    confine_reader_exit(written ? 0 : 1);
}

/* ---- validation: the reader may have been compromised by the mail ---- */

static bool is_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0')
            return true;
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return false;
}

static bool is_flag(const bool *flag)
{
    unsigned char value;

    memcpy(&value, flag, 1);
    return value <= 1;
}

static bool is_valid(const struct probe_mail *mail)
{
    return is_flag(&mail->strange) && is_flag(&mail->has_probe_field) &&
           is_flag(&mail->has_return_field) && is_flag(&mail->auto_submitted) &&
           is_flag(&mail->list) && is_flag(&mail->null_sender) && is_flag(&mail->from_daemon) &&
           is_text(mail->probe_field, sizeof(mail->probe_field)) &&
           is_text(mail->return_field, sizeof(mail->return_field)) &&
           is_text(mail->subject_probe, sizeof(mail->subject_probe)) &&
           is_text(mail->subject_return, sizeof(mail->subject_return)) &&
           is_text(mail->message_id, sizeof(mail->message_id)) &&
           is_text(mail->return_path, sizeof(mail->return_path)) &&
           is_text(mail->from, sizeof(mail->from));
}

static bool receive_result(int from, pid_t pid, struct probe_mail *mail)
{
    size_t len = read_all(from, (char *)mail, sizeof(*mail));
    int status;
    pid_t ended;

    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    return ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 && len == sizeof(*mail) &&
           is_valid(mail);
}

bool reader_read(int fd, struct probe_mail *mail, const char **why)
{
    int result[2];
    pid_t pid;
    bool good;

    *why = "could not start a process to read the message";
    if (pipe(result) != 0)
        return false;
    pid = fork();
    if (pid == 0) {
        close(result[0]);
        (void)signal(SIGALRM, SIG_DFL);
        alarm(READER_SECONDS);
        confine_reader();
        read_and_report(fd, result[1]);
    }
    close(result[1]);
    if (pid > 0) {
        good = receive_result(result[0], pid, mail);
        *why = good ? NULL : "the process that reads the message failed";
    } else {
        good = false;
    }
    close(result[0]);
    return good;
}
