#include "agent/email_return/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "mailvigil replay 1\n" /* with its NUL: 20 bytes */
#define SECOND UINT64_C(1000000)     /* microseconds */
#define PIECE 1024                   /* records read at once */

/* Times are in the byte order of the machine: the file is not portable. */
struct header {
    char magic[24];
};
struct record {
    unsigned char nonce[TOKEN_NONCE];
    uint64_t time_us; /* 0: empty */
};
#define FILE_SIZE (sizeof(struct header) + REPLAY_ENTRIES * sizeof(struct record))
_Static_assert(sizeof(struct header) == 24 && sizeof(struct record) == 24, "no holes");

struct replay {
    const char *path;
    int fd;
    struct header header;
    char *why;
    size_t why_size;
};

/* Result of one pass through the file. */
struct found {
    bool seen;
    off_t seen_at;
    unsigned in_hour;     /* answers */
    uint64_t youngest_us; /* how long ago the last answer was */
    uint64_t oldest_us;   /* how long ago the oldest was; UINT64_MAX: an entry is empty */
    off_t oldest_at;
};

__attribute__((format(printf, 3, 4))) static enum replay_outcome
fail(const struct replay *replay, enum replay_outcome outcome, const char *format, ...)
{
    va_list arguments;
    int len = snprintf(replay->why, replay->why_size, "%s: ", replay->path);

    if (len > 0 && (size_t)len < replay->why_size) {
        va_start(arguments, format);
        vsnprintf(replay->why + len, replay->why_size - (size_t)len, format, arguments);
        va_end(arguments);
    }
    return outcome;
}

/* A full disk is reported as ENOSPC; only then is a piece written in part. */
static bool write_at(const struct replay *replay, const void *data, size_t len, off_t at)
{
    ssize_t written;

    do
        written = pwrite(replay->fd, data, len, at);
    while (written < 0 && errno == EINTR);
    if (written >= 0 && (size_t)written < len)
        errno = ENOSPC;
    return written >= 0 && (size_t)written == len;
}

static bool read_at(const struct replay *replay, void *data, size_t len, off_t at)
{
    char *out = data;
    ssize_t got;

    while (len > 0) {
        got = pread(replay->fd, out, len, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return false;
        out += got;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static enum replay_outcome check_file(const struct replay *replay, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
        return fail(replay, REPLAY_FOREIGN, "not a regular file with a single link");
    if (st->st_uid != geteuid())
        return fail(replay, REPLAY_FOREIGN, "owned by user id %u; expected %u",
                    (unsigned)st->st_uid, (unsigned)geteuid());
    if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fail(replay, REPLAY_FOREIGN, "accessible to others (mode %04o): chmod 600 it",
                    (unsigned)(st->st_mode & 07777));
    if (st->st_size != 0 && st->st_size != (off_t)FILE_SIZE)
        return fail(replay, REPLAY_FOREIGN, "not a cache of answered probes: remove it");
    return REPLAY_NEW;
}

/* Its blocks are allocated at once, so that a full disk is noticed before the first answer. */
static enum replay_outcome fill(struct replay *replay)
{
    int error = posix_fallocate(replay->fd, 0, (off_t)FILE_SIZE);

    if (error != 0) {
        if (ftruncate(replay->fd, 0) != 0)
            error = errno;
        return fail(replay, REPLAY_TROUBLE, "%s", strerror(error));
    }
    return REPLAY_NEW;
}

/* A file of zeros was being created when power failed. */
static enum replay_outcome read_header(struct replay *replay)
{
    static const struct header empty = {{0}};

    if (!read_at(replay, &replay->header, sizeof(replay->header), 0))
        return fail(replay, REPLAY_TROUBLE, "%s", strerror(errno));
    if (memcmp(&replay->header, &empty, sizeof(empty)) == 0) {
        memcpy(replay->header.magic, MAGIC, sizeof(MAGIC));
        if (!write_at(replay, &replay->header, sizeof(replay->header), 0))
            return fail(replay, REPLAY_TROUBLE, "%s", strerror(errno));
    }
    if (memcmp(replay->header.magic, MAGIC, sizeof(MAGIC)) != 0)
        return fail(replay, REPLAY_FOREIGN, "not a cache of answered probes: remove it");
    return REPLAY_NEW;
}

static enum replay_outcome read_locked(struct replay *replay)
{
    enum replay_outcome outcome;
    struct stat st;

    if (flock(replay->fd, LOCK_EX) != 0 || fstat(replay->fd, &st) != 0)
        return fail(replay, REPLAY_TROUBLE, "%s", strerror(errno));
    outcome = check_file(replay, &st);
    if (outcome == REPLAY_NEW && st.st_size == 0)
        outcome = fill(replay);
    if (outcome == REPLAY_NEW)
        outcome = read_header(replay);
    return outcome;
}

/* REPLAY_NEW: open and locked; close it. Else it is closed. */
static enum replay_outcome replay_open(struct replay *replay, int flags)
{
    enum replay_outcome outcome;

    if (replay->why_size > 0)
        replay->why[0] = '\0';
    replay->fd =
        open(replay->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600);
    if (replay->fd < 0) {
        bool ours = errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EMFILE ||
                    errno == ENFILE || errno == ENOMEM || errno == EROFS;
        return fail(replay, ours ? REPLAY_TROUBLE : REPLAY_FOREIGN, "%s",
                    errno == ELOOP ? "a symbolic link: remove it" : strerror(errno));
    }
    outcome = read_locked(replay);
    if (outcome != REPLAY_NEW)
        close(replay->fd);
    return outcome;
}

/* Unsigned, so that after a clock was set back entries count neither forever nor not at all. */
static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void examine(struct found *found, const struct record *record, off_t at, uint64_t now_us,
                    const unsigned char nonce[TOKEN_NONCE])
{
    bool is_empty = record->time_us == 0;
    uint64_t ago = is_empty ? UINT64_MAX : apart(record->time_us, now_us);

    if (!is_empty && memcmp(record->nonce, nonce, TOKEN_NONCE) == 0) {
        found->seen = true;
        found->seen_at = at;
    }
    if (ago < 3600 * SECOND)
        found->in_hour++;
    if (ago < found->youngest_us)
        found->youngest_us = ago;
    if (ago > found->oldest_us || found->oldest_at == 0) {
        found->oldest_us = ago;
        found->oldest_at = at;
    }
}

static bool scan(const struct replay *replay, uint64_t now_us,
                 const unsigned char nonce[TOKEN_NONCE], struct found *found)
{
    struct record records[PIECE];
    off_t at = sizeof(struct header);

    *found = (struct found){.youngest_us = UINT64_MAX};
    for (size_t done = 0; done < REPLAY_ENTRIES; done += PIECE) {
        if (!read_at(replay, records, sizeof(records), at))
            return false;
        for (size_t i = 0; i < PIECE; i++, at += (off_t)sizeof(*records))
            examine(found, &records[i], at, now_us, nonce);
    }
    return true;
}
_Static_assert(REPLAY_ENTRIES % PIECE == 0, "whole pieces");

static enum replay_outcome add(const struct replay *replay, off_t at,
                               const unsigned char nonce[TOKEN_NONCE], uint64_t now_us)
{
    struct record record = {.time_us = now_us > 0 ? now_us : 1};

    memcpy(record.nonce, nonce, TOKEN_NONCE);
    if (!write_at(replay, &record, sizeof(record), at) || fsync(replay->fd) != 0)
        return fail(replay, REPLAY_TROUBLE, "%s", strerror(errno));
    return REPLAY_NEW;
}

static enum replay_outcome note(const struct replay *replay, const unsigned char nonce[TOKEN_NONCE],
                                uint64_t now_us, const struct replay_limits *limits)
{
    struct found found;

    if (!scan(replay, now_us, nonce, &found))
        return fail(replay, REPLAY_TROUBLE, "%s", strerror(errno));
    if (found.seen)
        return fail(replay, REPLAY_SEEN, "already answered");
    if (limits->max_per_hour > 0 && found.in_hour >= limits->max_per_hour)
        return fail(replay, REPLAY_TOO_MANY, "limit reached: %u answers within an hour",
                    found.in_hour);
    if (found.youngest_us < limits->min_interval * SECOND)
        return fail(replay, REPLAY_TOO_SOON, "the last answer is less than %u seconds old",
                    limits->min_interval);
    if (found.oldest_us < REPLAY_KEPT * SECOND)
        return fail(replay, REPLAY_TOO_MANY, "limit reached: %d answers within five days",
                    REPLAY_ENTRIES);
    return add(replay, found.oldest_at, nonce, now_us);
}

enum replay_outcome replay_note(const char *path, const unsigned char nonce[TOKEN_NONCE],
                                uint64_t now_us, const struct replay_limits *limits, char *why,
                                size_t why_size)
{
    struct replay replay = {.path = path, .why = why, .why_size = why_size};
    enum replay_outcome outcome = replay_open(&replay, O_CREAT);

    if (outcome != REPLAY_NEW)
        return outcome;
    outcome = note(&replay, nonce, now_us, limits);
    close(replay.fd);
    return outcome;
}

bool replay_forget(const char *path, const unsigned char nonce[TOKEN_NONCE])
{
    static const struct record empty = {{0}, 0};
    struct replay replay = {.path = path};
    struct found found;
    bool good;

    if (replay_open(&replay, 0) != REPLAY_NEW)
        return false;
    good = scan(&replay, 0, nonce, &found) && found.seen &&
           write_at(&replay, &empty, sizeof(empty), found.seen_at) && fsync(replay.fd) == 0;
    close(replay.fd);
    return good;
}

enum replay_outcome replay_check(const char *path, char *why, size_t why_size)
{
    struct replay replay = {.path = path, .why = why, .why_size = why_size};
    enum replay_outcome outcome = replay_open(&replay, O_CREAT);

    if (outcome == REPLAY_NEW)
        close(replay.fd);
    return outcome;
}
