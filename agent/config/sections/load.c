#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/config/sections/accounts_file.h"
#include "agent/config/sections/loader.h"
#include "agent/config/sections/target_place.h"
#include "agent/config/syntax/names.h"
#include "rules/util/memory.h"

#define DEFAULT_STATE_ROOT "/var/lib/mailvigil"
#define DEFAULT_RULES_DIR "rules.d"

enum {
    DEFAULT_INTERNAL_WAIT = 10,
    DEFAULT_IDLE_RENEW = 540,
    DEFAULT_POLL_INTERVAL = 60,
    DEFAULT_SAFETY_POLL = 600,
    IDLE_RENEW_MAX = 1740, /* servers may end a session after 30 minutes, RFC 9051 section 5.4 */
};

/* ---- the top of the main file ---- */

/* Part of Message-ID fields and file names. */
static const char *instance_expected(const char *text)
{
    if (strlen(text) <= 128 && names_domain(text) == NULL)
        return NULL;
    return "a name such as example.org: letters, digits and hyphens, dots between them";
}

static void load_instance(struct config *config, const struct config_section *top)
{
    const struct config_value *value = config_value(top, "instance");

    if (config_missing(top, "instance"))
        config_problem(top->problems, config->path, 0, "instance is missing");
    else if (value != NULL && config_expect(top, "instance", value, instance_expected(value->text)))
        config->instance = xstrdup(value->text);
}

static bool has(char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(list[i], text) == 0)
            return true;
    return false;
}

static void load_domains(struct config *config, const struct config_section *top)
{
    char **domains = NULL;
    size_t count = 0;

    if (config_missing(top, "domains"))
        config_problem(top->problems, config->path, 0,
                       "\"domains\" is not set: list the domains you treat as internal");
    for (size_t i = 0; i < config_count(top, "domains"); i++) {
        const struct config_value *value = config_value_n(top, "domains", i);
        if (!config_expect(top, "domains", value, names_domain(value->text)) ||
            has(domains, count, value->text))
            continue;
        char *domain = xstrdup(value->text);
        names_lower(domain);
        config_strings_add(&domains, &count, domain);
    }
    config->rules->domains = domains != NULL ? domains : xcalloc(1, sizeof(*domains));
}

/* Without these a message cannot be read any more. */
static const char *removed_expected(const char *name)
{
    static const char *const kept[] = {
        "From", "Date",         "Subject",      "Message-ID",
        "To",   "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    };

    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        if (strcasecmp(kept[i], name) == 0)
            return "a field that is not needed to read the message";
    return names_field(name);
}

static void load_removed_fields(struct config *config, const struct config_section *top)
{
    if (config_value(top, "removed_fields") == NULL)
        return;
    config->rules->removed_fields = config_strings(top, "removed_fields");
    for (size_t i = 0; i < config_count(top, "removed_fields"); i++) {
        const struct config_value *value = config_value_n(top, "removed_fields", i);
        config_expect(top, "removed_fields", value, removed_expected(value->text));
    }
}

static void load_directories(struct config *config, const struct config_section *top)
{
    char *state = config_string(top, "state_dir"), *rules = config_string(top, "rules_dir");

    if (state != NULL)
        config->state_dir = config_path(state, config->path);
    else
        config->state_dir = xasprintf("%s/%s", DEFAULT_STATE_ROOT,
                                      config->instance != NULL ? config->instance : "");
    config->rules_dir = config_path(rules != NULL ? rules : DEFAULT_RULES_DIR, config->path);
    free(state);
    free(rules);
}

static void load_times(struct config *config, const struct config_section *top)
{
    config->internal_wait = DEFAULT_INTERNAL_WAIT;
    config->idle_renew = DEFAULT_IDLE_RENEW;
    config->poll_interval = DEFAULT_POLL_INTERVAL;
    config->safety_poll = DEFAULT_SAFETY_POLL;
    config_duration(top, "internal_wait", 0, 3600, &config->internal_wait);
    config_duration(top, "idle_renew", 1, IDLE_RENEW_MAX, &config->idle_renew);
    config_duration(top, "poll_interval", 1, 86400, &config->poll_interval);
    config_duration(top, "safety_poll", 1, 86400, &config->safety_poll);
}

static void load_top(struct config_loader *loader, const struct config_source *source)
{
    struct config_section top = config_top(source, loader->problems);

    load_instance(loader->config, &top);
    load_domains(loader->config, &top);
    load_removed_fields(loader->config, &top);
    load_directories(loader->config, &top);
    load_times(loader->config, &top);
}

/* ---- files ---- */

static struct config_source *add_source(struct config_loader *loader, const char *path,
                                        cfg_t *schema, const cfg_opt_t *known)
{
    struct config_source *source = config_source_read(path, schema, known, loader->problems);

    loader->sources =
        xreallocarray(loader->sources, loader->n_sources + 1, sizeof(struct config_source *));
    loader->sources[loader->n_sources++] = source;
    return source;
}

static int is_rules_file(const struct dirent *entry)
{
    return fnmatch("*.conf", entry->d_name, FNM_PERIOD) == 0;
}

/* By byte value, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_rules_dir(struct config_loader *loader, const struct config_source *main_source)
{
    const char *directory = loader->config->rules_dir;
    struct config_section top = config_top(main_source, loader->problems);
    const struct config_value *named = config_value(&top, "rules_dir");
    struct dirent **entries;
    int count = scandir(directory, &entries, is_rules_file, by_name);

    if (count < 0 && (named != NULL || errno != ENOENT))
        config_problem(loader->problems, main_source->path, named != NULL ? named->line : 0,
                       "rules_dir %s: %s", directory, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = xasprintf("%s/%s", directory, entries[i]->d_name);
        add_source(loader, path, config_schema_rules(), main_source->cfg->opts);
        free(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void load_accounts_file(struct config_loader *loader, const struct config_source *source)
{
    struct config_section top = config_top(source, loader->problems);
    char *written = config_string(&top, "accounts_file");

    if (written == NULL)
        return;
    char *path = config_path(written, source->path);
    accounts_file_load(loader, path, config_value(&top, "accounts_file")->line);
    free(path);
    free(written);
}

static bool watches_anybody(const struct config *config)
{
    for (size_t i = 0; i < config->n_accounts; i++)
        if (config->accounts[i]->watch)
            return true;
    return false;
}

/* An instance that only probes needs neither rules nor watched accounts. */
static void warn_of_idleness(const struct config_loader *loader)
{
    const struct config *config = loader->config;
    bool probing = config->n_probes > 0 || config->n_reflectors > 0;

    if (!watches_anybody(config) && (config->rules->count > 0 || !probing))
        config_warning(loader->problems, config->path, 0,
                       "no account is %s: nothing will be monitored",
                       config->n_accounts > 0 ? "watched" : "configured");
    if (config->rules->count == 0 && (watches_anybody(config) || !probing))
        config_warning(loader->problems, config->path, 0,
                       "no rule is configured: nothing will be copied");
}

static void load_all(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;

    load_top(loader, source);
    load_rules_dir(loader, source);
    config_load_servers(loader, source);
    if (config->n_servers == 0)
        config_problem(loader->problems, config->path, 0, "no server is defined");
    config_load_accounts(loader, source);
    load_accounts_file(loader, source);
    config_load_targets(loader, source);
    target_place_check(loader);
    config_load_texts(loader, source);
    config_load_rules(loader);
    config_load_probes(loader, source);
    config_load_reflectors(loader, source);
    config_load_alerts(loader, source);
    config_load_status(loader, source);
    warn_of_idleness(loader);
}

/* ---- everything ---- */

static void loader_begin(struct config_loader *loader, const char *path,
                         struct config_problems *problems)
{
    *loader = (struct config_loader){.problems = problems};
    loader->config = xcalloc(1, sizeof(*loader->config));
    loader->config->path = xstrdup(path);
    loader->config->rules = rule_set_new();
    loader->servers = name_index_new();
    loader->targets = name_index_new();
    loader->probes = name_index_new();
    loader->accounts = name_index_new();
    loader->addresses = name_index_new();
    loader->logins = name_index_new();
}

static void loader_end(struct config_loader *loader)
{
    for (size_t i = 0; i < loader->n_sources; i++)
        config_source_free(loader->sources[i]);
    free(loader->sources);
    name_index_free(loader->servers);
    name_index_free(loader->targets);
    name_index_free(loader->probes);
    name_index_free(loader->accounts);
    name_index_free(loader->addresses);
    name_index_free(loader->logins);
}

struct config *config_load(const char *path, struct config_problems *problems)
{
    struct config_loader loader;
    size_t before = config_errors(problems);
    cfg_t *schema = config_schema_main();

    loader_begin(&loader, path, problems);
    const struct config_source *source = add_source(&loader, path, schema, schema->opts);
    if (source->cfg != NULL)
        load_all(&loader, source);
    loader_end(&loader);
    config_problems_sort(problems, path);
    if (config_errors(problems) > before) {
        config_free(loader.config);
        return NULL;
    }
    config_digest(loader.config);
    return loader.config;
}

struct config *config_load_place(const char *path, struct config_problems *problems)
{
    struct config_loader loader;
    cfg_t *schema = config_schema_main();

    loader_begin(&loader, path, problems);
    const struct config_source *source = add_source(&loader, path, schema, schema->opts);
    struct config_section top = config_top(source, problems);
    if (source->cfg != NULL) {
        load_instance(loader.config, &top);
        load_directories(loader.config, &top);
    }
    loader_end(&loader);
    config_problems_sort(problems, path);
    if (loader.config->instance != NULL)
        return loader.config;
    config_free(loader.config);
    return NULL;
}
