/*
 * A plan of any text can be read, joined with another and read again: nothing is lost in the
 * joining, and joining once more adds nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/ledger/plan.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_recipient(const struct plan *plan, const struct recipient *recipient)
{
    for (size_t i = 0; i < plan->n_recipients; i++)
        if (strcasecmp(plan->recipients[i].address, recipient->address) == 0)
            return true;
    return false;
}

static bool has_rule(const struct plan *plan, const char *rule)
{
    for (size_t i = 0; i < plan->n_rules; i++)
        if (strcmp(plan->rules[i], rule) == 0)
            return true;
    return false;
}

/* text as a plan's own writing has it: control characters of values are gone. */
static char *written(const char *text)
{
    return plan_join(text, "");
}

static void assert_holds(const struct plan *joined, const char *part)
{
    struct plan *plan = plan_parse(part);

    if ((plan->directions & ~joined->directions) != 0)
        abort();
    for (size_t i = 0; i < plan->n_recipients; i++)
        if (!has_recipient(joined, &plan->recipients[i]))
            abort();
    for (size_t i = 0; i < plan->n_rules; i++)
        if (!has_rule(joined, plan->rules[i]))
            abort();
    if ((plan->purpose != NULL && joined->purpose == NULL) ||
        (plan->approved_by != NULL && joined->approved_by == NULL))
        abort();
    plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut = size > 0 ? data[0] * size / 256 : 0;
    char *raw_first = xmemdup0(data, cut), *raw_second = xmemdup0(data + cut, size - cut);
    char *first = written(raw_first), *second = written(raw_second);
    char *joined = plan_join(first, second);
    struct plan *plan = plan_parse(joined);
    char *again = plan_join(joined, second);

    assert_holds(plan, first);
    assert_holds(plan, second);
    if (strcmp(joined, again) != 0)
        abort();
    plan_free(plan);
    free(again);
    free(joined);
    free(first);
    free(second);
    free(raw_first);
    free(raw_second);
    return 0;
}
