#include "agent/command/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/command/coverage.h"
#include "agent/config/config.h"
#include "rules/util/memory.h"

static void summary(FILE *err, const char *path, size_t errors, size_t warnings)
{
    if (errors > 0)
        fprintf(err, "%s: %zu error%s, %zu warning%s: the configuration is not valid\n", path,
                errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

/* `run` creates the state directory, but not its parent. */
static void check_state_dir(FILE *err, const struct config *config)
{
    char *parent = xstrdup(config->state_dir), *slash = strrchr(parent, '/');

    if (slash != NULL && slash > parent) {
        *slash = '\0';
        if (access(parent, F_OK) != 0 && errno == ENOENT)
            fprintf(err, "%s: warning: state_dir %s: create %s before the first run\n",
                    config->path, config->state_dir, parent);
    }
    free(parent);
}

static void put_count(FILE *out, const char *before, size_t count, const char *what)
{
    fprintf(out, "%s%zu %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_counts(FILE *out, const char *path, const struct config *config)
{
    fprintf(out, "# %s: ", path);
    put_count(out, "", config->n_accounts, "account");
    put_count(out, ", ", config->n_targets, "target");
    put_count(out, ", ", config->rules->count, "rule");
    if (config->n_probes > 0)
        put_count(out, ", ", config->n_probes, "probe");
    if (config->n_reflectors > 0)
        put_count(out, ", ", config->n_reflectors, "reflector");
    fprintf(out, "\n# rules %s\n\n", config->rules_digest);
}

static bool names(char *const *folders, const char *name)
{
    for (; *folders != NULL; folders++)
        if (strcmp(*folders, name) == 0)
            return true;
    return false;
}

/* What a watched user may file where nobody looks. */
static void note_left_out(FILE *out, const struct config *config)
{
    const struct account *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < config->n_accounts; i++) {
        const struct account *account = config->accounts[i];

        if (!account->watch || !names(account->folders, "*") || names(account->folders, "**"))
            continue;
        first = n++ == 0 ? account : first;
    }
    if (n == 0)
        return;
    fprintf(out, "# note: account %s", first->name);
    if (n > 1)
        fprintf(out, " and %zu more", n - 1);
    fputs(": folders \"*\" leaves out drafts, junk, trash and folders that show all or flagged\n"
          "# mail, whatever their owner files there; \"**\" watches these too\n\n",
          out);
}

static bool is_for_probes(const struct config *config)
{
    if (config->rules->count > 0 || config->n_probes + config->n_reflectors == 0)
        return false;
    for (size_t i = 0; i < config->n_accounts; i++)
        if (config->accounts[i]->watch)
            return false;
    return true;
}

int check_monitoring(const struct config *config, FILE *err)
{
    if (is_for_probes(config))
        return 0;
    for (size_t i = 0; i < config->n_accounts; i++)
        if (coverage_reason(config, config->accounts[i]) == COVERAGE_MONITORED)
            return 0;
    fprintf(err, "%s: nobody is monitored, %s\n", config->path,
            config->rules->count == 0 ? "as there is no rule"
                                      : "\"mailvigil users\" says why for each account");
    return CHECK_FINDING;
}

int check_configuration(const char *path, FILE *out, FILE *err)
{
    struct config_problems problems = {0};
    struct config *config = config_load(path, &problems);
    size_t errors = config_errors(&problems);

    config_problems_print(&problems, err);
    summary(err, path, errors, problems.count - errors);
    int status = EX_CONFIG;
    if (config != NULL) {
        status = check_monitoring(config, err);
        check_state_dir(err, config);
        print_counts(out, path, config);
        note_left_out(out, config);
        config_print(config, out);
    }
    config_problems_clear(&problems);
    config_free(config);
    return status;
}
