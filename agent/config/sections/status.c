#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "rules/util/memory.h"

#define DEFAULT_LISTEN "127.0.0.1:8025"

void config_load_status(struct config_loader *loader, const struct config_source *source)
{
    size_t count;
    struct config_section *sections = config_sections(source, "status", loader->problems, &count);

    if (count > 0) {
        const struct config_value *value = config_value(&sections[0], "listen");
        if (value != NULL)
            config_expect(&sections[0], "listen", value, names_listen(value->text));
        loader->config->status_listen = xstrdup(value != NULL ? value->text : DEFAULT_LISTEN);
    }
    free(sections);
}
