/* What sections of every kind read in the same way. */
#include <string.h>

#include "agent/config_loader.h"
#include "agent/config_names.h"
#include "agent/config_units.h"
#include "agent/secret.h"
#include "rules/memory.h"

void config_strings_add(char ***list, size_t *count, char *text)
{
    /* Doubled at each power of two; one place is for the NULL. */
    if ((*count & (*count + 1)) == 0)
        *list = xreallocarray(*list, *count * 2 + 2, sizeof(**list));
    (*list)[(*count)++] = text;
    (*list)[*count] = NULL;
}

void config_strings_free(char **list)
{
    for (char **text = list; text != NULL && *text != NULL; text++)
        free(*text);
    free(list);
}

char **config_strings(const struct config_section *section, const char *key)
{
    size_t count = config_count(section, key);
    char **list = xcalloc(count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = xstrdup(config_value_n(section, key, i)->text);
    return list;
}

void config_check_name(const struct config_section *section)
{
    const char *expected = names_section(section->name);

    if (expected != NULL)
        config_section_problem(section, NULL, "expected %s", expected);
}

void config_duration(const struct config_section *section, const char *key, unsigned least,
                     unsigned most, unsigned *seconds)
{
    const struct config_value *value = config_value(section, key);
    unsigned read;

    if (value == NULL || !config_expect(section, key, value, units_duration(value->text, &read)))
        return;
    if (read < least || read > most)
        config_section_problem(section, value, "%s is \"%s\"; expected %us to %us", key,
                               value->text, least, most);
    else
        *seconds = read;
}

void config_bool(const struct config_section *section, const char *key, bool *result)
{
    const struct config_value *value = config_value(section, key);

    if (value != NULL)
        config_expect(section, key, value, units_bool(value->text, result));
}

char *config_string(const struct config_section *section, const char *key)
{
    const struct config_value *value = config_value(section, key);

    if (value == NULL)
        return NULL;
    if (value->text[0] == '\0') {
        config_section_problem(section, value, "%s is empty", key);
        return NULL;
    }
    return xstrdup(value->text);
}

static void check_secret_file(const struct config_section *section,
                              const struct config_value *value, const struct secret_source *secret)
{
    char *why = secret_check(secret);

    if (why != NULL)
        config_section_problem(section, value, "%s", why);
    free(why);
}

void config_section_secret(const struct config_section *section, const struct server *server,
                           struct secret_source *secret)
{
    const char *const keys[] = {"password_file", "password_command", "oauth_token_command"};
    char **const places[] = {&secret->password_file, &secret->password_command,
                             &secret->oauth_token_command};
    const struct config_value *first = NULL;
    const char *first_key = NULL;

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct config_value *value = config_value(section, keys[i]);
        if (value == NULL)
            continue;
        if (first != NULL) {
            config_section_problem(section, value, "%s and %s: only one of them can be given",
                                   first_key, keys[i]);
            continue;
        }
        first = value;
        first_key = keys[i];
        *places[i] = config_string(section, keys[i]);
    }
    secret->file = xstrdup(section->source->path);
    secret->line = first != NULL ? first->line : section->line;
    if (secret->password_file != NULL) {
        char *path = config_secret_path(secret->password_file, section->source->path);
        free(secret->password_file);
        secret->password_file = path;
        check_secret_file(section, first, secret);
    }
    bool missing = config_missing(section, keys[0]) && config_missing(section, keys[1]) &&
                   config_missing(section, keys[2]);
    if (missing && server != NULL && server->master_user == NULL)
        config_section_problem(section, NULL,
                               "how to sign in is missing: password_file, password_command or "
                               "oauth_token_command (server \"%s\" has no master_user)",
                               server->name);
}

void config_secret_clear(struct secret_source *secret)
{
    free(secret->password_file);
    free(secret->password_command);
    free(secret->oauth_token_command);
    free(secret->file);
    *secret = (struct secret_source){0};
}
