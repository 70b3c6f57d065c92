#include <string.h>
#include <time.h>

#include "agent/config/sections/lists.h"
#include "agent/config/sections/loader.h"
#include "agent/config/sections/rule_traps.h"
#include "agent/config/sections/zone_file.h"
#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "rules/util/memory.h"

enum { SECONDS_A_DAY = 86400 };

/* ---- one rule: what rules_prepare() does not check ---- */

static void load_selector(const struct config_section *section, const char *key,
                          enum selector *selector)
{
    static const char *const names[] = {"none", "selected", "all", NULL};
    const struct config_value *value = config_value(section, key);

    if (value == NULL)
        return;
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], value->text) == 0) {
            *selector = (enum selector)i;
            return;
        }
    }
    config_expect(section, key, value, "all, selected or none");
}

static void load_sizes(const struct config_section *section, struct rule *rule)
{
    const struct config_value *least = config_value(section, "min_size");
    const struct config_value *most = config_value(section, "max_size");

    if (least != NULL)
        rule->has_min_size =
            config_expect(section, "min_size", least, units_size(least->text, &rule->min_size));
    if (most != NULL)
        rule->has_max_size =
            config_expect(section, "max_size", most, units_size(most->text, &rule->max_size));
}

static void load_dates(const struct config_section *section, struct rule *rule)
{
    const struct config_value *since = config_value(section, "since");
    const struct config_value *until = config_value(section, "until");
    time_t last_day = 0;

    if (since != NULL)
        rule->has_since =
            config_expect(section, "since", since, units_date(since->text, &rule->since));
    if (until != NULL)
        rule->has_until =
            config_expect(section, "until", until, units_date(until->text, &last_day));
    rule->until = rule->has_until ? last_day + SECONDS_A_DAY : 0;
    if (rule->has_until && rule->until <= time(NULL))
        config_section_warning(section, until, "has expired: until is %s", until->text);
}

static void load_sample(const struct config_section *section, struct rule *rule)
{
    const struct config_value *value = config_value(section, "sample");

    if (value == NULL ||
        !config_expect(section, "sample", value, units_percent(value->text, &rule->sample)))
        return;
    if (rule->exempt)
        config_section_problem(section, value, "an exempt rule cannot have a sample");
    else if (rule->sample <= 0)
        config_section_warning(section, value, "sample is 0: the rule selects nothing");
}

static void load_undecided(const struct config_section *section, struct rule *rule)
{
    const struct config_value *value = config_value(section, "undecided");

    if (value == NULL)
        return;
    if (rule->exempt)
        config_section_problem(section, value,
                               "an exempt rule cannot have undecided: in doubt it never exempts");
    else if (strcmp(value->text, "skip") == 0)
        rule->skip_undecided = true;
    else if (strcmp(value->text, "copy") != 0)
        config_expect(section, "undecided", value, "copy or skip");
}

static char **list_or_null(const struct config_section *section, const char *key)
{
    return config_value(section, key) != NULL ? config_strings(section, key) : NULL;
}

/* "false" would let a sender keep a copy from being made. */
static void load_encrypted(const struct config_section *section, struct rule *rule)
{
    const struct config_value *value = config_value(section, "encrypted");

    config_bool(section, "encrypted", &rule->encrypted);
    if (value != NULL && !rule->encrypted)
        config_section_problem(section, value,
                               "encrypted can only be true: any sender may claim encryption");
}

static void load_conditions(const struct config_section *section, struct rule *rule)
{
    load_sizes(section, rule);
    load_dates(section, rule);
    load_sample(section, rule);
    load_undecided(section, rule);
    rule->addresses = list_or_null(section, "addresses");
    rule->users = list_or_null(section, "users");
    rule->not_users = list_or_null(section, "not_users");
    rule->from = list_or_null(section, "from");
    rule->to = list_or_null(section, "to");
    rule->subject = list_or_null(section, "subject");
    rule->header = list_or_null(section, "header");
    rule->body = list_or_null(section, "body");
    rule->attachment = list_or_null(section, "attachment");
    load_encrypted(section, rule);
    rule->hours_text = config_string(section, "hours");
    rule->purpose = config_string(section, "purpose");
    rule->approved_by = config_string(section, "approved_by");
}

/* A plain name among users must be an account's. */
static void check_users(const struct config_loader *loader, const struct config_section *section,
                        const char *key)
{
    for (size_t i = 0; i < config_count(section, key); i++) {
        const struct config_value *value = config_value_n(section, key, i);
        char hint[CONFIG_HINT_MAX], *lower = xstrdup(value->text);
        names_lower(lower);
        bool known = *value->text == '/' || strpbrk(value->text, "*?") != NULL ||
                     name_index_get(loader->accounts, value->text) != NULL ||
                     name_index_get(loader->addresses, lower) != NULL;
        const char *like = known ? NULL : name_index_suggest(loader->accounts, value->text);
        if (like == NULL && !known)
            like = name_index_suggest(loader->addresses, lower);
        if (!known)
            config_section_problem(section, value, "%s: unknown account \"%.64s\"%s", key,
                                   value->text, config_hint(hint, like));
        free(lower);
    }
}

static void check_exempt(const struct config_section *section)
{
    if (config_value(section, "targets") != NULL)
        config_section_problem(section, config_value(section, "targets"),
                               "an exempt rule copies nothing: it cannot have targets");
}

static void check_copying(const struct config_section *section, const struct rule *rule)
{
    if (config_missing(section, "targets"))
        config_section_problem(section, NULL, "targets is missing");
    if (config_missing(section, "incoming") && config_missing(section, "outgoing") &&
        config_missing(section, "internal"))
        config_section_problem(section, NULL,
                               "set at least one of incoming, outgoing and internal");
    else if (rule->incoming == SELECT_NONE && rule->outgoing == SELECT_NONE &&
             rule->internal == SELECT_NONE)
        config_section_warning(section, NULL,
                               "incoming, outgoing and internal are all none: the rule selects "
                               "nothing");
}

static void load_rule(struct config_loader *loader, struct config_lists *lists,
                      const struct config_section *section)
{
    struct rule *rule = rule_set_add(loader->config->rules);

    config_check_name(section);
    rule->name = xstrdup(section->name);
    rule->file = xstrdup(section->source->path);
    rule->line = section->line;
    load_selector(section, "incoming", &rule->incoming);
    load_selector(section, "outgoing", &rule->outgoing);
    load_selector(section, "internal", &rule->internal);
    config_bool(section, "exempt", &rule->exempt);
    load_conditions(section, rule);
    check_users(loader, section, "users");
    check_users(loader, section, "not_users");
    rule->targets = config_lists_targets(lists, section);
    if (rule->exempt) {
        check_exempt(section);
        config_check_exempt(loader, section);
    } else {
        check_copying(section, rule);
    }
}

/* ---- all rules ---- */

struct complaints {
    const struct rule_set *set;
    const struct config_section *sections; /* of the rules, in the set's order */
};

/* The value quoted in the complaint, or the first one of the key. */
static const struct config_value *complained(const struct config_section *section, const char *key,
                                             const char *what)
{
    if (cfg_getopt(section->cfg, key) == NULL)
        return NULL;
    for (size_t i = 0; i < config_count(section, key); i++) {
        const struct config_value *value = config_value_n(section, key, i);
        if (value->text[0] != '\0' && strstr(what, value->text) != NULL)
            return value;
    }
    return config_value(section, key);
}

static void complain(void *arg, const struct rule *rule, const char *key, const char *what)
{
    const struct complaints *complaints = arg;
    const struct config_section *section = &complaints->sections[rule - complaints->set->rules];

    config_section_problem(section, complained(section, key, what), "%s: %s", key, what);
}

/* The rule sections of all sources, in their order. */
static struct config_section *all_rules(const struct config_loader *loader, size_t *total)
{
    struct config_section *all = NULL;
    size_t count;

    *total = 0;
    for (size_t i = 0; i < loader->n_sources; i++) {
        struct config_section *sections =
            config_sections(loader->sources[i], "rule", loader->problems, &count);
        all = xreallocarray(all, *total + count, sizeof(*all));
        if (count > 0)
            memcpy(&all[*total], sections, count * sizeof(*all));
        *total += count;
        free(sections);
    }
    return all;
}

static void check_names(const struct config_section *sections, size_t count)
{
    struct name_index *names = name_index_new();

    for (size_t i = 0; i < count; i++) {
        const struct config_section *section = &sections[i], *first;
        if (name_index_add(names, section->name, section))
            continue;
        first = name_index_get(names, section->name);
        config_section_problem(section, NULL, "is already defined in %s, line %d",
                               first->source->path, first->line);
    }
    name_index_free(names);
}

/* The setting that is forgotten most often. */
static void check_selected(const struct config_loader *loader)
{
    const struct config *config = loader->config;
    bool selected = false, all = false;

    for (size_t i = 0; i < config->rules->count; i++) {
        const struct rule *rule = &config->rules->rules[i];
        if (rule->exempt)
            continue;
        selected |= rule->incoming == SELECT_SELECTED || rule->outgoing == SELECT_SELECTED ||
                    rule->internal == SELECT_SELECTED;
        all |= rule->incoming == SELECT_ALL || rule->outgoing == SELECT_ALL ||
               rule->internal == SELECT_ALL;
    }
    for (size_t i = 0; i < config->n_accounts; i++)
        selected &= !(config->accounts[i]->monitor && config->accounts[i]->watch);
    if (selected && !all && config->n_accounts > 0)
        config_warning(loader->problems, config->path, 0,
                       "every rule applies to selected accounts only, and none has monitor = true: "
                       "nothing will be copied");
}

void config_load_rules(struct config_loader *loader)
{
    size_t count;
    struct config_section *sections = all_rules(loader, &count);
    struct config_lists *lists = config_lists_load(loader);
    struct complaints complaints = {loader->config->rules, sections};

    check_names(sections, count);
    for (size_t i = 0; i < count; i++)
        load_rule(loader, lists, &sections[i]);
    config_lists_unused(lists);
    rules_prepare(loader->config->rules, zone_file_load, complain, &complaints);
    if (config_errors(loader->problems) == 0)
        rule_traps_check(loader, sections);
    check_selected(loader);
    config_lists_free(lists);
    free(sections);
}

/* ---- texts ---- */

void config_load_texts(struct config_loader *loader, const struct config_source *source)
{
    static const char *const keys[] = {"subject_incoming", "subject_outgoing", "subject_internal"};
    size_t count;
    struct config_section *sections = config_sections(source, "texts", loader->problems, &count);

    for (size_t i = 0; count > 0 && i < sizeof(keys) / sizeof(*keys); i++) {
        const struct config_value *value = config_value(&sections[0], keys[i]);
        if (value == NULL)
            continue;
        if (strlen(value->text) > CONFIG_PREFIX_MAX)
            config_section_problem(&sections[0], value, "%s is longer than %d bytes", keys[i],
                                   CONFIG_PREFIX_MAX);
        loader->config->rules->subject_prefix[i] = xstrdup(value->text);
    }
    free(sections);
}
