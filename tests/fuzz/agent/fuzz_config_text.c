/* Whatever a file holds, what is left of it for libconfuse is well formed: libconfuse must take it
 * without a complaint, and leave its scanner fit for the next file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/syntax/schema.h"
#include "agent/config/syntax/text.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void complained(cfg_t *cfg, const char *format, va_list arguments)
{
    (void)cfg;
    vfprintf(stderr, format, arguments);
    abort();
}

static void parse(const struct config_text *text, cfg_t *cfg)
{
    FILE *in = fmemopen(text->text, strlen(text->text), "r");

    if (in == NULL)
        abort();
    cfg_set_error_function(cfg, complained);
    if (cfg_parse_fp(cfg, in) != CFG_SUCCESS)
        abort();
    fclose(in);
}

static void check_lines(const struct config_text *text)
{
    for (size_t i = 0; i < text->n_sections; i++)
        if (text->sections[i].line < 1 ||
            (i > 0 && text->sections[i].line < text->sections[i - 1].line))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_problems problems = {0};
    char *octets = xmemdup0(data, size);
    cfg_t *cfg = config_schema_main();
    struct config_text *text = config_text_make(octets, cfg->opts, cfg->opts, "fuzz", &problems);

    parse(text, cfg);
    check_lines(text);
    cfg_free(cfg);
    config_text_free(text);
    config_problems_clear(&problems);
    free(octets);
    return 0;
}
