#include <stdlib.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

struct note_job {
    struct ledger_job job;
    int64_t folder;
    uint32_t first, last;
    enum uid_state state;
    char *reason;
};

/* What was done with every single one of these is in the chain. */
static const char *record_kind(enum uid_state state)
{
    switch (state) {
    case UID_EXEMPT:
        return "exempt";
    case UID_OWN_COPY:
        return "own-copy";
    case UID_VANISHED:
        return "vanished";
    case UID_VANISHED_INFERRED:
        return "vanished-inferred";
    case UID_FAILED:
        return "failed";
    case UID_UNDECIDED:
        return "skipped-undecided";
    default:
        return NULL;
    }
}

static void note_run(struct ledger *ledger, struct ledger_job *job)
{
    const struct note_job *note = (const struct note_job *)job;
    span_note(ledger, note->folder, note->first, note->last, note->state, note->reason);
    const char *kind = record_kind(note->state);
    if (kind == NULL)
        return;
    chain_begin(ledger);
    chain_folder(ledger, note->folder);
    chain_number(ledger, "first", note->first);
    chain_number(ledger, "last", note->last);
    chain_text(ledger, "reason", note->reason);
    chain_end(ledger, kind);
}

static void note_release(struct ledger_job *job)
{
    struct note_job *note = (struct note_job *)job;
    free(note->reason);
    free(note);
}

void ledger_note(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                 enum uid_state state, const char *reason)
{
    if (first == 0 || first > last)
        return;
    struct note_job *note = xcalloc(1, sizeof(*note));
    note->job.run = note_run;
    note->job.release = note_release;
    note->folder = folder;
    note->first = first;
    note->last = last;
    note->state = state;
    note->reason = xstrndup(reason == NULL ? "" : reason, REASON_MAX);
    ledger_submit(ledger, &note->job);
}
