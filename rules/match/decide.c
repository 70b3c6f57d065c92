#include "rules/match/decide.h"

#include <assert.h>
#include <string.h>

#include "rules/match/conditions.h"
#include "rules/mime/body.h"
#include "rules/util/memory.h"

/* NULL-terminated; cheap conditions first, those that need the body last. */
static const struct match *const conditions[] = {
    &match_direction, &match_users,  &match_not_users,  &match_min_size,
    &match_max_size,  &match_since,  &match_until,      &match_hours,
    &match_sample,    &match_exempt, &match_from,       &match_to,
    &match_subject,   &match_header, &match_attachment, &match_body,
    &match_encrypted, NULL,
};

static void add_reason(struct rule_decision *decision, const struct match *match,
                       enum match_result result, struct buffer *found)
{
    buffer_text(found, ", the rule requires ");
    match->describe(decision->rule, found);
    decision->reasons =
        xreallocarray(decision->reasons, decision->n_reasons + 1, sizeof(*decision->reasons));
    decision->reasons[decision->n_reasons++] =
        (struct reason){.condition = match->name, .result = result, .text = buffer_take(found)};
}

const char *decide_condition(unsigned n)
{
    return n < sizeof(conditions) / sizeof(*conditions) - 1 ? conditions[n]->name : NULL;
}

char *decide_conditions_text(unsigned set)
{
    struct buffer text = {0};
    for (unsigned n = 0; decide_condition(n) != NULL; n++) {
        if ((set & 1u << n) == 0)
            continue;
        if (text.len > 0)
            buffer_text(&text, ", ");
        buffer_text(&text, decide_condition(n));
    }
    return buffer_take(&text);
}

/* NO if any is NO, else NEEDS_BODY if any is, else UNDECIDED. */
static enum match_result join(enum match_result a, enum match_result b)
{
    if (a == MATCH_NO || b == MATCH_NO)
        return MATCH_NO;
    return a > b ? a : b;
}

static_assert(MATCH_YES < MATCH_UNDECIDED && MATCH_UNDECIDED < MATCH_NEEDS_BODY,
              "join() takes the larger");

static void evaluate(const struct match_input *of_message, bool explain,
                     struct rule_decision *decision)
{
    const struct rule *rule = decision->rule;
    const struct match_input *in = of_message;
    /* What is asked for explain's sake only draws on a budget of its own, so that explain says what
     * is decided without it. */
    struct match_budget spare;
    const struct match_input for_explain = {in->set, in->message, in->route, in->facts, &spare};
    decision->result = MATCH_YES;
    decision->directions = match_directions(rule, in->message->owner) & in->route->directions;
    for (const struct match *const *match = conditions; *match != NULL; match++) {
        if (!(*match)->is_set(rule))
            continue;
        struct buffer found = {0};
        enum match_result result = (*match)->match(in, rule, explain ? &found : NULL);
        decision->result = join(decision->result, result);
        if (result == MATCH_UNDECIDED)
            decision->undecided |= 1u << (match - conditions);
        if (explain)
            add_reason(decision, *match, result, &found);
        else if (result == MATCH_NO)
            break;
        if (result == MATCH_NO && in == of_message) {
            spare = *of_message->budget;
            in = &for_explain;
        }
    }
    if (decision->result == MATCH_NO)
        decision->undecided = 0;
    decision->skipped = decision->result == MATCH_UNDECIDED && rule->skip_undecided;
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

/* A target chosen for certain by one rule is not in doubt because another is. */
static void choose_target(struct target_decision *target, const struct rule_decision *by,
                          unsigned undecided)
{
    if (target->n_rules > 0 && target->rules[target->n_rules - 1] == by->rule)
        return; /* duplicate */
    target->undecided = target->n_rules > 0 && (target->undecided == 0 || undecided == 0)
                            ? 0
                            : target->undecided | undecided;
    target->rules = xreallocarray(target->rules, target->n_rules + 1, sizeof(const struct rule *));
    target->rules[target->n_rules++] = by->rule;
}

static void choose_targets(struct decision *decision, const struct rule_decision *by,
                           unsigned undecided)
{
    for (char **name = by->rule->targets; *name != NULL; name++)
        choose_target(find_target(decision, *name), by, undecided);
}

static bool has_targets(const struct rule *rule)
{
    return !rule->exempt && rule->targets != NULL && rule->targets[0] != NULL;
}

/*
 * YES if an exempt rule matches, NEEDS_BODY if one may, UNDECIDED if one would but for a doubt:
 * then *undecided are the conditions in doubt.
 */
static enum match_result find_exempt(struct decision *decision, unsigned *undecided)
{
    enum match_result result = MATCH_NO;
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *by = &decision->rules[i];
        if (by->result == MATCH_NO || !by->rule->exempt)
            continue;
        if (by->result == MATCH_YES) {
            decision->exempt = true;
            decision->exempt_by = by->rule;
            return MATCH_YES;
        }
        *undecided |= by->undecided;
        if (by->result > result)
            result = by->result;
    }
    return result;
}

static void conclude(struct decision *decision)
{
    unsigned exempt_undecided = 0;
    enum match_result exempt = find_exempt(decision, &exempt_undecided);
    if (exempt == MATCH_YES)
        return;
    bool unread = false, wanted = false;
    for (size_t i = 0; i < decision->n_rules; i++) {
        const struct rule_decision *by = &decision->rules[i];
        if (by->result == MATCH_NO || !has_targets(by->rule))
            continue;
        if (by->skipped) {
            decision->skipped |= by->undecided;
            continue;
        }
        wanted = true;
        if (by->result == MATCH_NEEDS_BODY || exempt == MATCH_NEEDS_BODY)
            unread = true;
        else
            choose_targets(decision, by, by->undecided | exempt_undecided);
    }
    if (wanted)
        decision->result = unread ? MATCH_NEEDS_BODY : MATCH_YES;
}

bool decide_needs_body(const struct rule_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        for (const struct match *const *match = conditions; *match != NULL; match++)
            if ((*match)->needs == NEEDS_BODY && (*match)->is_set(&set->rules[i]))
                return true;
    return false;
}

static unsigned body_warnings(const struct rule_set *set, const struct message *message)
{
    bool doubt = message->body != NULL && message->body->doubt != 0;
    return doubt && decide_needs_body(set) ? WARNING_BODY_LIMITED : 0;
}

struct decision *decide(const struct rule_set *set, const struct message *message, bool explain)
{
    assert(set->subject_prefix[0] != NULL); /* rules_prepare() was called */
    assert(message->owner != NULL && message->header != NULL);
    struct decision *decision = xcalloc(1, sizeof(*decision));
    decision->result = MATCH_NO;
    decision->route = route_find(set, message);
    decision->route->warnings |= body_warnings(set, message);
    decision->rules = xcalloc(set->count, sizeof(*decision->rules));
    decision->n_rules = set->count;

    struct facts facts = {.header = message->header};
    struct match_budget budget = match_budget();
    const struct match_input in = {set, message, decision->route, &facts, &budget};
    for (size_t i = 0; i < set->count; i++) {
        decision->rules[i].rule = &set->rules[i];
        evaluate(&in, explain, &decision->rules[i]);
    }
    conclude(decision);
    if (decision->exempt)
        decision->exempt_basis = match_exempt_basis(&in, decision->exempt_by);
    facts_clear(&facts);
    assert(decision->result != MATCH_YES || decision->n_targets > 0);
    assert(decision->result != MATCH_NEEDS_BODY || message->body == NULL);
    assert(!decision->exempt || decision->n_targets == 0);
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
    free(decision->exempt_basis);
    free(decision->targets);
    route_free(decision->route);
    free(decision);
}

/* All conditions but the direction, as far as they depend on the owner alone. NEEDS_BODY: there are
 * others. */
static enum match_result evaluate_owner(const struct rule *rule, const struct owner *owner)
{
    const struct message message = {.owner = owner};
    struct match_budget budget = match_budget();
    const struct match_input in = {.message = &message, .budget = &budget};
    enum match_result result = MATCH_YES;
    for (const struct match *const *match = conditions; *match != NULL; match++) {
        if (*match == &match_direction || !(*match)->is_set(rule))
            continue;
        if (*match == &match_exempt && match_exempt_owner(rule, owner))
            continue;
        enum match_result one =
            (*match)->needs == NEEDS_OWNER ? (*match)->match(&in, rule, NULL) : MATCH_NEEDS_BODY;
        result = join(result, one);
    }
    return result;
}

static enum match_result evaluate_before_fetch(const struct rule *rule, const struct owner *owner,
                                               unsigned certain)
{
    unsigned chosen = match_directions(rule, owner);
    bool never = !rule->exempt && (!has_targets(rule) || !(rule->sample > 0));
    if (chosen == 0 || never)
        return MATCH_NO;
    return join(evaluate_owner(rule, owner),
                (chosen & certain) == certain ? MATCH_YES : MATCH_NEEDS_BODY);
}

const struct rule *decide_exempt_owner(const struct rule_set *set, const struct owner *owner,
                                       enum folder_role role)
{
    unsigned directions = route_certain(role);
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i].exempt &&
            evaluate_before_fetch(&set->rules[i], owner, directions) == MATCH_YES)
            return &set->rules[i];
    return NULL;
}

enum match_result decide_before_fetch(const struct rule_set *set, const struct owner *owner,
                                      enum folder_role role)
{
    unsigned directions = route_certain(role);
    bool header_needed = false, certain = false, exempt_needed = false;
    for (size_t i = 0; i < set->count; i++) {
        const struct rule *rule = &set->rules[i];
        enum match_result result = evaluate_before_fetch(rule, owner, directions);
        if (rule->exempt && result == MATCH_YES)
            return MATCH_NO;
        exempt_needed |= rule->exempt && result > MATCH_YES;
        certain |= !rule->exempt && result == MATCH_YES;
        header_needed |= !rule->exempt && result > MATCH_YES;
    }
    if (certain && !exempt_needed)
        return MATCH_YES;
    return certain || header_needed ? MATCH_NEEDS_BODY : MATCH_NO;
}

bool rule_covers(const struct rule *rule, const struct owner *owner, enum direction direction)
{
    return !rule->exempt && rule->sample > 0 && (match_directions(rule, owner) & direction) != 0 &&
           evaluate_owner(rule, owner) != MATCH_NO;
}
