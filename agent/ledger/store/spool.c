#include "agent/ledger/store/spool.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ledger/store/spool_format.h"
#include "rules/util/memory.h"

__attribute__((format(printf, 2, 3))) static bool fail(struct spool *spool, const char *format, ...)
{
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(spool->why, sizeof(spool->why), format, arguments);
    va_end(arguments);
    if (len >= 0 && (size_t)len < sizeof(spool->why))
        snprintf(spool->why + len, sizeof(spool->why) - (size_t)len, ": %s", strerror(error));
    return false;
}

bool spool_open(struct spool *spool, int state_fd)
{
    memset(spool, 0, sizeof(*spool));
    spool->current.fd = -1;
    spool->dir_fd = -1;
    if (mkdirat(state_fd, "spool", 0700) == 0) {
        if (fsync(state_fd) < 0)
            return fail(spool, "spool: cannot be synced");
    } else if (errno != EEXIST) {
        return fail(spool, "spool: cannot be made");
    }
    spool->dir_fd = openat(state_fd, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->dir_fd < 0)
        return fail(spool, "spool: cannot be opened");
    return true;
}

static void file_close(struct spool_file *file)
{
    if (file->segment != 0)
        close(file->fd);
    file->segment = 0;
    file->fd = -1;
}

static void file_remove(struct spool *spool, uint64_t segment)
{
    char name[SPOOL_NAME_SIZE];
    spool_name(segment, name);
    unlinkat(spool->dir_fd, name, 0);
}

void spool_close(struct spool *spool)
{
    uint64_t empty = spool->size == 0 ? spool->current.segment : 0;
    file_close(&spool->current);
    if (empty != 0)
        file_remove(spool, empty);
    if (spool->dir_fd >= 0)
        close(spool->dir_fd);
    free(spool->pieces);
    free(spool->headers);
    free(spool->bigs);
}

static bool file_new(struct spool *spool, struct spool_file *file)
{
    char name[SPOOL_NAME_SIZE];
    spool_name(spool->next_segment, name);
    int fd = openat(spool->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(spool, "spool/%s: cannot be made", name);
    file->fd = fd;
    file->segment = spool->next_segment++;
    spool->directory_changed = true;
    return true;
}

static void batch_clear(struct spool *spool)
{
    spool->added = 0;
    spool->n_records = 0;
    spool->n_bigs = 0;
    spool->written = false;
}

/* A segment takes whole batches until it has its size. */
void spool_batch_begin(struct spool *spool, uint64_t segment_max)
{
    batch_clear(spool);
    if (spool->size >= segment_max) {
        file_close(&spool->current);
        spool->size = 0;
    }
}

static void record_room(struct spool *spool)
{
    if (spool->n_records < spool->room)
        return;
    spool->room = spool->room == 0 ? 64 : spool->room * 2;
    spool->headers = xreallocarray(spool->headers, spool->room, sizeof(*spool->headers));
    spool->pieces = xreallocarray(spool->pieces, spool->room * 2, sizeof(*spool->pieces));
}

bool spool_put(struct spool *spool, const void *octets, size_t len, const unsigned char sha256[32],
               uint64_t *segment, uint64_t *offset)
{
    if (spool->current.segment == 0) {
        spool->size = 0;
        if (!file_new(spool, &spool->current))
            return false;
    }
    record_room(spool);
    spool_header_make(spool->headers[spool->n_records], len, sha256);
    /* The header's address is set in spool_flush(): the array may move until then. */
    spool->pieces[spool->n_records * 2 + 1] =
        (struct iovec){.iov_base = (void *)octets, .iov_len = len};
    spool->n_records++;
    *segment = spool->current.segment;
    *offset = spool->size + spool->added + SPOOL_HEADER;
    spool->added += SPOOL_HEADER + len;
    return true;
}

static bool write_at(struct spool *spool, int fd, const void *octets, size_t len, uint64_t at)
{
    const char *p = octets;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(spool, "spool: cannot be written");
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool spool_big_write(struct spool *spool, struct spool_big *big, const void *octets, size_t len,
                     uint64_t at)
{
    if (big->file.segment == 0 && !file_new(spool, &big->file))
        return false;
    if (!write_at(spool, big->file.fd, octets, len, SPOOL_HEADER + at))
        return false;
    /* Writeback starts now, so that the sync at the end, which delays all others, is short. */
    sync_file_range(big->file.fd, (off_t)(SPOOL_HEADER + at), (off_t)len, SYNC_FILE_RANGE_WRITE);
    return true;
}

static void remember_big(struct spool *spool, struct spool_big *big)
{
    if (spool->n_bigs == spool->bigs_room) {
        spool->bigs_room = spool->bigs_room * 2 + 8;
        spool->bigs = xreallocarray(spool->bigs, spool->bigs_room, sizeof(struct spool_big *));
    }
    spool->bigs[spool->n_bigs++] = big;
}

bool spool_big_finish(struct spool *spool, struct spool_big *big, uint64_t len,
                      const unsigned char sha256[32])
{
    unsigned char header[SPOOL_HEADER];
    assert(big->file.segment != 0); /* its first octets made it */
    spool_header_make(header, len, sha256);
    if (!write_at(spool, big->file.fd, header, sizeof(header), 0))
        return false;
    big->unwanted = false;
    remember_big(spool, big);
    spool->written = true;
    return true;
}

void spool_big_discard(struct spool *spool, struct spool_big *big)
{
    if (big->file.segment == 0)
        return;
    big->unwanted = true;
    remember_big(spool, big);
}

void spool_big_close(struct spool *spool, struct spool_big *big, bool remove)
{
    uint64_t segment = big->file.segment;
    file_close(&big->file);
    if (remove && segment != 0)
        file_remove(spool, segment);
}

/* Skips what was written of a vector, to the next octets to write. */
static void advance(struct iovec **pieces, size_t *count, size_t written)
{
    while (*count > 0 && written >= (*pieces)->iov_len) {
        written -= (*pieces)->iov_len;
        ++*pieces;
        --*count;
    }
    if (*count > 0) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + written;
        (*pieces)->iov_len -= written;
    }
}

bool spool_flush(struct spool *spool)
{
    if (spool->n_records == 0)
        return true;
    for (size_t i = 0; i < spool->n_records; i++)
        spool->pieces[i * 2] =
            (struct iovec){.iov_base = spool->headers[i], .iov_len = SPOOL_HEADER};
    assert(spool->current.segment != 0);
    struct iovec *piece = spool->pieces;
    size_t left = spool->n_records * 2;
    uint64_t at = spool->size;
    while (left > 0) {
        int count = left > IOV_MAX ? IOV_MAX : (int)left;
        ssize_t n = pwritev(spool->current.fd, piece, count, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(spool, "spool: cannot be written");
        at += (uint64_t)n;
        advance(&piece, &left, (size_t)n);
    }
    spool->written = true;
    return true;
}

/*
 * After a failed fsync Linux marks the pages clean: a second one would succeed and mean
 * nothing. So the file is never trusted again.
 */
bool spool_sync(struct spool *spool)
{
    if (spool->n_records > 0 && fdatasync(spool->current.fd) < 0) {
        fail(spool, "spool: cannot be synced");
        uint64_t segment = spool->size == 0 ? spool->current.segment : 0;
        file_close(&spool->current);
        spool->size = 0;
        if (segment != 0)
            file_remove(spool, segment);
        return false;
    }
    for (size_t i = 0; i < spool->n_bigs; i++) {
        if (!spool->bigs[i]->unwanted && fdatasync(spool->bigs[i]->file.fd) < 0) {
            spool->bigs[i]->spoiled = true;
            return fail(spool, "spool: cannot be synced");
        }
    }
    if (spool->written && spool->directory_changed) {
        if (fsync(spool->dir_fd) < 0)
            return fail(spool, "spool: its directory cannot be synced");
        spool->directory_changed = false;
    }
    return true;
}

void spool_batch_committed(struct spool *spool)
{
    spool->size += spool->added;
    for (size_t i = 0; i < spool->n_bigs; i++)
        spool_big_close(spool, spool->bigs[i], spool->bigs[i]->unwanted);
    batch_clear(spool);
}

void spool_batch_rolled_back(struct spool *spool)
{
    batch_clear(spool);
    if (spool->current.segment != 0 && ftruncate(spool->current.fd, (off_t)spool->size) < 0) {
        file_close(&spool->current);
        spool->size = 0;
    }
}

/* The next segment is made at once: nobody waits for it here, but a capture would. */
void spool_remove(struct spool *spool, uint64_t segment)
{
    assert(spool->n_records == 0); /* after the commit, not within a batch */
    file_remove(spool, segment);
    if (segment != spool->current.segment)
        return;
    file_close(&spool->current);
    spool->size = 0;
    if (file_new(spool, &spool->current) && fsync(spool->dir_fd) == 0)
        spool->directory_changed = false;
}

/* ---- opening ---- */

bool spool_settle(struct spool *spool, uint64_t segment, uint64_t size, uint64_t *actual)
{
    char name[SPOOL_NAME_SIZE];
    spool_name(segment, name);
    *actual = 0;
    int fd = openat(spool->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? true : fail(spool, "spool/%s: cannot be opened", name);
    struct stat status;
    bool ok = fstat(fd, &status) == 0;
    if (ok)
        *actual = (uint64_t)status.st_size;
    if (ok && *actual > size)
        ok = ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0;
    if (!ok)
        fail(spool, "spool/%s: cannot be cut to its size", name);
    close(fd);
    return ok;
}

bool spool_list(struct spool *spool, void (*found)(void *arg, uint64_t segment), void *arg)
{
    int fd = openat(spool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        fail(spool, "spool: cannot be listed");
        if (fd >= 0)
            close(fd);
        return false;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        uint64_t segment = spool_name_read(entry->d_name);
        if (segment != 0)
            found(arg, segment);
    }
    closedir(dir);
    return true;
}

bool spool_set_aside(struct spool *spool, uint64_t segment)
{
    char name[SPOOL_NAME_SIZE], aside[SPOOL_NAME_SIZE + 8];
    spool_name(segment, name);
    snprintf(aside, sizeof(aside), "%s.lost", name);
    struct stat status;
    if (fstatat(spool->dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size > 0)
        return renameat(spool->dir_fd, name, spool->dir_fd, aside) == 0;
    file_remove(spool, segment);
    return false;
}
