#include "agent/email_return/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check(const char *path, bool sticky_allowed, char *why, size_t why_size)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        snprintf(why, why_size, "%s is owned by user id %u; expected root or user id %u", path,
                 (unsigned)st.st_uid, (unsigned)geteuid());
        return false;
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    if (sticky_allowed && S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0)
        return true;
    snprintf(why, why_size, "%s is writable by others (mode %04o): chmod go-w it", path,
             (unsigned)(st.st_mode & 07777));
    return false;
}

/* The directories on the way to the path, up to the root. sticky_allowed: of the nearest. */
static bool check_directories(const char *path, bool sticky_allowed, char *why, size_t why_size)
{
    char directory[PATH_MAX];
    char *slash;

    snprintf(directory, sizeof(directory), "%s", path);
    while ((slash = strrchr(directory, '/')) != NULL && directory[1] != '\0') {
        slash[slash == directory ? 1 : 0] = '\0';
        if (!check(directory, sticky_allowed, why, why_size))
            return false;
        sticky_allowed = true;
    }
    return true;
}

static bool is_usable(const char *path, char *why, size_t why_size)
{
    if (*path == '/' && strlen(path) < PATH_MAX)
        return true;
    snprintf(why, why_size, "%.100s is not an absolute path", path);
    return false;
}

static bool resolve(const char *path, char real[PATH_MAX], char *why, size_t why_size)
{
    if (!is_usable(path, why, why_size))
        return false;
    if (realpath(path, real) != NULL)
        return true;
    snprintf(why, why_size, "%s: %s", path, strerror(errno));
    return false;
}

bool trust_file(const char *path, char *why, size_t why_size)
{
    char real[PATH_MAX];

    return resolve(path, real, why, why_size) && check(real, false, why, why_size) &&
           check_directories(real, false, why, why_size) &&
           check_directories(path, false, why, why_size);
}

bool trust_place(const char *path, char *why, size_t why_size)
{
    char directory[PATH_MAX], real[PATH_MAX];
    char *slash;

    if (!is_usable(path, why, why_size))
        return false;
    snprintf(directory, sizeof(directory), "%s", path);
    slash = strrchr(directory, '/');
    slash[slash == directory ? 1 : 0] = '\0';
    return resolve(directory, real, why, why_size) && check(real, false, why, why_size) &&
           check_directories(real, true, why, why_size) &&
           check_directories(path, false, why, why_size);
}
