#include "agent/system/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/system/secret.h"
#include "rules/util/memory.h"

const char *secret_first_line(char *text, size_t len, const char **why)
{
    char *end = memchr(text, '\n', len);
    size_t line = end != NULL ? (size_t)(end - text) : len;

    if (end != NULL && line > 0 && text[line - 1] == '\r')
        line--;
    if (memchr(text, '\0', line) != NULL)
        *why = "contains a NUL byte in its first line";
    else if (line > SECRET_MAX)
        *why = "is too long for a secret";
    else if (line == 0)
        *why = "has an empty first line";
    else
        *why = NULL;
    text[line] = '\0';
    return *why == NULL ? text : NULL;
}

/* systemd puts credentials where only the service can read them, with its own file modes. */
static char *credential_path(const char *path, char **why)
{
    const char *name = path + strlen(SECRET_CREDENTIAL);
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    if (*name == '\0' || strchr(name, '/') != NULL)
        *why =
            xasprintf("%s: invalid credential name: it must not be empty or contain a slash", path);
    else if (directory == NULL || *directory != '/')
        *why = xasprintf("%s: no credentials from systemd: CREDENTIALS_DIRECTORY is not set", path);
    else
        return xasprintf("%s/%s", directory, name);
    return NULL;
}

static char *check_open(int fd, const char *path, bool credential)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return xasprintf("%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return xasprintf("%s is not a regular file", path);
    if (credential)
        return NULL;
    if ((st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0)
        return xasprintf("%s can be read or written by others (mode %04o): chmod 600 it", path,
                         (unsigned)(st.st_mode & 07777));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return xasprintf("%s is owned by user id %u; expected root or the user that runs mailvigil",
                         path, (unsigned)st.st_uid);
    return NULL;
}

static char *read_open(int fd, const char *path, char **secret)
{
    char *text = xcalloc(1, SECRET_MAX + 3); /* CR LF, NUL */
    const char *fault;
    size_t len = 0;
    ssize_t got;

    while (len < SECRET_MAX + 2) {
        got = read(fd, text + len, SECRET_MAX + 2 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    if (secret_first_line(text, len, &fault) != NULL) {
        *secret = text;
        return NULL;
    }
    OPENSSL_cleanse(text, SECRET_MAX + 3);
    free(text);
    return xasprintf("%s %s", path, fault);
}

/* Opens it and checks its kind, mode and owner; -1: *why says what is wrong. */
static int open_secret(const char *path, char **why)
{
    bool credential = strncmp(path, SECRET_CREDENTIAL, strlen(SECRET_CREDENTIAL)) == 0;
    char *real = credential ? credential_path(path, why) : xstrdup(path);

    if (real == NULL)
        return -1;
    int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *why = fd < 0 ? xasprintf("%s: %s", path, strerror(errno)) : check_open(fd, path, credential);
    free(real);
    if (fd >= 0 && *why != NULL) {
        close(fd);
        return -1;
    }
    return fd;
}

char *secret_file_read(const char *path, char **secret)
{
    char *why = NULL;

    *secret = NULL;
    int fd = open_secret(path, &why);
    if (fd < 0)
        return why;
    why = read_open(fd, path, secret);
    close(fd);
    return why;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What is in the first line that nobody types as a part of a password. whole: it ends in text. */
static const char *find_doubt(const char *text, size_t len, bool whole)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (len >= 3 && memcmp(text, mark, 3) == 0)
        return "begins with a byte-order mark, which becomes part of the secret: save it without";
    if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return "is in UTF-16, and would be sent like that: save it as plain text";
    if (whole && is_blank(text[len - 1]))
        return "has a blank at the end of the secret, which becomes part of it: remove it if it "
               "is not meant";
    if (is_blank(text[0]))
        return "has a blank before the secret, which becomes part of it: remove it if it is not "
               "meant";
    return NULL;
}

char *secret_file_check(const char *path, char **doubtful)
{
    char *why = NULL, text[4096];

    int fd = open_secret(path, &why);
    if (fd < 0)
        return why;
    ssize_t got = read(fd, text, sizeof(text));
    int error = errno;
    close(fd);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    size_t len = end != NULL ? (size_t)(end - text) : (size_t)(got > 0 ? got : 0);
    if (end != NULL && len > 0 && text[len - 1] == '\r')
        len--;
    const char *doubt = len > 0 ? find_doubt(text, len, end != NULL || len < sizeof(text)) : NULL;
    OPENSSL_cleanse(text, sizeof(text));
    if (got < 0)
        return xasprintf("%s: %s", path, strerror(error));
    if (doubt != NULL)
        *doubtful = xasprintf("%s %s", path, doubt);
    return len == 0 ? xasprintf("%s has an empty first line: put the secret there", path) : NULL;
}
