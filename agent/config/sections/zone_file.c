#include "agent/config/sections/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "rules/util/memory.h"

#define DIRECTORY "/usr/share/zoneinfo"
#define NAME_MAX_LEN 64

/* Nothing that could leave the directory. */
static bool name_is_sane(const char *name)
{
    if (*name == '\0' || *name == '/' || *name == '.' || strlen(name) > NAME_MAX_LEN)
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_+-/")] == '\0';
}

/* Octets read, or -1 with errno. */
static ssize_t read_file(const char *path, unsigned char *data, size_t room)
{
    size_t len = 0;
    ssize_t got;
    int file, error;

    file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return -1;
    do {
        got = read(file, data + len, room - len);
        len += got > 0 ? (size_t)got : 0;
    } while (len < room && (got > 0 || (got < 0 && errno == EINTR)));
    error = errno;
    close(file);
    errno = error;
    return got < 0 ? -1 : (ssize_t)len;
}

struct zone *zone_file_load(const char *name, char **mistake_r)
{
    char path[sizeof(DIRECTORY) + 1 + NAME_MAX_LEN];
    unsigned char *data;
    struct zone *zone;
    ssize_t len;

    if (!name_is_sane(name)) {
        *mistake_r = xasprintf("\"%.80s\" is not a time zone like Europe/Berlin or UTC", name);
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/%s", DIRECTORY, name);
    data = xmalloc(ZONE_FILE_MAX);
    len = read_file(path, data, ZONE_FILE_MAX);
    zone = len > 0 ? zone_parse(data, (size_t)len) : NULL;
    if (zone == NULL && len < 0)
        *mistake_r = xasprintf("unknown time zone \"%s\": %s: %s", name, path, strerror(errno));
    else if (zone == NULL)
        *mistake_r = xasprintf("%s is not a usable time zone file", path);
    free(data);
    return zone;
}
