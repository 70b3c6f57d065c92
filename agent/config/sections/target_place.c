#include "agent/config/sections/target_place.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "imapclient/text/special.h"
#include "rules/util/memory.h"

/* Two sections may describe one server. */
static bool same_server(const struct server *a, const struct server *b)
{
    return a == b || (a->imap.host != NULL && b->imap.host != NULL &&
                      a->imap.port == b->imap.port && strcasecmp(a->imap.host, b->imap.host) == 0);
}

/* "alice" is probably "alice@example.org": most servers take both. A master user's login may follow
 * a star (Dovecot). */
static bool same_mailbox(const char *a, const char *b)
{
    size_t a_len = strcspn(a, "*"), b_len = strcspn(b, "*");
    size_t a_local = strcspn(a, "@*"), b_local = strcspn(b, "@*");

    if (a_len == b_len)
        return strncasecmp(a, b, a_len) == 0;
    return (a_local == a_len || b_local == b_len) && a_local == b_local &&
           strncasecmp(a, b, a_local) == 0;
}

static bool is_mailbox_of(const struct account *account, const char *login)
{
    if (account->login != NULL && same_mailbox(account->login, login))
        return true;
    if (account->address != NULL && same_mailbox(account->address, login))
        return true;
    for (char **alias = account->aliases; alias != NULL && *alias != NULL; alias++)
        if (strcasecmp(*alias, login) == 0)
            return true;
    return false;
}

/* The names that a folder pattern can make, as one for fnmatch(). */
static char *folder_glob(const char *pattern)
{
    char *glob = xcalloc(2 * strlen(pattern) + 1, 1), *out = glob;

    while (*pattern != '\0') {
        if (*pattern == '%' && pattern[1] != '\0') {
            pattern += pattern[1] == '{' ? strcspn(pattern, "}") : 1;
            *out++ = '*';
        } else {
            if (strchr("?*[]\\", *pattern) != NULL)
                *out++ = '\\';
            *out++ = *pattern;
        }
        pattern += *pattern != '\0';
    }
    return glob;
}

/* Whether a folder of the account's list can be one that copies go to. */
static bool takes_in(const char *folder, const char *glob)
{
    if (strcmp(folder, "*") == 0 || strcmp(folder, "**") == 0)
        return true;
    if (strcasecmp(folder, "\\Sent") == 0)
        return imap_special_name(IMAP_SPECIAL_SENT, glob, '/');
    return fnmatch(glob, folder, strcasecmp(folder, "INBOX") == 0 ? FNM_CASEFOLD : 0) == 0;
}

static const char *watching(const struct account *account, const struct target *target)
{
    char *glob = folder_glob(target->folder);
    const char *found = NULL;

    for (char **folder = account->folders; *folder != NULL && found == NULL; folder++)
        found = takes_in(*folder, glob) ? *folder : NULL;
    free(glob);
    return found;
}

static void compare(const struct config_loader *loader, const struct target *target,
                    const struct account *account)
{
    if (!same_server(target->server, account->server) || !is_mailbox_of(account, target->login))
        return;
    const char *folder = watching(account, target);
    config_warning(loader->problems, target->file, target->line,
                   "target \"%s\": login \"%.64s\" opens the mailbox of the watched account "
                   "\"%.64s\", whose owner can see the copies, and that there is monitoring: use a "
                   "mailbox that only those who read the copies can open",
                   target->name, target->login, account->name);
    if (folder != NULL)
        config_warning(loader->problems, target->file, target->line,
                       "target \"%s\": copies go to a folder that is watched itself (\"%.64s\" in "
                       "folders of account \"%.64s\"), where they are mail again: choose a folder "
                       "that is not watched",
                       target->name, folder, account->name);
}

void target_place_check(const struct config_loader *loader)
{
    const struct config *config = loader->config;

    for (size_t i = 0; i < config->n_targets; i++) {
        const struct target *target = config->targets[i];
        if (target->server == NULL || target->login == NULL)
            continue;
        for (size_t n = 0; n < config->n_accounts; n++)
            if (config->accounts[n]->watch && config->accounts[n]->server != NULL)
                compare(loader, target, config->accounts[n]);
    }
}
