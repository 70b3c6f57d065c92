#include "agent/reflect/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/octet.h"

enum { NUMBER_MAX = 1000000 };

__attribute__((format(printf, 2, 3))) static bool wrong(char why[SETTINGS_WHY_MAX],
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, SETTINGS_WHY_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- files ---- */

static bool is_ours(const struct stat *status)
{
    return status->st_uid == 0 || status->st_uid == getuid();
}

static bool others_write(const struct stat *status)
{
    return (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

static bool directory_is_safe(const char *path, char why[SETTINGS_WHY_MAX])
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL && slash > path ? (size_t)(slash - path) : 1;
    struct stat status;

    if (len >= sizeof(directory))
        return wrong(why, "%.200s: the name is too long", path);
    memcpy(directory, slash != NULL ? path : ".", len);
    directory[len] = '\0';
    if (stat(directory, &status) != 0)
        return wrong(why, "%.200s: %s", directory, strerror(errno));
    if (!is_ours(&status) && (status.st_mode & S_ISVTX) == 0)
        return wrong(why, "%.200s belongs to another user: chown it", directory);
    if (others_write(&status) && (status.st_mode & S_ISVTX) == 0)
        return wrong(why, "%.200s can be written by others: chmod go-w it", directory);
    return true;
}

bool settings_file_is_safe(const char *path, char why[SETTINGS_WHY_MAX])
{
    struct stat status;

    if (stat(path, &status) != 0)
        return wrong(why, "%.200s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return wrong(why, "%.200s is no regular file", path);
    if (!is_ours(&status))
        return wrong(why, "%.200s belongs to another user: chown it", path);
    if (others_write(&status))
        return wrong(why, "%.200s can be written by others: chmod go-w it", path);
    return directory_is_safe(path, why);
}

/* ---- values ---- */

static bool is_local_char(char c)
{
    return c > ' ' && c < 127 && strchr("()<>[]:;@\\,\"", c) == NULL;
}

static bool is_domain_char(char c)
{
    char lower = octet_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* local@domain in its plain form. One that begins with "-" would be an option to sendmail. */
static bool is_address(const char *text)
{
    const char *at = strchr(text, '@'), *c;

    if (at == NULL || at == text || at[1] == '\0' || at[1] == '.' || at[1] == '-' || *text == '-' ||
        strlen(text) >= SETTINGS_ADDRESS_MAX)
        return false;
    for (c = text; c < at; c++)
        if (!is_local_char(*c))
            return false;
    for (c = at + 1; *c != '\0'; c++)
        if (!is_domain_char(*c))
            return false;
    return true;
}

static bool take_address(char *place, const char *value, bool may_be_empty)
{
    if (!(may_be_empty && *value == '\0') && !is_address(value))
        return false;
    memcpy(place, value, strlen(value) + 1);
    return true;
}

static bool take_path(const struct settings *settings, char *place, const char *value)
{
    const char *slash = strrchr(settings->file, '/');
    int directory = slash != NULL ? (int)(slash - settings->file) : 0;
    int len = *value == '/'
                  ? snprintf(place, PATH_MAX, "%s", value)
                  : snprintf(place, PATH_MAX, "%.*s/%s", directory, settings->file, value);

    return *value != '\0' && len > 0 && len < PATH_MAX;
}

static bool take_number(unsigned *place, const char *value)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    *place = (unsigned)number;
    return *value >= '0' && *value <= '9' && *end == '\0' && number <= NUMBER_MAX;
}

/* NULL, or what was expected. */
static const char *take(struct settings *settings, const char *key, const char *value)
{
    static const char address[] = "an address such as scout@example.org", path[] = "a path",
                      number[] = "a number from 0 to 1000000";

    if (strcmp(key, "address") == 0)
        return take_address(settings->address, value, false) ? NULL : address;
    if (strcmp(key, "reply_to") == 0)
        return take_address(settings->reply_to, value, false) ? NULL : address;
    if (strcmp(key, "sender") == 0)
        return take_address(settings->sender, value, true) ? NULL : address;
    if (strcmp(key, "secret_file") == 0)
        return take_path(settings, settings->secret_file, value) ? NULL : path;
    if (strcmp(key, "cache") == 0)
        return take_path(settings, settings->cache, value) ? NULL : path;
    if (strcmp(key, "sendmail") == 0)
        return *value == '/' && take_path(settings, settings->sendmail, value) ? NULL
                                                                               : "an absolute path";
    if (strcmp(key, "max_per_hour") == 0)
        return take_number(&settings->limits.max_per_hour, value) ? NULL : number;
    if (strcmp(key, "min_interval") == 0)
        return take_number(&settings->limits.min_interval, value) ? NULL : number;
    return "address, reply_to, secret_file, cache, sendmail, sender, max_per_hour or min_interval";
}

/* ---- the file ---- */

static char *trim(char *text)
{
    size_t len;

    while (octet_is_blank(*text))
        text++;
    len = strlen(text);
    while (len > 0 && (octet_is_blank(text[len - 1]) || text[len - 1] == '\r'))
        text[--len] = '\0';
    return text;
}

static bool take_line(struct settings *settings, char *line, int number, char why[SETTINGS_WHY_MAX])
{
    char *equals, *key = trim(line), *value;
    const char *expected;

    if (*key == '\0' || *key == '#')
        return true;
    equals = strchr(key, '=');
    if (equals == NULL)
        return wrong(why, "%.200s:%d: expected \"key = value\"", settings->file, number);
    *equals = '\0';
    value = trim(equals + 1);
    key = trim(key);
    expected = take(settings, key, value);
    if (expected != NULL)
        return wrong(why, "%.160s:%d: \"%.40s = %.60s\": expected %s", settings->file, number, key,
                     value, expected);
    return true;
}

static bool take_text(struct settings *settings, char *text, char why[SETTINGS_WHY_MAX])
{
    int number = 1;

    for (char *line = text, *next; line != NULL; line = next, number++) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (!take_line(settings, line, number, why))
            return false;
    }
    if (settings->address[0] == '\0')
        return wrong(why, "%.200s: address is missing", settings->file);
    if (settings->reply_to[0] == '\0')
        return wrong(why, "%.200s: reply_to is missing", settings->file);
    if (settings->secret_file[0] == '\0')
        return wrong(why, "%.200s: secret_file is missing", settings->file);
    return true;
}

static bool read_file(const char *path, char text[SETTINGS_FILE_MAX], char why[SETTINGS_WHY_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t len = fd >= 0 ? read(fd, text, SETTINGS_FILE_MAX) : -1;
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (len < 0)
        return wrong(why, "%.200s: %s", path, strerror(error));
    if (len == SETTINGS_FILE_MAX || memchr(text, '\0', (size_t)len) != NULL)
        return wrong(why, "%.200s is too long, or holds NUL", path);
    text[len] = '\0';
    return true;
}

static bool find_file(struct settings *settings, const char *path, char why[SETTINGS_WHY_MAX])
{
    int len;

    if (path != NULL) {
        len = snprintf(settings->file, sizeof(settings->file), "%s", path);
        return (*path == '/' && len < PATH_MAX) ||
               wrong(why, "-c \"%.200s\": expected an absolute path", path);
    }
    len = snprintf(settings->file, sizeof(settings->file), "%s/.email_return.conf", settings->home);
    if (len < PATH_MAX && access(settings->file, F_OK) == 0)
        return true;
    strcpy(settings->file, MAILVIGIL_SYSCONFDIR "/email_return.conf");
    return access(settings->file, F_OK) == 0 ||
           wrong(why, "there is neither %.200s/.email_return.conf nor %s", settings->home,
                 settings->file);
}

bool settings_read(struct settings *settings, const char *path, char why[SETTINGS_WHY_MAX])
{
    const struct passwd *user = getpwuid(getuid());
    char text[SETTINGS_FILE_MAX];
    const char *home = user != NULL && user->pw_dir != NULL ? user->pw_dir : "";

    *settings = (struct settings){.limits = {.max_per_hour = 120}};
    if (snprintf(settings->home, sizeof(settings->home), "%s", home) >= PATH_MAX - 32)
        return wrong(why, "the home directory's name is too long");
    strcpy(settings->sendmail, "/usr/sbin/sendmail");
    if (*home == '/')
        snprintf(settings->cache, sizeof(settings->cache), "%.4000s/.email_return.cache", home);
    if (!find_file(settings, path, why) || !settings_file_is_safe(settings->file, why) ||
        !read_file(settings->file, text, why) || !take_text(settings, text, why))
        return false;
    if (settings->cache[0] == '\0')
        return wrong(why, "%.200s: cache is missing, and this user has no home", settings->file);
    return true;
}
