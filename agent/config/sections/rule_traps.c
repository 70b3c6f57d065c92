#include "agent/config/sections/rule_traps.h"

#include <string.h>
#include <strings.h>

#include "agent/config/syntax/names.h"
#include "rules/match/decide.h"
#include "rules/util/memory.h"

/* Pairs of a rule and an account that are compared; of more, `mailvigil users` shows the result. */
#define REACH_PAIRS_MAX 200000u

/* ---- patterns ---- */

/* A glob without wildcards; it must be the whole text. */
static bool is_literal(const char *pattern)
{
    return *pattern != '/' && strpbrk(pattern, "*?") == NULL;
}

static void check_text(const struct config_section *section, const char *key,
                       const struct config_value *value)
{
    if (is_literal(value->text) && *value->text != '\0')
        config_section_warning(section, value,
                               "%s: \"%.64s\" matches only a text that consists of nothing else; "
                               "to find it anywhere, write \"*%.64s*\"",
                               key, value->text, value->text);
}

static void check_address(const struct config_section *section, const char *key,
                          const struct config_value *value)
{
    const char *text = value->text, *bare = text + (*text == '@');

    if (*text == '/' || *text == '\0')
        return;
    if (strchr(text, '<') != NULL)
        config_section_warning(section, value,
                               "%s: \"%.64s\" never matches: a glob is compared with the address "
                               "alone, without a display name and angle brackets",
                               key, text);
    else if (strpbrk(bare, "*?@") == NULL)
        config_section_warning(section, value,
                               "%s: \"%.64s\" never matches an address; for all addresses of a "
                               "domain, write \"*@%.64s\"",
                               key, text, bare);
}

static void check_attachment(const struct config_section *section, const char *key,
                             const struct config_value *value)
{
    const char *text = value->text, *bare = text + (*text == '.');

    if (strcmp(text, "any") == 0 || *text == '\0' || !is_literal(text) || strchr(text, '/') != NULL)
        return;
    if (strcasecmp(text, "any") == 0)
        config_section_warning(section, value,
                               "%s: \"%.64s\" matches only a file of that name; for any "
                               "attachment, write \"any\" in lower case",
                               key, text);
    else if (strchr(bare, '.') == NULL)
        config_section_warning(section, value,
                               "%s: \"%.64s\" matches only a file of exactly that name; for names "
                               "that end in it, write \"*.%.64s\"",
                               key, text, bare);
}

/* Values of structured fields are often compared as a whole, those of texts and addresses never. */
static void check_header(const struct config_section *section, const char *key,
                         const struct config_value *value)
{
    static const char *const free_text[] = {"Subject",  "Comments", "From",     "To",
                                            "Cc",       "Bcc",      "Reply-To", "Sender",
                                            "Received", "Keywords"};
    const char *colon = strchr(value->text, ':');
    size_t len = strcspn(value->text, ": \t");

    if (colon == NULL || !is_literal(colon + 1 + strspn(colon + 1, " \t")))
        return;
    for (size_t i = 0; i < sizeof(free_text) / sizeof(*free_text); i++) {
        const char *pattern = colon + 1 + strspn(colon + 1, " \t");
        if (*pattern != '\0' && strlen(free_text[i]) == len &&
            strncasecmp(free_text[i], value->text, len) == 0)
            config_section_warning(section, value,
                                   "%s: \"%.64s\" matches only a field that consists of nothing "
                                   "else; to find it anywhere, write \"%s: *%.64s*\"",
                                   key, value->text, free_text[i], pattern);
    }
}

static void check_patterns(const struct config_section *section)
{
    static const struct {
        const char *key;
        void (*check)(const struct config_section *, const char *, const struct config_value *);
    } keys[] = {
        {"subject", check_text},          {"body", check_text},
        {"from", check_address},          {"to", check_address},
        {"header", check_header},         {"addresses", check_address},
        {"attachment", check_attachment},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        for (size_t n = 0; n < config_count(section, keys[i].key); n++)
            keys[i].check(section, keys[i].key, config_value_n(section, keys[i].key, n));
}

/* ---- rules that select nothing ---- */

static bool covers(const struct rule *rule, const struct owner *owner)
{
    return rule_covers(rule, owner, DIRECTION_INCOMING) ||
           rule_covers(rule, owner, DIRECTION_OUTGOING) ||
           rule_covers(rule, owner, DIRECTION_INTERNAL);
}

/* The exempt rules and, last, the rule; a shallow copy. */
static struct rule_set with_exemptions(const struct rule_set *all, const struct rule *rule)
{
    struct rule_set set = {.rules = xcalloc(all->count + 1, sizeof(*set.rules))};

    for (size_t i = 0; i < all->count; i++)
        if (all->rules[i].exempt)
            set.rules[set.count++] = all->rules[i];
    set.rules[set.count++] = *rule;
    return set;
}

/* How far a rule comes: each stage is reached by one of the watched accounts. */
enum reach { REACHES_NOBODY, REACHES_UNSELECTED, REACHES_EXEMPT, REACHES };

static enum reach reach_one(const struct rule *rule, const struct rule_set *exempting,
                            const struct account *account)
{
    struct owner owner = account_owner(account);

    owner.monitor = true;
    if (!covers(rule, &owner))
        return REACHES_NOBODY;
    owner.monitor = account->monitor;
    if (!account->monitor && !covers(rule, &owner))
        return REACHES_UNSELECTED;
    bool left = decide_before_fetch(exempting, &owner, FOLDER_OTHER) != MATCH_NO ||
                decide_before_fetch(exempting, &owner, FOLDER_SENT) != MATCH_NO;
    return left ? REACHES : REACHES_EXEMPT;
}

static enum reach find_reach(const struct config *config, const struct rule *rule)
{
    struct rule_set exempting = with_exemptions(config->rules, rule);
    enum reach best = REACHES_NOBODY;

    for (size_t i = 0; i < config->n_accounts && best < REACHES; i++) {
        if (!config->accounts[i]->watch)
            continue;
        enum reach one = reach_one(rule, &exempting, config->accounts[i]);
        best = one > best ? one : best;
    }
    free(exempting.rules);
    return best;
}

static bool selects_any_direction(const struct rule *rule)
{
    return rule->incoming != SELECT_NONE || rule->outgoing != SELECT_NONE ||
           rule->internal != SELECT_NONE;
}

static bool any_selected(const struct config *config)
{
    for (size_t i = 0; i < config->n_accounts; i++)
        if (config->accounts[i]->watch && config->accounts[i]->monitor)
            return true;
    return false;
}

static bool any_watched(const struct config *config)
{
    for (size_t i = 0; i < config->n_accounts; i++)
        if (config->accounts[i]->watch)
            return true;
    return false;
}

/* What is reported elsewhere, for the rule or for all, is not repeated. */
static void check_reach(const struct config *config, const struct rule *rule,
                        const struct config_section *section)
{
    if (rule->exempt || !any_watched(config) || !selects_any_direction(rule) || rule->sample <= 0)
        return;
    enum reach reach = find_reach(config, rule);
    if (reach == REACHES_NOBODY)
        config_section_warning(section, config_value(section, "users"),
                               "no watched account is left by users and not_users: the rule "
                               "selects nothing");
    else if (reach == REACHES_UNSELECTED && any_selected(config))
        config_section_warning(section, config_value(section, "users"),
                               "applies to selected accounts only, and none of its accounts has "
                               "monitor = true: the rule selects nothing");
    else if (reach == REACHES_EXEMPT)
        config_section_warning(section, NULL,
                               "all mail that it could select is exempt by other rules: it copies "
                               "nothing; \"mailvigil users\" shows who is exempt");
}

/* ---- rules that are there twice ---- */

/* Names that differ in case or punctuation only are one name to most readers. */
static void check_name(struct name_index *names, const struct config_section *section)
{
    char *folded = xstrdup(section->name);
    const struct config_section *first;

    names_lower(folded);
    for (char *c = folded; *c != '\0'; c++)
        *c = strchr("._-@+", *c) != NULL ? '-' : *c;
    if (!name_index_add(names, folded, section)) {
        first = name_index_get(names, folded);
        if (strcmp(first->name, section->name) != 0)
            config_section_warning(section, NULL,
                                   "differs from the name of rule \"%s\" (%s, line %d) only in "
                                   "case or punctuation: rename one of them",
                                   first->name, first->source->path, first->line);
    }
    free(folded);
}

/* Samples of equal rules differ, since each is drawn by the rule's name. */
static void check_content(struct name_index *contents, const struct rule *rule,
                          const struct config_section *section)
{
    if (rule->sample < 100)
        return;
    char *text = config_rule_text(rule);
    const struct config_section *first;
    if (!name_index_add(contents, text, section)) {
        first = name_index_get(contents, text);
        config_section_warning(section, NULL,
                               "has the same conditions and targets as rule \"%s\" (%s, line %d): "
                               "remove one of them",
                               first->name, first->source->path, first->line);
    }
    free(text);
}

void rule_traps_check(const struct config_loader *loader, const struct config_section *sections)
{
    const struct rule_set *set = loader->config->rules;
    struct name_index *names = name_index_new(), *contents = name_index_new();
    bool reach = set->count * loader->config->n_accounts <= REACH_PAIRS_MAX;

    for (size_t i = 0; i < set->count; i++) {
        check_patterns(&sections[i]);
        if (reach)
            check_reach(loader->config, &set->rules[i], &sections[i]);
        check_name(names, &sections[i]);
        check_content(contents, &set->rules[i], &sections[i]);
    }
    name_index_free(names);
    name_index_free(contents);
}
