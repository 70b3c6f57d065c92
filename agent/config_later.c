/* Sections of what is to come: their keys are known and read, and nothing is done with them. */
#include <stdio.h>
#include <string.h>

#include "agent/config_loader.h"
#include "agent/config_names.h"
#include "agent/config_units.h"
#include "rules/memory.h"

static void check_duration(const struct config_section *section, const char *key)
{
    unsigned seconds = 0;

    config_duration(section, key, 1, 366 * 86400, &seconds);
}

static void check_type(const struct config_section *section)
{
    const struct config_value *value = config_value(section, "type");

    if (config_missing(section, "type"))
        config_section_problem(section, NULL, "type is missing");
    else if (value != NULL && strcmp(value->text, "imap") != 0 &&
             strcmp(value->text, "pop3") != 0 && strcmp(value->text, "smtp") != 0 &&
             strcmp(value->text, "roundtrip") != 0)
        config_expect(section, "type", value, "imap, pop3, smtp or roundtrip");
}

static void check_address(const struct config_section *section, const char *key)
{
    const struct config_value *value = config_value(section, key);

    if (value != NULL)
        config_expect(section, key, value, names_address(value->text));
}

static void check_probe(const struct config_section *section)
{
    static const char *const durations[] = {"every", "timeout",   "warn",      "crit",
                                            "lost",  "cert_warn", "cert_crit", NULL};

    check_type(section);
    for (size_t i = 0; durations[i] != NULL; i++)
        check_duration(section, durations[i]);
    check_address(section, "from");
    check_address(section, "to");
}

static void check_reflector(const struct config_section *section)
{
    check_address(section, "reply_to");
}

static void check_alert(const struct config_section *section)
{
    if (config_missing(section, "command"))
        config_section_problem(section, NULL, "command is missing");
}

static void check_status(const struct config_section *section)
{
    const struct config_value *value = config_value(section, "listen");

    if (config_missing(section, "listen"))
        config_section_problem(section, NULL, "listen is missing");
    else if (value != NULL)
        config_expect(section, "listen", value, names_listen(value->text));
}

static void load_kind(struct config_loader *loader, const struct config_source *source,
                      const char *kind, void (*check)(const struct config_section *section))
{
    size_t count;
    struct config_section *sections = config_sections(source, kind, loader->problems, &count);

    for (size_t i = 0; i < count; i++) {
        if (sections[i].name != NULL)
            config_check_name(&sections[i]);
        check(&sections[i]);
        config_section_warning(&sections[i], NULL, "not yet in use");
    }
    if (count > 0 && strcmp(kind, "status") == 0)
        loader->config->status_listen = config_string(&sections[0], "listen");
    free(sections);
}

void config_load_later(struct config_loader *loader, const struct config_source *source)
{
    load_kind(loader, source, "probe", check_probe);
    load_kind(loader, source, "reflector", check_reflector);
    load_kind(loader, source, "alert", check_alert);
    load_kind(loader, source, "status", check_status);
}
