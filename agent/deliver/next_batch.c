#include "agent/deliver/next_batch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/folder_pattern.h"
#include "agent/ledger/plan.h"
#include "agent/system/limit.h"

char *next_batch_folder(const struct batch_place *place, const struct ledger_copy *copy)
{
    struct plan *plan = plan_parse(copy->plan);
    char buffer[40];
    struct folder_words words = {
        .user = copy->account,
        .direction = direction_text(direction_main(plan->directions), buffer),
        .rule = plan->n_rules > 0 ? plan->rules[0] : "",
        .domain = plan->domain,
    };
    char *name = folder_name_make(place->target->folder, copy->internaldate, &words,
                                  target_folder_separator(place->folder));

    plan_free(plan);
    return name;
}

size_t next_batch_size(const struct batch_place *place, const struct ledger_copy *copies, size_t n,
                       const char *folder, bool single)
{
    size_t most = single ? 1 : LIMIT_BATCH_COPIES;
    uint64_t octets = 0;
    size_t count = 0;

    if (n > 0 && suspects_cuts(&place->suspects, copies[0].id) > 0)
        most = 1;
    while (count < n && count < most && !copies[count].intent) {
        char *name = next_batch_folder(place, &copies[count]);
        bool same = strcmp(name, folder) == 0;

        free(name);
        octets += copies[count].size;
        if (!same || (count > 0 && octets > LIMIT_BATCH_BYTES))
            break;
        if (count > 0 && suspects_cuts(&place->suspects, copies[count].id) > 0)
            break;
        count++;
    }
    return count;
}

static bool is_among(int64_t id, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

size_t next_batch_leave_out(struct ledger_copy *copies, size_t n, const int64_t *ids, size_t n_ids)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct ledger_copy copy = copies[i];

        if (is_among(copy.id, ids, n_ids))
            continue;
        copies[i] = copies[kept];
        copies[kept++] = copy;
    }
    return kept;
}
