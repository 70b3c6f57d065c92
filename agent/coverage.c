#include "agent/coverage.h"

#include <string.h>

#include "rules/decide.h"
#include "rules/match.h"
#include "rules/memory.h"

static struct owner owner_of(const struct account *account)
{
    return (struct owner){
        .account = account->name,
        .address = account->address,
        .aliases = (const char *const *)account->aliases,
        .monitor = account->monitor,
    };
}

const char *coverage_condition(const struct rule *rule, size_t i)
{
    const struct {
        const char *key;
        bool asked;
    } conditions[] = {
        {"min_size", rule->has_min_size},    {"max_size", rule->has_max_size},
        {"from", rule->from != NULL},        {"to", rule->to != NULL},
        {"subject", rule->subject != NULL},  {"header", rule->header != NULL},
        {"body", rule->body != NULL},        {"attachment", rule->attachment != NULL},
        {"since", rule->has_since},          {"until", rule->has_until},
        {"hours", rule->hours_text != NULL},
    };

    if (i >= sizeof(conditions) / sizeof(*conditions))
        return NULL;
    return conditions[i].asked ? conditions[i].key : "";
}

static bool is_conditional(const struct rule *rule)
{
    const char *condition;

    for (size_t i = 0; (condition = coverage_condition(rule, i)) != NULL; i++) {
        if (*condition != '\0')
            return true;
    }
    return false;
}

/* The directions in which everything of that owner is exempt, whoever else has to do with it. */
static unsigned exempt_directions(const struct config *config, const struct account *account)
{
    const struct owner owner = owner_of(account);
    unsigned exempt = 0;

    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        if (rule->exempt && !is_conditional(rule) && rule->users == NULL &&
            rule->not_users == NULL && match_exempt_owner(rule, &owner))
            exempt |= match_direction_taken(rule, &owner);
    }
    return exempt;
}

bool coverage_takes(const struct config *config, const struct rule *rule,
                    const struct account *account, unsigned direction)
{
    const struct owner owner = owner_of(account);

    return rule_covers(rule, &owner, (enum direction)direction) &&
           (exempt_directions(config, account) & direction) == 0;
}

static bool is_covered(const struct config *config, const struct owner *owner, unsigned *directions)
{
    const unsigned all[] = {DIRECTION_INCOMING, DIRECTION_OUTGOING, DIRECTION_INTERNAL};

    *directions = 0;
    for (size_t i = 0; i < config->rules->count; i++) {
        for (size_t d = 0; d < sizeof(all) / sizeof(*all); d++) {
            if (rule_covers(&config->rules->rules[i], owner, (enum direction)all[d]))
                *directions |= all[d];
        }
    }
    return *directions != 0;
}

const char *coverage_reason(const struct config *config, const struct account *account)
{
    const struct owner owner = owner_of(account);
    struct owner selected = owner;
    unsigned directions, if_selected;
    bool covered = is_covered(config, &owner, &directions);

    selected.monitor = true;
    if (covered && (directions & ~exempt_directions(config, account)) != 0)
        return NULL;
    if (covered)
        return "exempt";
    if (account->monitor)
        return "selected, but no rule takes it";
    if (is_covered(config, &selected, &if_selected))
        return "not selected";
    return "no rule takes it";
}

char *coverage_conditions(const struct rule *rule)
{
    const char *condition;
    char *text = xstrdup("");

    if (rule->sample < 100) {
        free(text);
        text = xasprintf("sample %.15g %%", rule->sample);
    }
    for (size_t i = 0; (condition = coverage_condition(rule, i)) != NULL; i++) {
        if (*condition == '\0')
            continue;
        char *longer = xasprintf("%s%s%s", text, *text != '\0' ? ", " : "", condition);
        free(text);
        text = longer;
    }
    return text;
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
