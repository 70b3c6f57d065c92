#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ledger/store/spool.h"
#include "agent/ledger/store/spool_format.h"
#include "rules/util/memory.h"

/* Leaves errno as it is. */
static char *system_trouble(const char *name, const char *what)
{
    int error = errno;
    char *why = xasprintf("spool/%s cannot be %s: %s", name, what, strerror(error));
    errno = error;
    return why;
}

static char *read_at(int fd, const char *name, void *octets, size_t len, uint64_t at)
{
    char *p = octets;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_trouble(name, "read");
        if (n == 0) {
            char *why = xasprintf("spool/%s is shorter than the ledger expects", name);
            errno = 0;
            return why;
        }
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return NULL;
}

static char *open_segment(int dir_fd, uint64_t segment, char name[SPOOL_NAME_SIZE], int *fd)
{
    spool_name(segment, name);
    if (segment == 0) {
        char *why = xstrdup("the original is not in the spool");
        errno = 0;
        return why;
    }
    *fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? system_trouble(name, "opened") : NULL;
}

char *spool_read_octets(int dir_fd, uint64_t segment, uint64_t offset, void *octets, size_t len)
{
    char name[SPOOL_NAME_SIZE];
    int fd;
    char *why = open_segment(dir_fd, segment, name, &fd);
    if (why != NULL)
        return why;
    why = read_at(fd, name, octets, len, offset);
    int error = errno;
    close(fd);
    errno = error;
    return why;
}

char *spool_check_header(int dir_fd, uint64_t segment, uint64_t offset, uint64_t size,
                         const unsigned char sha256[32])
{
    unsigned char header[SPOOL_HEADER];
    if (offset < SPOOL_HEADER)
        return xstrdup("the original is not in the spool");
    char *why = spool_read_octets(dir_fd, segment, offset - SPOOL_HEADER, header, sizeof(header));
    if (why == NULL && !spool_header_is(header, size, sha256))
        why = xasprintf("spool/%016llx.seg: no record of that message at %llu",
                        (unsigned long long)segment, (unsigned long long)(offset - SPOOL_HEADER));
    return why;
}

static char *digest_octets(int fd, const char *name, uint64_t offset, uint64_t size,
                           unsigned char digest[32])
{
    const size_t step = 65536;
    unsigned char *octets = xmalloc(step);
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());
    char *why = NULL;
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        abort();
    while (size > 0 && why == NULL) {
        size_t n = size < step ? (size_t)size : step;
        why = read_at(fd, name, octets, n, offset);
        if (why == NULL)
            EVP_DigestUpdate(context, octets, n);
        offset += n;
        size -= n;
    }
    EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    free(octets);
    return why;
}

char *spool_check_octets(int dir_fd, uint64_t segment, uint64_t offset, uint64_t size,
                         const unsigned char sha256[32])
{
    char name[SPOOL_NAME_SIZE];
    int fd;
    char *why = spool_check_header(dir_fd, segment, offset, size, sha256);
    if (why == NULL)
        why = open_segment(dir_fd, segment, name, &fd);
    if (why != NULL)
        return why;
    unsigned char digest[32];
    why = digest_octets(fd, name, offset, size, digest);
    close(fd);
    if (why == NULL && memcmp(digest, sha256, sizeof(digest)) != 0)
        why =
            xasprintf("spool/%s: the original at %llu does not have the SHA-256 that was captured",
                      name, (unsigned long long)offset);
    return why;
}
