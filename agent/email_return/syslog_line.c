#include "agent/email_return/syslog_line.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

void syslog_line(const char *text)
{
    char line[400];

    snprintf(line, sizeof(line), "%s", text);
    for (char *c = line; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    openlog("email_return", LOG_PID, LOG_MAIL);
    syslog(LOG_NOTICE, "%s", line);
    closelog();
}

/* The file is new, or its time is long ago or in the future. */
static bool is_time(int fd)
{
    time_t now = time(NULL);
    struct stat st;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_uid != geteuid() || st.st_nlink != 1 || st.st_size > 1)
        return false;
    if (st.st_size == 1 && st.st_mtime <= now && now - st.st_mtime < SYSLOG_LINE_SECONDS)
        return false;
    /* The write sets its time. */
    return pwrite(fd, "\n", 1, 0) == 1;
}

void syslog_line_limited(const char *cache, const char *text)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s.said", cache) >= (int)sizeof(path))
        return;
    fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return;
    if (is_time(fd))
        syslog_line(text);
    close(fd);
}
