/* What sections of every kind read in the same way. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "agent/reflect/token.h"
#include "agent/system/secret.h"
#include "rules/util/memory.h"

void config_strings_add(char ***list, size_t *count, char *text)
{
    /* Doubled at each power of two; one more is for the NULL. */
    if ((*count & (*count + 1)) == 0)
        *list = xreallocarray(*list, *count * 2 + 2, sizeof(**list));
    (*list)[(*count)++] = text;
    (*list)[*count] = NULL;
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

static bool has_service(const struct server *server, const char *service)
{
    if (strcmp(service, "imap") == 0)
        return server->imap.set;
    return strcmp(service, "smtp") == 0 ? server->smtp.set : server->pop3.set;
}

void config_need_service(const struct config_section *section, const struct config_value *value,
                         const struct server *server, const char *service)
{
    if (service != NULL && !has_service(server, service))
        config_section_problem(section, value, "server \"%s\" has no %s", server->name, service);
}

const struct account *config_section_account(const struct config_loader *loader,
                                             const struct config_section *section, const char *key)
{
    const struct config_value *value = config_value(section, key);
    char hint[CONFIG_HINT_MAX];

    if (value == NULL)
        return NULL;
    const struct account *account = name_index_get(loader->accounts, value->text);
    if (account == NULL)
        config_section_problem(
            section, value, "%s: account \"%.64s\" is not defined%s", key, value->text,
            config_hint(hint, name_index_suggest(loader->accounts, value->text)));
    return account;
}

const struct account *config_section_mailbox(const struct config_loader *loader,
                                             const struct config_section *section, const char *key)
{
    const struct account *account = config_section_account(loader, section, key);

    if (account == NULL || account->server == NULL)
        return account;
    if (account->watch) /* else IMAP on its server was not checked yet */
        config_section_warning(section, config_value(section, key),
                               "account \"%s\" is watched, including test messages: set "
                               "watch = false",
                               account->name);
    else
        config_need_service(section, config_value(section, key), account->server, "imap");
    return account;
}

char *config_section_address(const struct config_section *section, const char *key)
{
    const struct config_value *value = config_value(section, key);

    if (value == NULL || !config_expect(section, key, value, names_address(value->text)))
        return NULL;
    char *address = xstrdup(value->text);
    names_lower_domain(address);
    return address;
}

char *config_section_folder(const struct config_section *section, const char *key,
                            const char *by_default)
{
    const struct config_value *value = config_value(section, key);

    if (value == NULL)
        return by_default != NULL ? xstrdup(by_default) : NULL;
    if (*value->text == '\0' || *value->text == '\\' || strpbrk(value->text, "*%") != NULL)
        config_expect(section, key, value, "the name of one folder, such as INBOX");
    return xstrdup(strcasecmp(value->text, "INBOX") == 0 ? "INBOX" : value->text);
}

char *config_section_keys(const struct config_section *section, const char *key)
{
    char *written = config_string(section, key), why[512];
    struct token_keys keys;

    if (written == NULL)
        return NULL;
    char *path = config_path(written, section->source->path);
    free(written);
    if (token_keys_read(path, &keys, why, sizeof(why)))
        token_keys_wipe(&keys);
    else
        config_section_problem(section, config_value(section, key), "%s: %s", key, why);
    return path;
}

void config_section_required(const struct config_section *section, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (config_missing(section, *keys))
            config_section_problem(section, NULL, "%s is missing", *keys);
}

/* As SSL_CTX_load_verify_locations() will read it. */
static bool has_certificate(const char *path)
{
    BIO *in = BIO_new_file(path, "r");
    X509 *certificate = in != NULL ? PEM_read_bio_X509_AUX(in, NULL, NULL, NULL) : NULL;
    bool has = certificate != NULL;

    X509_free(certificate);
    BIO_free(in);
    ERR_clear_error();
    return has;
}

char *config_section_ca_file(const struct config_section *section)
{
    const struct config_value *value = config_value(section, "ca_file");
    char *written = config_string(section, "ca_file");

    if (written == NULL)
        return NULL;
    char *path = config_path(written, section->source->path);
    free(written);
    if (access(path, R_OK) != 0)
        config_section_problem(section, value, "ca_file %s: %s", path, strerror(errno));
    else if (!has_certificate(path))
        config_section_problem(section, value,
                               "ca_file %s contains no certificate: expected PEM, with \"BEGIN "
                               "CERTIFICATE\"",
                               path);
    return path;
}

void config_section_check_secret(const struct config_section *section,
                                 const struct config_value *value,
                                 const struct secret_source *secret)
{
    char *doubtful, *why = secret_check(secret, &doubtful);

    if (why != NULL)
        config_section_problem(section, value, "%s", why);
    if (doubtful != NULL)
        config_section_warning(section, value, "%s", doubtful);
    free(why);
    free(doubtful);
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
            config_section_problem(section, value, "%s and %s are mutually exclusive", first_key,
                                   keys[i]);
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
        config_section_check_secret(section, first, secret);
    }
    bool missing = config_missing(section, keys[0]) && config_missing(section, keys[1]) &&
                   config_missing(section, keys[2]);
    if (missing && server != NULL && server->master_user == NULL)
        config_section_problem(section, NULL,
                               "no credentials: set password_file, password_command or "
                               "oauth_token_command (server \"%s\" has no master_user)",
                               server->name);
}
