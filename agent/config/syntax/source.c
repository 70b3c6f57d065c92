#include "agent/config/syntax/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/system/secret.h"
#include "imapclient/text/utf8.h"
#include "rules/util/memory.h"

/* ---- reading ---- */

static char *read_all(int fd, size_t size, const char **why)
{
    char *text = xmalloc(size + 1);
    size_t have = 0;

    while (have < size) {
        ssize_t got = read(fd, text + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    text[have] = '\0';
    *why = have < size ? "could not be read completely" : NULL;
    if (*why == NULL && strlen(text) != have)
        *why = "contains a NUL byte: not a text file";
    if (*why == NULL)
        return text;
    free(text);
    return NULL;
}

char *config_read_file(const char *path, const char **why)
{
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        *why = strerror(errno);
        return NULL;
    }
    if (fstat(fd, &st) != 0)
        *why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *why = "is not a regular file";
    else if (st.st_size > CONFIG_FILE_MAX)
        *why = "is larger than 16 MiB";
    else
        text = read_all(fd, (size_t)st.st_size, why);
    close(fd);
    return text;
}

/* libconfuse passes no argument of the caller's to its error function. Set only while it parses. */
static _Thread_local struct config_problems *current_problems;

/* Only what config/syntax/text.h did not find is reported here. */
static void confuse_error(cfg_t *cfg, const char *format, va_list arguments)
{
    char *text = xvasprintf(format, arguments);

    config_problem(current_problems, cfg->filename, cfg->line, "%s", text);
    free(text);
}

static void parse(struct config_source *source, struct config_problems *problems)
{
    FILE *in = memory_check(fmemopen(source->text->text, strlen(source->text->text), "r"));
    size_t before = config_errors(problems);

    source->cfg->filename = xstrdup(source->path);
    cfg_set_error_function(source->cfg, confuse_error);
    current_problems = problems;
    if (cfg_parse_fp(source->cfg, in) != CFG_SUCCESS && config_errors(problems) == before)
        config_problem(problems, source->path, source->cfg->line, "cannot be parsed from here on");
    current_problems = NULL;
    fclose(in);
}

/* Values go into logs, header fields and commands to servers. */
static const char *text_fault(const char *text)
{
    if (strlen(text) > CONFIG_VALUE_MAX)
        return "is longer than 8192 bytes";
    while (*text != '\0') {
        uint32_t point = utf8_next(&text);
        if (point == UTF8_INVALID)
            return "is not valid UTF-8";
        if ((point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0))
            return "contains a control character";
    }
    return NULL;
}

static void check_texts(const struct config_source *source, cfg_t *cfg,
                        struct config_problems *problems)
{
    for (unsigned i = 0; cfg->opts[i].name != NULL; i++) {
        cfg_opt_t *option = &cfg->opts[i];
        for (unsigned n = 0; option->type == CFGT_PTR && n < cfg_opt_size(option); n++) {
            const struct config_value *value = cfg_opt_getnptr(option, n);
            const char *fault = text_fault(value->text);
            if (fault != NULL)
                config_problem(problems, source->path, value->line, "the value of %s %s",
                               option->name, fault);
        }
    }
}

static void check_all_texts(const struct config_source *source, struct config_problems *problems)
{
    cfg_t *top = source->cfg;

    check_texts(source, top, problems);
    for (unsigned i = 0; top->opts[i].name != NULL; i++) {
        cfg_opt_t *option = &top->opts[i];
        for (unsigned n = 0; option->type == CFGT_SEC && n < cfg_opt_size(option); n++)
            check_texts(source, cfg_opt_getnsec(option, n), problems);
    }
}

struct config_source *config_source_read(const char *path, cfg_t *schema, const cfg_opt_t *known,
                                         struct config_problems *problems)
{
    struct config_source *source = xcalloc(1, sizeof(*source));
    const char *why;
    char *text = config_read_file(path, &why);

    source->path = xstrdup(path);
    if (text == NULL) {
        config_problem(problems, path, 0, "%s", why);
        cfg_free(schema);
        return source;
    }
    source->cfg = schema;
    source->text = config_text_make(text, schema->opts, known, path, problems);
    free(text);
    parse(source, problems);
    check_all_texts(source, problems);
    return source;
}

void config_source_free(struct config_source *source)
{
    if (source == NULL)
        return;
    if (source->cfg != NULL)
        cfg_free(source->cfg);
    config_text_free(source->text);
    free(source->path);
    free(source);
}

/* ---- sections and values ---- */

struct config_section config_top(const struct config_source *source,
                                 struct config_problems *problems)
{
    return (struct config_section){.source = source, .problems = problems, .cfg = source->cfg};
}

struct config_section *config_sections(const struct config_source *source, const char *kind,
                                       struct config_problems *problems, size_t *count)
{
    size_t at = 0;

    *count = source->cfg != NULL ? cfg_size(source->cfg, kind) : 0;
    struct config_section *sections = xcalloc(*count, sizeof(*sections));
    for (size_t i = 0; i < *count; i++) {
        cfg_t *cfg = cfg_getnsec(source->cfg, kind, (unsigned)i);
        sections[i] = (struct config_section){
            .source = source,
            .problems = problems,
            .cfg = cfg,
            .kind = kind,
            .name = cfg->title,
            .line = config_text_next_section(source->text, kind, &at),
        };
    }
    return sections;
}

size_t config_count(const struct config_section *section, const char *key)
{
    return section->cfg != NULL ? cfg_size(section->cfg, key) : 0;
}

const struct config_value *config_value_n(const struct config_section *section, const char *key,
                                          size_t n)
{
    return n < config_count(section, key) ? cfg_getnptr(section->cfg, key, (unsigned)n) : NULL;
}

const struct config_value *config_value(const struct config_section *section, const char *key)
{
    return config_value_n(section, key, 0);
}

bool config_missing(const struct config_section *section, const char *key)
{
    return config_value(section, key) == NULL &&
           !config_text_left_out(section->source->text, key, section->line);
}

/* ---- problems ---- */

static char *with_name(const struct config_section *section, const char *format, va_list arguments)
{
    char *text = xvasprintf(format, arguments);
    char *whole;

    if (section->kind == NULL)
        return text;
    whole = section->name != NULL
                ? xasprintf("%s \"%.64s\": %s", section->kind, section->name, text)
                : xasprintf("%s: %s", section->kind, text);
    free(text);
    return whole;
}

void config_section_problem(const struct config_section *section, const struct config_value *value,
                            const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = with_name(section, format, arguments);
    va_end(arguments);
    config_problem(section->problems, section->source->path,
                   value != NULL ? value->line : section->line, "%s", text);
    free(text);
}

void config_section_warning(const struct config_section *section, const struct config_value *value,
                            const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = with_name(section, format, arguments);
    va_end(arguments);
    config_warning(section->problems, section->source->path,
                   value != NULL ? value->line : section->line, "%s", text);
    free(text);
}

bool config_expect(const struct config_section *section, const char *key,
                   const struct config_value *value, const char *expected)
{
    if (expected != NULL)
        config_section_problem(section, value, "%s is \"%.200s\"; expected %s", key, value->text,
                               expected);
    return expected == NULL;
}

char *config_path(const char *path, const char *named_in)
{
    const char *slash = strrchr(named_in, '/');

    if (*path == '/' || slash == NULL)
        return xstrdup(path);
    return xasprintf("%.*s%s", (int)(slash + 1 - named_in), named_in, path);
}

char *config_secret_path(const char *path, const char *named_in)
{
    if (strncmp(path, SECRET_CREDENTIAL, strlen(SECRET_CREDENTIAL)) == 0)
        return xstrdup(path);
    return config_path(path, named_in);
}
