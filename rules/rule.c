#include "rules/rule.h"

#include <openssl/crypto.h>
#include <string.h>

#include "rules/pattern.h"
#include "rules/time/hours.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

struct rule_set *rule_set_new(void)
{
    return xcalloc(1, sizeof(struct rule_set));
}

struct rule *rule_set_add(struct rule_set *set)
{
    if (set->count == set->room) {
        set->room = set->room == 0 ? 8 : set->room * 2;
        set->rules = xreallocarray(set->rules, set->room, sizeof(*set->rules));
    }
    struct rule *rule = &set->rules[set->count++];
    *rule = (struct rule){.sample = 100};
    return rule;
}

/* A key that holds patterns. */
struct pattern_key {
    const char *key;
    char **texts;
    struct patterns **patterns;
};

#define PATTERN_KEYS 9

static void pattern_keys(struct rule *rule, struct pattern_key keys[PATTERN_KEYS])
{
    const struct pattern_key all[PATTERN_KEYS] = {
        {"addresses", rule->addresses, &rule->addresses_patterns},
        {"users", rule->users, &rule->users_patterns},
        {"not_users", rule->not_users, &rule->not_users_patterns},
        {"from", rule->from, &rule->from_patterns},
        {"to", rule->to, &rule->to_patterns},
        {"subject", rule->subject, &rule->subject_patterns},
        {"header", rule->header, &rule->header_patterns},
        {"body", rule->body, &rule->body_patterns},
        {"attachment", rule->attachment, &rule->attachment_patterns},
    };
    memcpy(keys, all, sizeof(all));
}

static void free_list(char **list)
{
    for (char **text = list; text != NULL && *text != NULL; text++)
        free(*text);
    free(list);
}

static void clear_rule(struct rule *rule)
{
    struct pattern_key keys[PATTERN_KEYS];
    pattern_keys(rule, keys);
    for (size_t i = 0; i < PATTERN_KEYS; i++) {
        free_list(keys[i].texts);
        patterns_free(*keys[i].patterns);
    }
    free_list(rule->targets);
    hours_free(rule->hours);
    free(rule->name);
    free(rule->file);
    free(rule->hours_text);
    free(rule->purpose);
    free(rule->approved_by);
}

void rule_set_free(struct rule_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        clear_rule(&set->rules[i]);
    free(set->rules);
    free_list(set->domains);
    free_list(set->removed_fields);
    for (size_t i = 0; i < 3; i++)
        free(set->subject_prefix[i]);
    OPENSSL_cleanse(set->key, sizeof(set->key));
    free(set);
}

struct complaints {
    rules_complain *complain;
    void *arg;
    const struct rule *rule;
    int count;
};

static void complain(struct complaints *complaints, const char *key, const char *what)
{
    complaints->count++;
    if (complaints->complain != NULL)
        complaints->complain(complaints->arg, complaints->rule, key, what);
}

/* The pattern in "X-Class: secret", or NULL if it is not preceded by a field name. */
static const char *header_pattern(const char *text)
{
    const char *c = text;
    while (*c > ' ' && *c <= '~' && *c != ':')
        c++;
    size_t name_len = (size_t)(c - text);
    c += strspn(c, " \t");
    if (name_len == 0 || *c != ':')
        return NULL;
    c++;
    return c + strspn(c, " \t");
}

static void compile_text(struct patterns *patterns, const struct pattern_key *key, const char *text,
                         struct complaints *complaints)
{
    const char *pattern = strcmp(key->key, "header") == 0 ? header_pattern(text) : text;
    char *mistake =
        pattern != NULL
            ? patterns_add(patterns, pattern)
            : xstrdup("is not a field name, a colon and a pattern, like \"X-Class: secret\"");
    if (mistake == NULL)
        return;
    char *what = xasprintf("\"%s\" %s", text, mistake);
    complain(complaints, key->key, what);
    free(what);
    free(mistake);
}

static void compile_key(const struct pattern_key *key, struct complaints *complaints)
{
    if (key->texts == NULL || *key->patterns != NULL)
        return;
    if (key->texts[0] == NULL)
        complain(complaints, key->key, "is an empty list, which matches nothing");
    *key->patterns = patterns_new();
    for (char **text = key->texts; *text != NULL; text++)
        compile_text(*key->patterns, key, *text, complaints);
}

static void compile_hours(struct rule *rule, zone_find *find_zone, struct complaints *complaints)
{
    if (rule->hours_text == NULL || rule->hours != NULL)
        return;
    char *mistake = NULL;
    rule->hours = hours_parse(rule->hours_text, find_zone, &mistake);
    if (rule->hours == NULL)
        complain(complaints, "hours", mistake);
    free(mistake);
}

/* Well-formed rules that contradict themselves. */
static void check_consistency(const struct rule *rule, struct complaints *complaints)
{
    if (!(rule->sample >= 0 && rule->sample <= 100))
        complain(complaints, "sample", "must be a percentage from 0 to 100");
    if (rule->has_min_size && rule->has_max_size && rule->min_size > rule->max_size)
        complain(complaints, "min_size", "is above max_size: no message can match");
    if (rule->has_since && rule->has_until && rule->since >= rule->until)
        complain(complaints, "since", "is after until: no message can match");
    if (!rule->exempt && rule->addresses != NULL)
        complain(complaints, "addresses",
                 "requires exempt = true; other rules use users, from and to");
    if (rule->exempt && rule->encrypted)
        complain(complaints, "encrypted", "is only claimed by a sender: it cannot exempt");
    if (rule->exempt && rule->addresses == NULL && rule->users == NULL)
        complain(complaints, "exempt",
                 "requires addresses or users: what a message says of itself exempts nobody");
}

static void prepare_rule(struct rule *rule, zone_find *find_zone, struct complaints *complaints)
{
    complaints->rule = rule;
    struct pattern_key keys[PATTERN_KEYS];
    pattern_keys(rule, keys);
    for (size_t i = 0; i < PATTERN_KEYS; i++)
        compile_key(&keys[i], complaints);
    compile_hours(rule, find_zone, complaints);
    check_consistency(rule, complaints);
}

static void lower_domains(struct rule_set *set)
{
    for (char **domain = set->domains; domain != NULL && *domain != NULL; domain++)
        for (char *c = *domain; *c != '\0'; c++)
            *c = octet_lower(*c);
}

int rules_prepare(struct rule_set *set, zone_find *find_zone, rules_complain *complain_to,
                  void *arg)
{
    static const char *const prefixes[] = {"{Mon-In} ", "{Mon-Out} ", "{Mon-Int} "};
    struct complaints complaints = {.complain = complain_to, .arg = arg};
    for (size_t i = 0; i < 3; i++)
        if (set->subject_prefix[i] == NULL)
            set->subject_prefix[i] = xstrdup(prefixes[i]);
    lower_domains(set);
    for (size_t i = 0; i < set->count; i++)
        prepare_rule(&set->rules[i], find_zone, &complaints);
    return complaints.count;
}

enum direction direction_main(unsigned directions)
{
    if ((directions & DIRECTION_OUTGOING) != 0)
        return DIRECTION_OUTGOING;
    return (directions & DIRECTION_INCOMING) != 0 ? DIRECTION_INCOMING : DIRECTION_INTERNAL;
}

const char *direction_text(unsigned directions, char buffer[40])
{
    static const struct {
        unsigned direction;
        const char *text;
    } texts[] = {{DIRECTION_INCOMING, "incoming"},
                 {DIRECTION_OUTGOING, "outgoing"},
                 {DIRECTION_INTERNAL, "internal"}};
    char *end = buffer;
    *end = '\0';
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if ((directions & texts[i].direction) == 0)
            continue;
        if (end > buffer)
            end = stpcpy(end, ", ");
        end = stpcpy(end, texts[i].text);
    }
    return buffer;
}
