#include "rules/match/decide.h"

#include <string.h>

#include "rules/match/conditions.h"
#include "rules/mime/body.h"
#include "rules/util/memory.h"

/* Ends with NULL; what is cheap to answer first, what needs the body last. */
static const struct match *const conditions[] = {
    &match_direction, &match_users, &match_not_users, &match_min_size, &match_max_size,
    &match_since,     &match_until, &match_hours,     &match_sample,   &match_exempt,
    &match_from,      &match_to,    &match_subject,   &match_header,   &match_attachment,
    &match_body,      NULL,
};

static void add_reason(struct rule_decision *decision, const struct match *match,
                       enum verdict verdict, struct buffer *found)
{
    buffer_text(found, ", the rule wants ");
    match->describe(decision->rule, found);
    decision->reasons =
        xreallocarray(decision->reasons, decision->n_reasons + 1, sizeof(*decision->reasons));
    decision->reasons[decision->n_reasons++] =
        (struct reason){.condition = match->name, .verdict = verdict, .text = buffer_take(found)};
}

/* One no is no; else what is undecided leaves the whole undecided. */
static enum verdict join(enum verdict a, enum verdict b)
{
    if (a == VERDICT_NO || b == VERDICT_NO)
        return VERDICT_NO;
    return a == VERDICT_NEEDS_BODY ? a : b;
}

static void judge(const struct match_input *in, bool explain, struct rule_decision *decision)
{
    const struct rule *rule = decision->rule;
    decision->verdict = VERDICT_YES;
    decision->directions = match_direction_taken(rule, in->message->owner) & in->route->directions;
    for (const struct match *const *match = conditions; *match != NULL; match++) {
        if (!(*match)->asked(rule))
            continue;
        struct buffer found = {0};
        enum verdict verdict = (*match)->match(in, rule, explain ? &found : NULL);
        decision->verdict = join(decision->verdict, verdict);
        if (explain)
            add_reason(decision, *match, verdict, &found);
        else if (verdict == VERDICT_NO)
            return;
    }
}

static struct target_decision *find_target(struct decision *decision, const char *name)
{
    for (size_t i = 0; i < decision->n_targets; i++)
        if (strcmp(decision->targets[i].target, name) == 0)
            return &decision->targets[i];
    decision->targets =
        xreallocarray(decision->targets, decision->n_targets + 1, sizeof(*decision->targets));
    struct target_decision *target = &decision->targets[decision->n_targets++];
    *target = (struct target_decision){.target = name};
    return target;
}

static void choose_targets(struct decision *decision, const struct rule_decision *by)
{
    for (char **name = by->rule->targets; *name != NULL; name++) {
        struct target_decision *target = find_target(decision, *name);
        if (target->n_rules > 0 && target->rules[target->n_rules - 1] == by->rule)
            continue; /* named twice */
        target->rules =
            xreallocarray(target->rules, target->n_rules + 1, sizeof(const struct rule *));
        target->rules[target->n_rules++] = by->rule;
        target->directions |= by->directions;
    }
}

static bool has_targets(const struct rule *rule)
{
    return !rule->exempt && rule->targets != NULL && rule->targets[0] != NULL;
}

/* YES if an exempt rule matches, NEEDS_BODY if one may. */
static enum verdict find_exempt(struct decision *decision)
{
    enum verdict verdict = VERDICT_NO;
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *by = &decision->rules[i];
        if (by->verdict == VERDICT_NO || !by->rule->exempt)
            continue;
        verdict = by->verdict;
        if (verdict == VERDICT_YES) {
            decision->exempt = true;
            decision->exempt_by = by->rule;
            return verdict;
        }
    }
    return verdict;
}

static void conclude(struct decision *decision)
{
    enum verdict exempt = find_exempt(decision);
    if (exempt == VERDICT_YES)
        return;
    bool undecided = false;
    bool wanted = false;
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *by = &decision->rules[i];
        if (by->verdict == VERDICT_NO || !has_targets(by->rule))
            continue;
        wanted = true;
        if (by->verdict == VERDICT_NEEDS_BODY || exempt == VERDICT_NEEDS_BODY)
            undecided = true;
        else
            choose_targets(decision, by);
    }
    if (wanted)
        decision->verdict = undecided ? VERDICT_NEEDS_BODY : VERDICT_YES;
}

static bool asks_body(const struct rule *rule)
{
    for (const struct match *const *match = conditions; *match != NULL; match++)
        if ((*match)->needs == MATCH_BODY && (*match)->asked(rule))
            return true;
    return false;
}

static unsigned body_warnings(const struct rule_set *set, const struct message *message)
{
    if (message->body == NULL || !message->body->limited)
        return 0;
    for (size_t i = 0; i < set->count; i++)
        if (asks_body(&set->rules[i]))
            return WARNING_BODY_LIMITED;
    return 0;
}

struct decision *decide(const struct rule_set *set, const struct message *message, bool explain)
{
    struct decision *decision = xcalloc(1, sizeof(*decision));
    decision->verdict = VERDICT_NO;
    decision->route = route_find(set, message);
    decision->route->warnings |= body_warnings(set, message);
    decision->rules = xcalloc(set->count, sizeof(*decision->rules));
    decision->n_rules = set->count;

    struct facts facts = {.header = message->header};
    const struct match_input in = {set, message, decision->route, &facts};
    for (size_t i = 0; i < set->count; i++) {
        decision->rules[i].rule = &set->rules[i];
        judge(&in, explain, &decision->rules[i]);
    }
    facts_clear(&facts);
    conclude(decision);
    return decision;
}

void decision_free(struct decision *decision)
{
    if (decision == NULL)
        return;
    for (size_t i = 0; i < decision->n_rules; i++) {
        for (size_t reason = 0; reason < decision->rules[i].n_reasons; reason++)
            free(decision->rules[i].reasons[reason].text);
        free(decision->rules[i].reasons);
    }
    for (size_t i = 0; i < decision->n_targets; i++)
        free(decision->targets[i].rules);
    free(decision->rules);
    free(decision->targets);
    route_free(decision->route);
    free(decision);
}

/* The conditions but the direction, as far as they ask only who the owner is. YES: there are no
 * others; NEEDS_BODY: there are. */
static enum verdict judge_owner(const struct rule *rule, const struct owner *owner)
{
    const struct message message = {.owner = owner};
    const struct match_input in = {.message = &message};
    enum verdict verdict = VERDICT_YES;
    for (const struct match *const *match = conditions; *match != NULL; match++) {
        if (*match == &match_direction || !(*match)->asked(rule))
            continue;
        if (*match == &match_exempt && match_exempt_owner(rule, owner))
            continue;
        enum verdict one =
            (*match)->needs == MATCH_OWNER ? (*match)->match(&in, rule, NULL) : VERDICT_NEEDS_BODY;
        verdict = join(verdict, one);
    }
    return verdict;
}

static enum verdict judge_before_fetch(const struct rule *rule, const struct owner *owner,
                                       unsigned possible)
{
    unsigned taken = match_direction_taken(rule, owner) & possible;
    bool never = !rule->exempt && (!has_targets(rule) || !(rule->sample > 0));
    if (taken == 0 || never)
        return VERDICT_NO;
    return join(judge_owner(rule, owner), taken == possible ? VERDICT_YES : VERDICT_NEEDS_BODY);
}

enum verdict decide_before_fetch(const struct rule_set *set, const struct owner *owner,
                                 enum folder_role role)
{
    unsigned possible = route_possible(role);
    bool header_needed = false, certain = false, exempt_needed = false;
    for (size_t i = 0; i < set->count; i++) {
        const struct rule *rule = &set->rules[i];
        enum verdict verdict = judge_before_fetch(rule, owner, possible);
        if (rule->exempt && verdict == VERDICT_YES)
            return VERDICT_NO;
        exempt_needed |= rule->exempt && verdict == VERDICT_NEEDS_BODY;
        certain |= !rule->exempt && verdict == VERDICT_YES;
        header_needed |= !rule->exempt && verdict == VERDICT_NEEDS_BODY;
    }
    if (certain && !exempt_needed)
        return VERDICT_YES;
    return certain || header_needed ? VERDICT_NEEDS_BODY : VERDICT_NO;
}

bool rule_covers(const struct rule *rule, const struct owner *owner, enum direction direction)
{
    return !rule->exempt && rule->sample > 0 &&
           (match_direction_taken(rule, owner) & direction) != 0 &&
           judge_owner(rule, owner) != VERDICT_NO;
}
