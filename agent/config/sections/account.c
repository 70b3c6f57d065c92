#include <string.h>
#include <strings.h>

#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "rules/util/memory.h"

static void check_address(const struct config_section *section, const char *key,
                          const struct config_value *value)
{
    config_expect(section, key, value, names_address(value->text));
}

static void load_address(const struct config_section *section, struct account *account)
{
    const struct config_value *value = config_value(section, "address");

    if (config_missing(section, "address"))
        config_section_problem(section, NULL, "address is missing");
    if (value == NULL)
        return;
    check_address(section, "address", value);
    account->address = xstrdup(value->text);
    names_lower_domain(account->address);
}

static void load_aliases(const struct config_section *section, struct account *account)
{
    account->aliases = config_strings(section, "aliases");
    for (size_t i = 0; account->aliases[i] != NULL; i++) {
        check_address(section, "aliases", config_value_n(section, "aliases", i));
        names_lower_domain(account->aliases[i]);
    }
}

/* "\Sent" follows SPECIAL-USE; other uses are not supported. */
const char *config_folder_fault(const char *folder)
{
    if (*folder == '\0')
        return "is empty";
    if (*folder == '\\' && strcasecmp(folder, "\\Sent") != 0)
        return "is not a special use that can be watched; expected \"\\\\Sent\", \"*\", \"**\" "
               "or a name";
    if (strcmp(folder, "*") == 0 || strcmp(folder, "**") == 0)
        return NULL;
    if (*folder != '\\' && strpbrk(folder, "*%") != NULL)
        return "contains a wildcard; expected a complete name, \"*\" for all folders but drafts, "
               "junk and trash, or \"**\" for all";
    return NULL;
}

static void load_folders(const struct config_section *section, struct account *account)
{
    if (config_value(section, "folders") == NULL) {
        account->folders = config_default_folders();
        return;
    }
    account->folders = config_strings(section, "folders");
    for (size_t i = 0; account->folders[i] != NULL; i++) {
        const char *fault = config_folder_fault(account->folders[i]);
        if (fault != NULL)
            config_section_problem(section, config_value_n(section, "folders", i),
                                   "folders: \"%.64s\" %s", account->folders[i], fault);
    }
    config_folders_normalize(account->folders);
}

void config_folders_normalize(char **folders)
{
    static const char *const fixed[] = {"INBOX", "\\Sent"};

    for (; *folders != NULL; folders++) {
        for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
            if (strcasecmp(*folders, fixed[i]) == 0)
                memcpy(*folders, fixed[i], strlen(fixed[i]));
    }
}

char **config_default_folders(void)
{
    char **folders = NULL;
    size_t count = 0;

    config_strings_add(&folders, &count, xstrdup("INBOX"));
    config_strings_add(&folders, &count, xstrdup("\\Sent"));
    return folders;
}

static void load_account(struct config_loader *loader, const struct config_section *section)
{
    struct account *account = xcalloc(1, sizeof(*account));

    config_check_name(section);
    account->name = xstrdup(section->name);
    account->file = xstrdup(section->source->path);
    account->line = section->line;
    account->watch = true;
    config_bool(section, "watch", &account->watch);
    account->server = config_section_server(loader, section, account->watch ? "imap" : NULL);
    load_address(section, account);
    load_aliases(section, account);
    account->login = config_string(section, "login");
    if (account->login == NULL && account->address != NULL)
        account->login = xstrdup(account->address);
    config_bool(section, "monitor", &account->monitor);
    if (account->monitor && !account->watch)
        config_section_warning(section, config_value(section, "monitor"),
                               "monitor = true has no effect with watch = false");
    load_folders(section, account);
    config_section_secret(section, account->server, &account->secret);
    config_add_account(loader, account);
}

void config_load_accounts(struct config_loader *loader, const struct config_source *source)
{
    size_t count;
    struct config_section *sections = config_sections(source, "account", loader->problems, &count);

    for (size_t i = 0; i < count; i++)
        load_account(loader, &sections[i]);
    free(sections);
}

/* ---- conflicts between accounts ---- */

static char *place_of(const struct account *here, const struct account *other)
{
    if (strcmp(here->file, other->file) == 0)
        return xasprintf("on line %d", other->line);
    return xasprintf("in %s, line %d", other->file, other->line);
}

/* format: what, the other account's name, where that is defined. */
static void clash(struct config_loader *loader, const struct account *account,
                  const struct account *other, const char *format, const char *what)
{
    char *place = place_of(account, other);
    char *text = xasprintf(format, what, other->name, place);

    config_problem(loader->problems, account->file, account->line, "account \"%.64s\": %s",
                   account->name, text);
    free(text);
    free(place);
}

/* An alias has one owner. An address has one on each server: a person may have several mailboxes.
 */
static void add_address(struct config_loader *loader, const struct account *account,
                        const char *address, bool alias)
{
    char *key = xstrdup(address);

    names_lower(key);
    const struct account *other = name_index_get(loader->addresses, key);
    if (other == account)
        clash(loader, account, account, "%s appears twice among the addresses of \"%s\", %s",
              address);
    else if (other != NULL && (alias || other->server == account->server ||
                               strcasecmp(other->address, address) != 0))
        clash(loader, account, other, "%s already belongs to account \"%s\", %s", address);
    name_index_add(loader->addresses, key, account);
    free(key);
}

bool config_is_inside(const struct config *config, const char *address)
{
    const char *at = strrchr(address, '@');

    for (char **domain = config->rules->domains; at != NULL && *domain != NULL; domain++)
        if (strcmp(*domain, at + 1) == 0)
            return true;
    return false;
}

static void add_addresses(struct config_loader *loader, const struct account *account)
{
    if (account->address == NULL)
        return;
    add_address(loader, account, account->address, false);
    for (size_t i = 0; account->aliases[i] != NULL; i++)
        add_address(loader, account, account->aliases[i], true);
    if (account->watch && *loader->config->rules->domains != NULL &&
        !config_is_inside(loader->config, account->address))
        config_warning(loader->problems, account->file, account->line,
                       "account \"%.64s\": the domain of %s is not in \"domains\": mail from its "
                       "owner will be treated as external",
                       account->name, account->address);
}

static void add_login(struct config_loader *loader, const struct account *account)
{
    if (account->server == NULL || account->login == NULL || !account->watch)
        return;
    char *key = xasprintf("%s\n%s", account->server->name, account->login);
    if (!name_index_add(loader->logins, key, account)) {
        const struct account *other = name_index_get(loader->logins, key);
        config_warning(loader->problems, account->file, account->line,
                       "account \"%.64s\": login \"%.64s\" is also used by account \"%.64s\": its "
                       "messages will be captured twice",
                       account->name, account->login, other->name);
    }
    free(key);
}

void config_add_account(struct config_loader *loader, struct account *account)
{
    struct config *config = loader->config;
    size_t count = config->n_accounts;

    if ((count & (count + 1)) == 0)
        config->accounts =
            xreallocarray(config->accounts, count * 2 + 1, sizeof(*config->accounts));
    config->accounts[config->n_accounts++] = account;
    if (!name_index_add(loader->accounts, account->name, account)) {
        clash(loader, account, name_index_get(loader->accounts, account->name),
              "%s\"%s\" is already defined %s", "");
        return;
    }
    add_addresses(loader, account);
    add_login(loader, account);
}
