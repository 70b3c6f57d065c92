#include <string.h>

#include "agent/config/folder_pattern.h"
#include "agent/config/sections/loader.h"
#include "rules/util/memory.h"

enum { DEFAULT_ALARM_AFTER = 3600, ALARM_AFTER_MAX = 7 * 86400 };

static void load_folder(const struct config_section *section, struct target *target)
{
    const struct config_value *value = config_value(section, "folder");
    const char *fault;

    target->folder = xstrdup(value != NULL ? value->text : "INBOX");
    if (value != NULL && (fault = folder_name_check(value->text)) != NULL)
        config_section_problem(section, value, "folder \"%.200s\" %s", value->text, fault);
}

static void load_form(const struct config_section *section, struct target *target)
{
    static const char *const names[] = {"rewritten", "attached", "headers", NULL};
    const struct config_value *value = config_value(section, "form");

    target->form = COPY_REWRITTEN;
    if (value == NULL)
        return;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], value->text) == 0) {
            target->form = (enum copy_form)i;
            return;
        }
    }
    config_expect(section, "form", value, "rewritten, attached or headers");
}

/* A rewritten copy keeps the Reply-To of the original. */
static void load_reply_to(const struct config_section *section, struct target *target)
{
    const struct config_value *value = config_value(section, "reply_to");

    target->reply_to = config_section_address(section, "reply_to");
    if (value != NULL && target->form == COPY_REWRITTEN)
        config_section_warning(section, value, "reply_to has no effect with form = \"rewritten\"");
}

static struct target *load_target(const struct config_loader *loader,
                                  const struct config_section *section)
{
    struct target *target = xcalloc(1, sizeof(*target));

    config_check_name(section);
    target->name = xstrdup(section->name);
    target->file = xstrdup(section->source->path);
    target->line = section->line;
    target->server = config_section_server(loader, section, "imap");
    target->login = config_string(section, "login");
    if (config_missing(section, "login"))
        config_section_problem(section, NULL, "login is missing");
    config_section_secret(section, target->server, &target->secret);
    load_folder(section, target);
    load_form(section, target);
    load_reply_to(section, target);
    target->alarm_after = DEFAULT_ALARM_AFTER;
    config_duration(section, "alarm_after", 60, ALARM_AFTER_MAX, &target->alarm_after);
    return target;
}

static bool same_place(const struct target *a, const struct target *b)
{
    return a->server != NULL && a->server == b->server && a->login != NULL && b->login != NULL &&
           strcmp(a->login, b->login) == 0 && strcmp(a->folder, b->folder) == 0;
}

static void warn_of_same_place(const struct config_section *section, const struct config *config,
                               const struct target *target)
{
    for (size_t i = 0; i < config->n_targets && config->targets[i] != target; i++) {
        if (same_place(config->targets[i], target))
            config_section_warning(section, NULL,
                                   "delivers to the same mailbox and folder as target \"%s\": a "
                                   "message for both is copied there twice",
                                   config->targets[i]->name);
    }
}

void config_load_targets(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;
    struct config_section *sections =
        config_sections(source, "target", loader->problems, &config->n_targets);

    config->targets = xcalloc(config->n_targets, sizeof(*config->targets));
    for (size_t i = 0; i < config->n_targets; i++) {
        config->targets[i] = load_target(loader, &sections[i]);
        name_index_add(loader->targets, config->targets[i]->name, config->targets[i]);
        warn_of_same_place(&sections[i], config, config->targets[i]);
    }
    free(sections);
}
