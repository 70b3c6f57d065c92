#include "agent/config/sections/lists.h"

#include <string.h>

#include "rules/util/memory.h"

struct list {
    struct config_section section;
    char **targets; /* once resolved; may be NULL */
    size_t n_targets;
    bool resolved;
};

struct config_lists {
    struct config_loader *loader;
    struct list *lists;
    size_t count;
    struct name_index *names; /* of lists */
    struct name_index *used;  /* of targets and lists */
};

/* ---- reading ---- */

static void add_list(struct config_lists *lists, const struct config_section *section, size_t place)
{
    const struct config_loader *loader = lists->loader;

    config_check_name(section);
    if (name_index_get(loader->targets, section->name) != NULL)
        config_section_problem(section, NULL, "a target has the same name");
    if (config_missing(section, "targets"))
        config_section_problem(section, NULL, "targets is missing");
    lists->lists[place].section = *section;
    if (!name_index_add(lists->names, section->name, &lists->lists[place])) {
        const struct list *first = name_index_get(lists->names, section->name);
        config_section_problem(section, NULL, "is already defined in %s, line %d",
                               first->section.source->path, first->section.line);
    }
}

static void read_all(struct config_lists *lists)
{
    struct config_loader *loader = lists->loader;
    size_t total = 0, count, n_names = 0;

    for (size_t i = 0; i < loader->n_sources; i++)
        total += loader->sources[i]->cfg != NULL ? cfg_size(loader->sources[i]->cfg, "list") : 0;
    lists->lists = xcalloc(total, sizeof(*lists->lists));
    for (size_t i = 0; i < loader->n_sources; i++) {
        struct config_section *sections =
            config_sections(loader->sources[i], "list", loader->problems, &count);
        for (size_t n = 0; n < count; n++)
            add_list(lists, &sections[n], lists->count++);
        free(sections);
    }
    for (size_t i = 0; i < lists->count; i++)
        config_strings_add(&loader->config->lists, &n_names, xstrdup(lists->lists[i].section.name));
    loader->config->n_lists = lists->count;
}

/* ---- resolving ---- */

static void add_once(char ***targets, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*targets)[i], name) == 0)
            return;
    config_strings_add(targets, count, xstrdup(name));
}

/* What a name means: a target, or a list's targets. false: the list is not resolved yet. */
static bool expand(const struct config_lists *lists, const char *name, char ***targets,
                   size_t *count)
{
    const struct target *target = name_index_get(lists->loader->targets, name);
    const struct list *list = name_index_get(lists->names, name);

    if (target != NULL) {
        add_once(targets, count, name);
        return true;
    }
    if (list == NULL) /* reported elsewhere */
        return true;
    for (size_t i = 0; list->resolved && i < list->n_targets; i++)
        add_once(targets, count, list->targets[i]);
    return list->resolved;
}

/* false: it names a list that is not resolved itself. */
static bool resolve(const struct config_lists *lists, struct list *list)
{
    bool whole = true;
    size_t members = config_count(&list->section, "targets");

    for (size_t i = 0; whole && i < members; i++)
        whole = expand(lists, config_value_n(&list->section, "targets", i)->text, &list->targets,
                       &list->n_targets);
    list->resolved = whole;
    return whole;
}

static const struct list *first_unresolved(const struct config_lists *lists,
                                           const struct list *list)
{
    for (size_t i = 0; i < config_count(&list->section, "targets"); i++) {
        const struct list *member =
            name_index_get(lists->names, config_value_n(&list->section, "targets", i)->text);
        if (member != NULL && !member->resolved)
            return member;
    }
    return NULL;
}

/* What is left refers to each other: following it from any of them leads into the cycle. */
static void report_cycle(const struct config_lists *lists, const struct list *list)
{
    for (size_t steps = 0; steps < lists->count; steps++)
        list = first_unresolved(lists, list);
    char *path = xstrdup(list->section.name);
    const struct list *next = list;
    do {
        next = first_unresolved(lists, next);
        char *longer = xasprintf("%s -> %s", path, next->section.name);
        free(path);
        path = longer;
    } while (next != list);
    config_section_problem(&list->section, config_value(&list->section, "targets"),
                           "lists include each other in a cycle: %s", path);
    free(path);
}

static void resolve_all(struct config_lists *lists)
{
    size_t left = lists->count, before;

    do {
        before = left;
        for (size_t i = 0; i < lists->count; i++)
            if (!lists->lists[i].resolved && resolve(lists, &lists->lists[i]))
                left--;
    } while (left > 0 && left < before);
    for (size_t i = 0; i < lists->count; i++) {
        if (!lists->lists[i].resolved && first_unresolved(lists, &lists->lists[i]) != NULL) {
            report_cycle(lists, &lists->lists[i]);
            break;
        }
    }
}

/* ---- names ---- */

static void check_name(const struct config_lists *lists, const struct config_section *section,
                       const struct config_value *value)
{
    const struct config_loader *loader = lists->loader;
    char hint[CONFIG_HINT_MAX];

    name_index_add(lists->used, value->text, value);
    if (name_index_get(loader->targets, value->text) != NULL ||
        name_index_get(lists->names, value->text) != NULL)
        return;
    const char *like = name_index_suggest(loader->targets, value->text);
    if (like == NULL)
        like = name_index_suggest(lists->names, value->text);
    config_section_problem(section, value, "\"%.64s\" is neither a target nor a list%s",
                           value->text, config_hint(hint, like));
}

static void check_names(const struct config_lists *lists, const struct config_section *section)
{
    for (size_t i = 0; i < config_count(section, "targets"); i++)
        check_name(lists, section, config_value_n(section, "targets", i));
}

struct config_lists *config_lists_load(struct config_loader *loader)
{
    struct config_lists *lists = xcalloc(1, sizeof(*lists));

    lists->loader = loader;
    lists->names = name_index_new();
    lists->used = name_index_new();
    read_all(lists);
    for (size_t i = 0; i < lists->count; i++)
        check_names(lists, &lists->lists[i].section);
    resolve_all(lists);
    return lists;
}

char **config_lists_targets(struct config_lists *lists, const struct config_section *section)
{
    char **targets = NULL;
    size_t count = 0;

    check_names(lists, section);
    for (size_t i = 0; i < config_count(section, "targets"); i++)
        expand(lists, config_value_n(section, "targets", i)->text, &targets, &count);
    return targets;
}

void config_lists_unused(const struct config_lists *lists)
{
    const struct config *config = lists->loader->config;

    for (size_t i = 0; i < config->n_targets; i++) {
        const struct target *target = config->targets[i];
        if (name_index_get(lists->used, target->name) == NULL)
            config_warning(lists->loader->problems, target->file, target->line,
                           "target \"%s\" is not used by any rule", target->name);
    }
    for (size_t i = 0; i < lists->count; i++) {
        const struct config_section *section = &lists->lists[i].section;
        if (name_index_get(lists->used, section->name) == NULL)
            config_section_warning(section, NULL, "not used by any rule");
    }
}

void config_lists_free(struct config_lists *lists)
{
    for (size_t i = 0; i < lists->count; i++)
        config_strings_free(lists->lists[i].targets);
    free(lists->lists);
    name_index_free(lists->names);
    name_index_free(lists->used);
    free(lists);
}
