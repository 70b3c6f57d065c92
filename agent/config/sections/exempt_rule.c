#include <string.h>
#include <strings.h>

#include "agent/config/sections/loader.h"

/* The keys that are about what the sender of a message wrote. */
static const char *written_by_senders(const struct config_section *section)
{
    static const char *const keys[] = {"from",       "to",       "subject",  "header", "body",
                                       "attachment", "min_size", "max_size", NULL};

    for (size_t i = 0; keys[i] != NULL; i++)
        if (config_value(section, keys[i]) != NULL)
            return keys[i];
    return NULL;
}

/* Whether all addresses that the pattern can match are in our domains; there may be none. */
static bool is_inside(const struct config *config, const char *pattern)
{
    const char *at = strrchr(pattern, '@');

    if (pattern[0] == '/' || at == NULL)
        return pattern[0] != '/' && strpbrk(pattern, "*?") == NULL;
    for (char *const *domain = config->rules->domains; *domain != NULL; domain++)
        if (strcasecmp(at + 1, *domain) == 0)
            return true;
    return false;
}

/* A server with a watched account whose own Authentication-Results are unknown, or NULL. */
static const struct server *find_unchecked(const struct config *config)
{
    for (size_t i = 0; i < config->n_accounts; i++) {
        const struct account *account = config->accounts[i];
        if (account->watch && account->server != NULL && account->server->authserv_id == NULL)
            return account->server;
    }
    return NULL;
}

void config_check_exempt(const struct config_loader *loader, const struct config_section *section)
{
    const struct server *server = find_unchecked(loader->config);
    const char *written = written_by_senders(section);

    if (config_value(section, "addresses") == NULL && written != NULL)
        config_section_warning(section, config_value(section, written),
                               "whoever writes a message decides by its %s whether it is exempt: "
                               "an exempt rule is safe with addresses",
                               written);
    for (size_t i = 0; server != NULL && i < config_count(section, "addresses"); i++) {
        const struct config_value *value = config_value_n(section, "addresses", i);
        if (is_inside(loader->config, value->text))
            continue;
        config_section_warning(section, value,
                               "addresses: \"%.100s\" may be outside, and server \"%s\" has no "
                               "authserv_id: whoever forges this From exempts a message",
                               value->text, server->name);
        return;
    }
}
