/*
 * One parsed configuration file, and access to its sections and values.
 *
 * A struct config_section is a borrowed view of one section (or of a file's top), valid while its
 * source lives. Problems reported about it carry its file, the line of the key concerned, and its
 * name.
 */
#ifndef AGENT_CONFIG_SYNTAX_SOURCE_H
#define AGENT_CONFIG_SYNTAX_SOURCE_H

#include "agent/config/syntax/schema.h"
#include "agent/config/syntax/text.h"

#define CONFIG_FILE_MAX (16 * 1024 * 1024)
#define CONFIG_VALUE_MAX 8192 /* bytes of one value */

struct config_source {
    char *path;
    cfg_t *cfg; /* NULL: the file could not be read; a problem was reported */
    struct config_text *text;
};

/* The whole of a regular file, NUL-terminated; NULL: unusable, *why (static or
 * strerror's text) says why. A NUL byte is refused. */
char *config_read_file(const char *path, const char **why);

/* schema: config_schema_main() or config_schema_rules(); the source takes ownership. */
struct config_source *config_source_read(const char *path, cfg_t *schema, const cfg_opt_t *known,
                                         struct config_problems *problems);
void config_source_free(struct config_source *source);

struct config_section {
    const struct config_source *source;
    struct config_problems *problems;
    cfg_t *cfg;
    const char *kind; /* NULL: the file's top */
    const char *name; /* its title; NULL: none */
    int line;
};

struct config_section config_top(const struct config_source *source,
                                 struct config_problems *problems);
/* All sections of that kind in the file, in order; a new array of *count. */
struct config_section *config_sections(const struct config_source *source, const char *kind,
                                       struct config_problems *problems, size_t *count);

/* NULL: the key is not given. n-th value, from 0, of a list. */
const struct config_value *config_value(const struct config_section *section, const char *key);
const struct config_value *config_value_n(const struct config_section *section, const char *key,
                                          size_t n);
size_t config_count(const struct config_section *section, const char *key);

/* Whether the key is not set in the section; false also if it was left out as broken. */
bool config_missing(const struct config_section *section, const char *key);

/* value NULL: at the section's line. The text follows "account "alice": ". */
void config_section_problem(const struct config_section *section, const struct config_value *value,
                            const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_section_warning(const struct config_section *section, const struct config_value *value,
                            const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "key is "value"; expected ..."; nothing when expected is NULL, as units_*() return it.
 * Returns whether it was NULL. */
bool config_expect(const struct config_section *section, const char *key,
                   const struct config_value *value, const char *expected);

/* A path as the file that names it means it; new string. A secret's may begin with "credential:"
 * (secret.h), which is no path. */
char *config_path(const char *path, const char *named_in);
char *config_secret_path(const char *path, const char *named_in);

#endif
