#include <errno.h>
#include <stdlib.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

struct read_job {
    struct ledger_request request;
    struct ledger *ledger;
    uint64_t segment, offset;
    size_t len;
    unsigned char *octets;
    char *why;
    int error; /* errno */
    spool_read_done *done;
    void *arg;
};

static void read_run(struct worker_job *base, void *context)
{
    struct read_job *job = (struct read_job *)base;
    struct ledger *ledger = context;
    if (job->len > LEDGER_READ_MAX) {
        job->why = xstrdup("more bytes requested than are read at once");
        return;
    }
    job->octets = xmalloc(job->len);
    job->why =
        spool_read_octets(ledger->spool.dir_fd, job->segment, job->offset, job->octets, job->len);
    job->error = errno;
}

static void read_done(struct worker_job *base)
{
    struct read_job *job = (struct read_job *)base;
    bool ok = job->why == NULL;
    if (!job->request.cancelled) {
        job->ledger->answering = true;
        errno = job->error;
        job->done(job->arg, ok ? job->octets : NULL, ok ? job->len : 0, job->why);
        job->ledger->answering = false;
    }
    free(job->octets);
    free(job->why);
    free(job);
}

struct ledger_request *spool_read(struct ledger *ledger, uint64_t segment, uint64_t offset,
                                  size_t len, spool_read_done *done, void *arg)
{
    struct read_job *job = xcalloc(1, sizeof(*job));
    job->request.job.run = read_run;
    job->request.job.done = read_done;
    job->ledger = ledger;
    job->segment = segment;
    job->offset = offset;
    job->len = len;
    job->done = done;
    job->arg = arg;
    worker_submit(ledger->reader, &job->request.job);
    return &job->request;
}
