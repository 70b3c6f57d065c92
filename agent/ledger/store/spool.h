/*
 * The spool's files: state_dir/spool/%016x.seg, append-only, each a row of records.
 *
 * A record is a header of SPOOL_HEADER octets and the original's octets. Numbers are big-endian:
 *
 *   0  "MVS1"    4  length    12  SHA-256 of the original    44  CRC-32 of octets 0 to 43
 *
 * Small originals are gathered and appended with one pwritev a batch (spool_put, spool_flush); a
 * big one has a segment of its own, written at known offsets while it comes, so that writing again
 * after a failure is harmless. Nothing counts until the ledger has committed it: what is past
 * the size that the ledger knows is cut off, and files that it does not know are removed.
 *
 * All of this is used by the ledger's thread only (at opening and closing: by the loop's).
 * Functions that return false have left a reason in spool->why.
 */
#ifndef AGENT_LEDGER_STORE_SPOOL_H
#define AGENT_LEDGER_STORE_SPOOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define SPOOL_HEADER 48

struct spool_file {
    uint64_t segment; /* 0: there is none */
    int fd;
};

/* The segment of one big original. */
struct spool_big {
    struct spool_file file;
    bool spoiled;  /* the disk lost what it had taken (a failed sync) */
    bool unwanted; /* removed when the batch is committed */
};

struct spool {
    int dir_fd;
    uint64_t next_segment;
    struct spool_file current;
    uint64_t size;          /* of the current segment, as committed */
    bool directory_changed; /* a file was made since the directory was synced */

    /* the batch */
    uint64_t added;       /* octets in pieces */
    struct iovec *pieces; /* header, octets, header, octets ... */
    unsigned char (*headers)[SPOOL_HEADER];
    size_t n_records, room;
    struct spool_big **bigs; /* finished in this batch, to be synced, or unwanted */
    size_t n_bigs, bigs_room;
    bool written;

    char why[256];
};

/* Opens, or makes, the directory "spool" in state_fd. next_segment is the caller's to set. */
bool spool_open(struct spool *spool, int state_fd);
/* Removes the current segment if nothing was committed to it. */
void spool_close(struct spool *spool);

void spool_batch_begin(struct spool *spool, uint64_t segment_max);
/* octets are borrowed until the batch's end. *offset is that of the first octet of the original. */
bool spool_put(struct spool *spool, const void *octets, size_t len, const unsigned char sha256[32],
               uint64_t *segment, uint64_t *offset);
/* at: offset within the original. Makes the segment with the first octets. */
bool spool_big_write(struct spool *spool, struct spool_big *big, const void *octets, size_t len,
                     uint64_t at);
/* Its header; the batch syncs it. */
bool spool_big_finish(struct spool *spool, struct spool_big *big, uint64_t len,
                      const unsigned char sha256[32]);
/* It is not needed: removed when the batch is committed. */
void spool_big_discard(struct spool *spool, struct spool_big *big);
/* Closes it, and with `remove` deletes it. Outside of batches. */
void spool_big_close(struct spool *spool, struct spool_big *big, bool remove);
bool spool_flush(struct spool *spool);
bool spool_sync(struct spool *spool);
void spool_batch_committed(struct spool *spool);
void spool_batch_rolled_back(struct spool *spool);
/* After the commit that forgot it. */
void spool_remove(struct spool *spool, uint64_t segment);

/*
 * At opening: whether the segment holds `size` octets; what follows them is cut off.
 * *actual: its size before; 0 when it is not there.
 */
bool spool_settle(struct spool *spool, uint64_t segment, uint64_t size, uint64_t *actual);
/* Calls found for each segment file. false: the directory cannot be read. */
bool spool_list(struct spool *spool, void (*found)(void *arg, uint64_t segment), void *arg);
/* Renames a segment file to NAME.lost when it holds anything, else removes it. true: renamed. */
bool spool_set_aside(struct spool *spool, uint64_t segment);

/* Reading, any thread. NULL: intact, else why (caller frees). */
char *spool_check_header(int dir_fd, uint64_t segment, uint64_t offset, uint64_t size,
                         const unsigned char sha256[32]);
char *spool_check_octets(int dir_fd, uint64_t segment, uint64_t offset, uint64_t size,
                         const unsigned char sha256[32]);
/* errno is then what the system says, 0: the octets are not there. */
char *spool_read_octets(int dir_fd, uint64_t segment, uint64_t offset, void *octets, size_t len);

#endif
