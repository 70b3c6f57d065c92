#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

#define SMALL_MAX (1024 * 1024)       /* octets of an entry that waits in memory */
#define SMALL_MAX_CROWDED (64 * 1024) /* when many entries wait at once */
#define CHUNK (256 * 1024)            /* of a big one that go to the thread at once */
#define FIRST_ROOM 8192

struct spool_entry *spool_entry_new(struct ledger *ledger)
{
    struct spool_entry *entry = xcalloc(1, sizeof(*entry));
    entry->ledger = ledger;
    entry->big.file.fd = -1;
    return entry;
}

void spool_entry_free(struct spool_entry *entry)
{
    free(entry->data);
    free(entry);
}

/* ---- chunks of big ones ---- */

struct chunk_job {
    struct ledger_job job;
    struct spool_entry *entry; /* lives longer: its capture or abort comes after */
    unsigned char *data;
    size_t len;
    uint64_t at;
};

static void chunk_run(struct ledger *ledger, struct ledger_job *base)
{
    struct chunk_job *job = (struct chunk_job *)base;
    if (!spool_big_write(&ledger->spool, &job->entry->big, job->data, job->len, job->at))
        ledger_fail(ledger, "%s", ledger->spool.why);
}

static void chunk_release(struct ledger_job *base)
{
    struct chunk_job *job = (struct chunk_job *)base;
    struct ledger *ledger = base->ledger;
    size_t len = job->len;
    free(job->data);
    free(job);
    ledger_in_flight_less(ledger, len);
}

static void submit_chunk(struct spool_entry *entry)
{
    struct ledger *ledger = entry->ledger;
    struct chunk_job *job = xcalloc(1, sizeof(*job));
    job->job.run = chunk_run;
    job->job.release = chunk_release;
    job->entry = entry;
    job->data = entry->data;
    job->len = entry->len;
    job->at = entry->size - entry->len;
    entry->data = NULL;
    entry->len = entry->room = 0;
    assert(entry->is_big && ledger->gathering >= job->len);
    ledger->gathering -= job->len;
    ledger_in_flight_more(ledger, job->len);
    ledger_submit(ledger, &job->job);
}

void spool_entry_write(struct spool_entry *entry, const void *data, size_t len)
{
    struct ledger *ledger = entry->ledger;
    if (entry->room - entry->len < len) {
        size_t room = entry->room == 0 ? FIRST_ROOM : entry->room * 2;
        entry->room = room < entry->len + len ? entry->len + len : room;
        entry->data = xrealloc(entry->data, entry->room);
    }
    if (len > 0)
        memcpy(entry->data + entry->len, data, len);
    entry->len += len;
    entry->size += len;
    ledger->gathering += len;
    size_t small = ledger->gathering > ledger->buffer_high ? SMALL_MAX_CROWDED : SMALL_MAX;
    bool becomes_big = !entry->is_big && entry->len > small;
    entry->is_big = entry->is_big || becomes_big;
    if (becomes_big || (entry->is_big && entry->len >= CHUNK))
        submit_chunk(entry);
}

/* ---- the end of one that is not wanted ---- */

struct abort_job {
    struct ledger_job job;
    struct spool_entry *entry;
};

static void abort_run(struct ledger *ledger, struct ledger_job *base)
{
    struct abort_job *job = (struct abort_job *)base;
    spool_big_discard(&ledger->spool, &job->entry->big);
}

static void abort_release(struct ledger_job *base)
{
    struct abort_job *job = (struct abort_job *)base;
    spool_big_close(&base->ledger->spool, &job->entry->big, true);
    spool_entry_free(job->entry);
    free(job);
}

void spool_entry_abort(struct spool_entry *entry)
{
    assert(entry->ledger->gathering >= entry->len);
    entry->ledger->gathering -= entry->len;
    if (!entry->is_big) {
        spool_entry_free(entry);
        return;
    }
    struct abort_job *job = xcalloc(1, sizeof(*job));
    job->job.run = abort_run;
    job->job.release = abort_release;
    job->entry = entry;
    ledger_submit(entry->ledger, &job->job);
}
