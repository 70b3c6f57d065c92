#include <string.h>
#include <strings.h>

#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "rules/util/memory.h"

enum { DEFAULT_KEEP = 86400, KEEP_MAX = 30 * 86400 };

/* "" is the null sender, which is the default. */
static char *load_sender(const struct config_section *section)
{
    const struct config_value *value = config_value(section, "sender");
    char *sender;

    if (value == NULL || *value->text == '\0')
        return xstrdup("");
    sender = config_section_address(section, "sender");
    return sender != NULL ? sender : xstrdup("");
}

static void check_addresses(const struct config_section *section, const struct reflector *reflector)
{
    if (reflector->address != NULL && reflector->reply_to != NULL &&
        strcasecmp(reflector->address, reflector->reply_to) == 0)
        config_section_problem(section, config_value(section, "reply_to"),
                               "reply_to is the address that probes are sent to: replies would "
                               "loop back to this reflector");
}

static struct reflector *load_reflector(const struct config_loader *loader,
                                        const struct config_section *section)
{
    static const char *const required[] = {"account", "reply_to", "secret_file", NULL};
    struct reflector *reflector = xcalloc(1, sizeof(*reflector));

    config_check_name(section);
    reflector->name = xstrdup(section->name);
    reflector->file = xstrdup(section->source->path);
    reflector->line = section->line;
    config_section_required(section, required);
    reflector->account = config_section_mailbox(loader, section, "account");
    reflector->server = config_account_server(loader, section, reflector->account, "smtp");
    reflector->address = config_section_address(section, "address");
    if (config_missing(section, "address") && reflector->account != NULL &&
        reflector->account->address != NULL)
        reflector->address = xstrdup(reflector->account->address);
    reflector->reply_to = config_section_address(section, "reply_to");
    check_addresses(section, reflector);
    reflector->folder = config_section_folder(section, "folder", "INBOX");
    reflector->secret_file = config_section_keys(section, "secret_file");
    reflector->sender = load_sender(section);
    reflector->keep = DEFAULT_KEEP;
    config_duration(section, "keep", 0, KEEP_MAX, &reflector->keep);
    config_bool(section, "dedicated", &reflector->dedicated);
    return reflector;
}

void config_load_reflectors(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;
    struct config_section *sections =
        config_sections(source, "reflector", loader->problems, &config->n_reflectors);

    config->reflectors = xcalloc(config->n_reflectors, sizeof(*config->reflectors));
    for (size_t i = 0; i < config->n_reflectors; i++)
        config->reflectors[i] = load_reflector(loader, &sections[i]);
    free(sections);
}
