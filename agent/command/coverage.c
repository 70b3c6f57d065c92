#include "agent/command/coverage.h"

#include <string.h>

#include "rules/match/conditions.h"
#include "rules/match/decide.h"
#include "rules/util/memory.h"

const char *coverage_condition(const struct rule *rule, size_t i)
{
    const struct {
        const char *key;
        bool set;
    } conditions[] = {
        {"min_size", rule->has_min_size},    {"max_size", rule->has_max_size},
        {"from", rule->from != NULL},        {"to", rule->to != NULL},
        {"subject", rule->subject != NULL},  {"header", rule->header != NULL},
        {"body", rule->body != NULL},        {"attachment", rule->attachment != NULL},
        {"since", rule->has_since},          {"until", rule->has_until},
        {"hours", rule->hours_text != NULL}, {"encrypted", rule->encrypted},
    };

    if (i >= sizeof(conditions) / sizeof(*conditions))
        return NULL;
    return conditions[i].set ? conditions[i].key : "";
}

static bool is_conditional(const struct rule *rule)
{
    const char *condition;

    for (size_t i = 0; (condition = coverage_condition(rule, i)) != NULL; i++)
        if (*condition != '\0')
            return true;
    return false;
}

/* The directions in which everything of that owner is exempt, whatever the other parties. */
static unsigned exempt_directions(const struct config *config, const struct account *account)
{
    const struct owner owner = account_owner(account);
    unsigned exempt = 0;

    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        if (rule->exempt && !is_conditional(rule) && rule->users == NULL &&
            rule->not_users == NULL && match_exempt_owner(rule, &owner))
            exempt |= match_directions(rule, &owner);
    }
    return exempt;
}

static unsigned covered(const struct rule *rule, const struct owner *owner)
{
    unsigned directions = 0;

    for (unsigned d = DIRECTION_INCOMING; d <= DIRECTION_INTERNAL; d <<= 1)
        directions |= rule_covers(rule, owner, (enum direction)d) ? d : 0;
    return directions;
}

unsigned coverage_directions(const struct config *config, const struct rule *rule,
                             const struct account *account)
{
    const struct owner owner = account_owner(account);
    unsigned directions = account->watch ? covered(rule, &owner) : 0;

    return directions != 0 ? directions & ~exempt_directions(config, account) : 0;
}

static unsigned covered_by_any(const struct config *config, const struct owner *owner)
{
    unsigned directions = 0;

    for (size_t i = 0; i < config->rules->count; i++)
        directions |= covered(&config->rules->rules[i], owner);
    return directions;
}

enum coverage_reason coverage_reason(const struct config *config, const struct account *account)
{
    const struct owner owner = account_owner(account);
    struct owner selected = owner;
    unsigned directions = covered_by_any(config, &owner);

    if (!account->watch)
        return COVERAGE_PROBES_ONLY;
    selected.monitor = true;
    if ((directions & ~exempt_directions(config, account)) != 0)
        return COVERAGE_MONITORED;
    if (directions != 0)
        return COVERAGE_EXEMPT;
    if (account->monitor)
        return COVERAGE_SELECTED_NO_RULE;
    if (covered_by_any(config, &selected) != 0)
        return COVERAGE_NOT_SELECTED;
    return COVERAGE_NO_RULE;
}

const char *coverage_reason_text(enum coverage_reason reason)
{
    static const char *const texts[] = {
        [COVERAGE_MONITORED] = NULL,
        [COVERAGE_PROBES_ONLY] = "used by probes only",
        [COVERAGE_EXEMPT] = "exempt",
        [COVERAGE_SELECTED_NO_RULE] = "selected, but no rule applies",
        [COVERAGE_NOT_SELECTED] = "not selected",
        [COVERAGE_NO_RULE] = "no rule applies",
    };

    return texts[reason];
}

const char *coverage_reason_name(enum coverage_reason reason)
{
    static const char *const names[] = {
        [COVERAGE_MONITORED] = NULL,
        [COVERAGE_PROBES_ONLY] = "probes_only",
        [COVERAGE_EXEMPT] = "exempt",
        [COVERAGE_SELECTED_NO_RULE] = "selected_no_rule",
        [COVERAGE_NOT_SELECTED] = "not_selected",
        [COVERAGE_NO_RULE] = "no_rule",
    };

    return names[reason];
}

static char *add_condition(char *text, const char *condition)
{
    char *longer = xasprintf("%s%s%s", text, *text != '\0' ? ", " : "", condition);

    free(text);
    return longer;
}

char *coverage_conditions(const struct rule *rule)
{
    const char *condition;
    char *text = xstrdup("");

    if (rule->sample < 100) {
        free(text);
        text = xasprintf("sample %.15g %%", rule->sample);
    }
    for (size_t i = 0; (condition = coverage_condition(rule, i)) != NULL; i++)
        if (*condition != '\0')
            text = add_condition(text, condition);
    return rule->skip_undecided ? add_condition(text, "not if undecided") : text;
}

char *coverage_join(char *const *texts)
{
    char *joined = xstrdup("");

    for (; texts != NULL && *texts != NULL; texts++) {
        char *longer = xasprintf("%s%s%s", joined, *joined != '\0' ? ", " : "", *texts);
        free(joined);
        joined = longer;
    }
    return joined;
}
