#include "agent/check.h"

#include <sysexits.h>

#include "agent/config.h"

static void summary(FILE *err, const char *path, size_t errors, size_t warnings)
{
    if (errors > 0)
        fprintf(err, "%s: %zu error%s, %zu warning%s: the configuration cannot be used\n", path,
                errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

int check_configuration(const char *path, FILE *out, FILE *err)
{
    struct config_problems problems = {0};
    struct config *config = config_load(path, &problems);
    size_t errors = config_errors(&problems);

    config_problems_print(&problems, err);
    summary(err, path, errors, problems.count - errors);
    if (config != NULL) {
        fprintf(out, "# %s: %zu account%s, %zu target%s, %zu rule%s\n# rules %s\n\n", path,
                config->n_accounts, config->n_accounts == 1 ? "" : "s", config->n_targets,
                config->n_targets == 1 ? "" : "s", config->rules->count,
                config->rules->count == 1 ? "" : "s", config->rules_digest);
        config_print(config, out);
    }
    int status = config != NULL ? EX_OK : EX_CONFIG;
    config_problems_clear(&problems);
    config_free(config);
    return status;
}
