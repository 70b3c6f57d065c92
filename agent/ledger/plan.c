#include "agent/ledger/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/mime/address.h"
#include "rules/util/memory.h"

static void put(FILE *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    fprintf(out, "%s ", key);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++)
        fputc(*s < 0x20 || *s == 0x7f ? ' ' : *s, out);
    fputc('\n', out);
}

static char *write_plan(const struct plan *plan)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    fprintf(out, "directions %u\nwarnings %u\n", plan->directions, plan->warnings);
    put(out, plan->sender_claimed ? "claimed" : "mailbox", plan->sender);
    for (size_t i = 0; i < plan->n_recipients; i++)
        put(out, basis_text(plan->recipients[i].basis), plan->recipients[i].address);
    for (size_t i = 0; i < plan->n_rules; i++)
        put(out, "rule", plan->rules[i]);
    put(out, "undecided", plan->undecided);
    put(out, "purpose", plan->purpose);
    put(out, "approved-by", plan->approved_by);
    put(out, "domain", plan->domain);
    if (fclose(out) != 0)
        abort();
    return text;
}

static bool has_rule(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_rules; i++)
        if (strcmp(plan->rules[i], name) == 0)
            return true;
    return false;
}

static void add_rule(struct plan *plan, const char *name)
{
    if (has_rule(plan, name))
        return;
    plan->rules = xrealloc(plan->rules, (plan->n_rules + 1) * sizeof(*plan->rules));
    plan->rules[plan->n_rules++] = xstrdup(name);
}

static void add_recipient(struct plan *plan, const char *address, enum basis basis)
{
    size_t n = plan->n_recipients;

    if ((n & (n - 1)) == 0)
        plan->recipients =
            xrealloc(plan->recipients, (n == 0 ? 1 : 2 * n) * sizeof(*plan->recipients));
    plan->recipients[n] = (struct recipient){.address = xstrdup(address), .basis = basis};
    plan->n_recipients++;
}

/* Whether it is one of those that "; " separates; not only a substring of one. */
static bool has_part(const char *parts, const char *part, size_t len)
{
    const char *end;

    for (; (end = strstr(parts, "; ")) != NULL; parts = end + 2)
        if ((size_t)(end - parts) == len && memcmp(parts, part, len) == 0)
            return true;
    return strlen(parts) == len && memcmp(parts, part, len) == 0;
}

static void join_part(char **into, const char *part, size_t len)
{
    char *joined;

    if (has_part(*into, part, len))
        return;
    joined = xasprintf("%s; %.*s", *into, (int)len, part);
    free(*into);
    *into = joined;
}

/* Adds the parts of `more`, between "; ", that *into lacks. */
static void join_text(char **into, const char *more)
{
    const char *end;

    if (more == NULL)
        return;
    if (*into == NULL) {
        *into = xstrdup(more);
        return;
    }
    for (; (end = strstr(more, "; ")) != NULL; more = end + 2)
        join_part(into, more, (size_t)(end - more));
    join_part(into, more, strlen(more));
}

char *plan_text(const struct decision *decision, const struct target_decision *target,
                const struct owner *owner)
{
    const struct route *route = decision->route;
    const char *domain = address_domain(owner->address);
    struct plan plan = {
        .directions = route->directions,
        .warnings = route->warnings,
        .sender = route->sender,
        .sender_claimed = route->sender_claimed,
        .recipients = route->recipients,
        .n_recipients = route->n_recipients,
        .domain = xstrdup(domain != NULL ? domain : ""),
    };
    char *text;

    if (target->undecided != 0)
        plan.undecided = decide_conditions_text(target->undecided);
    for (size_t i = 0; i < target->n_rules; i++) {
        add_rule(&plan, target->rules[i]->name);
        join_text(&plan.purpose, target->rules[i]->purpose);
        join_text(&plan.approved_by, target->rules[i]->approved_by);
    }
    text = write_plan(&plan);
    for (size_t i = 0; i < plan.n_rules; i++)
        free(plan.rules[i]);
    free(plan.rules);
    free(plan.undecided);
    free(plan.purpose);
    free(plan.approved_by);
    free(plan.domain);
    return text;
}

static bool parse_recipient(struct plan *plan, const char *key, const char *value)
{
    for (enum basis basis = BASIS_OWNER; basis <= BASIS_LAST; basis++)
        if (strcmp(basis_text(basis), key) == 0) {
            add_recipient(plan, value, basis);
            return true;
        }
    return false;
}

static void replace(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
}

static void parse_line(struct plan *plan, const char *key, const char *value)
{
    if (strcmp(key, "directions") == 0) {
        plan->directions = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(key, "warnings") == 0) {
        plan->warnings = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(key, "claimed") == 0 || strcmp(key, "mailbox") == 0) {
        plan->sender_claimed = key[0] == 'c';
        replace(&plan->sender, value);
    } else if (strcmp(key, "rule") == 0) {
        add_rule(plan, value);
    } else if (strcmp(key, "undecided") == 0) {
        replace(&plan->undecided, value);
    } else if (strcmp(key, "purpose") == 0) {
        replace(&plan->purpose, value);
    } else if (strcmp(key, "approved-by") == 0) {
        replace(&plan->approved_by, value);
    } else if (strcmp(key, "domain") == 0) {
        replace(&plan->domain, value);
    } else {
        parse_recipient(plan, key, value);
    }
}

struct plan *plan_parse(const char *text)
{
    struct plan *plan = xcalloc(1, sizeof(*plan));
    char *copy = xstrdup(text);
    char *rest = NULL;

    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *space = strchr(line, ' ');
        if (space == NULL)
            continue;
        *space = '\0';
        parse_line(plan, line, space + 1);
    }
    free(copy);
    if (plan->sender == NULL)
        plan->sender = xstrdup("");
    if (plan->domain == NULL)
        plan->domain = xstrdup("");
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->n_recipients; i++)
        free(plan->recipients[i].address);
    for (size_t i = 0; i < plan->n_rules; i++)
        free(plan->rules[i]);
    free(plan->recipients);
    free(plan->rules);
    free(plan->sender);
    free(plan->undecided);
    free(plan->purpose);
    free(plan->approved_by);
    free(plan->domain);
    free(plan);
}

/* By address, equal ones in their order. */
static int compare_recipients(const void *a, const void *b)
{
    const struct recipient *const *x = a, *const *y = b;
    int order = strcasecmp((*x)->address, (*y)->address);

    return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* Leaves each address once, at its first place; a basis from a header beats "owner". Sorts
 * pointers so that ten thousand on each side stay cheap. */
static void drop_repeated(struct plan *plan)
{
    size_t n = plan->n_recipients;
    struct recipient **index = xcalloc(n, sizeof(*index)), *first = NULL;

    for (size_t i = 0; i < n; i++)
        index[i] = &plan->recipients[i];
    if (n > 1)
        qsort(index, n, sizeof(*index), compare_recipients);
    for (size_t i = 0; i < n; i++) {
        if (first == NULL || strcasecmp(first->address, index[i]->address) != 0) {
            first = index[i];
            continue;
        }
        if (first->basis == BASIS_OWNER)
            first->basis = index[i]->basis;
        free(index[i]->address);
        index[i]->address = NULL;
    }
    free(index);
    plan->n_recipients = 0;
    for (size_t i = 0; i < n; i++)
        if (plan->recipients[i].address != NULL)
            plan->recipients[plan->n_recipients++] = plan->recipients[i];
}

/* Whether it names all whom the other knows by Bcc: nobody else can. */
static bool names_blind(struct plan *plan, const struct plan *more)
{
    size_t n;

    drop_repeated(plan);
    n = plan->n_recipients;
    for (size_t i = 0; i < more->n_recipients; i++)
        if (more->recipients[i].basis == BASIS_BCC)
            add_recipient(plan, more->recipients[i].address, BASIS_BCC);
    drop_repeated(plan);
    return plan->n_recipients == n;
}

bool plan_covers(const char *first, const char *second)
{
    struct plan *plan = plan_parse(first);
    struct plan *more = plan_parse(second);
    bool covers = (more->directions & ~plan->directions) == 0 && names_blind(plan, more);

    for (size_t i = 0; i < more->n_rules && covers; i++)
        covers = has_rule(plan, more->rules[i]);
    plan_free(plan);
    plan_free(more);
    return covers;
}

static void join_recipients(struct plan *plan, const struct plan *more)
{
    for (size_t i = 0; i < more->n_recipients; i++)
        add_recipient(plan, more->recipients[i].address, more->recipients[i].basis);
    drop_repeated(plan);
}

static bool knows_sender(const struct plan *plan)
{
    return !plan->sender_claimed && *plan->sender != '\0';
}

char *plan_join(const char *first, const char *second)
{
    struct plan *plan = plan_parse(first);
    struct plan *more = plan_parse(second);
    char *text;

    plan->directions |= more->directions;
    plan->warnings |= more->warnings;
    if (!knows_sender(plan) && knows_sender(more)) {
        replace(&plan->sender, more->sender);
        plan->sender_claimed = false;
    }
    if (knows_sender(plan))
        plan->warnings &= ~(unsigned)WARNING_CLAIMED_INTERNAL;
    join_recipients(plan, more);
    for (size_t i = 0; i < more->n_rules; i++)
        add_rule(plan, more->rules[i]);
    if (more->undecided == NULL && more->n_rules > 0) {
        free(plan->undecided);
        plan->undecided = NULL;
    }
    join_text(&plan->purpose, more->purpose);
    join_text(&plan->approved_by, more->approved_by);
    text = write_plan(plan);
    plan_free(plan);
    plan_free(more);
    return text;
}

struct copy_plan plan_copy(const struct plan *plan)
{
    return (struct copy_plan){
        .directions = plan->directions,
        .sender = plan->sender,
        .sender_claimed = plan->sender_claimed,
        .recipients = plan->recipients,
        .n_recipients = plan->n_recipients,
        .rules = (const char *const *)plan->rules,
        .n_rules = plan->n_rules,
        .warnings = plan->warnings,
        .undecided = plan->undecided,
        .purpose = plan->purpose,
        .approved_by = plan->approved_by,
    };
}
