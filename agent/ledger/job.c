#include <assert.h>
#include <stdlib.h>

#include "agent/ledger/private.h"

static void job_run(struct worker_job *worker_job, void *context)
{
    struct ledger *ledger = context;
    struct ledger_job *job = (struct ledger_job *)worker_job;
    if (!ledger->failed)
        job->run(ledger, job);
}

static void job_done(struct worker_job *worker_job)
{
    struct ledger_job *job = (struct ledger_job *)worker_job;
    if (job->answer != NULL && !worker_job->lost && !job->request.cancelled) {
        job->ledger->answering = true;
        job->answer(job);
        job->ledger->answering = false;
    }
    if (job->release != NULL)
        job->release(job);
    else
        free(job);
}

struct ledger_request *ledger_submit(struct ledger *ledger, struct ledger_job *job)
{
    job->ledger = ledger;
    job->request.job.run = job_run;
    job->request.job.done = job_done;
    worker_submit(ledger->worker, &job->request.job);
    return &job->request;
}

void ledger_cancel(struct ledger_request *request)
{
    if (request == NULL)
        return;
    assert(!request->cancelled);
    request->cancelled = true;
}
