#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "agent/system/secret.h"
#include "rules/util/memory.h"

struct scheme {
    const char *name;
    enum security security;
    uint16_t port; /* if none is given */
};

static const struct scheme imap_schemes[] = {
    {"imaps", SECURITY_TLS, 993},
    {"imap", SECURITY_STARTTLS, 143},
    {"imap+plain", SECURITY_PLAIN, 143},
};
static const struct scheme smtp_schemes[] = {
    {"smtps", SECURITY_TLS, 465},
    {"smtp", SECURITY_STARTTLS, 25},
    {"smtp+plain", SECURITY_PLAIN, 25},
};
static const struct scheme pop3_schemes[] = {
    {"pop3s", SECURITY_TLS, 995},
    {"pop3", SECURITY_STARTTLS, 110},
    {"pop3+plain", SECURITY_PLAIN, 110},
};
enum { N_SCHEMES = 3 };

/* No plaintext password beyond loopback. */
bool config_is_loopback(const char *host)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, host, &ipv4) == 1)
        return ntohl(ipv4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &ipv6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&ipv6);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it has a host */
    return strcasecmp(host, "localhost") == 0;
}

static const struct scheme *find_scheme(const struct scheme *schemes, const char *url, size_t len)
{
    for (size_t i = 0; i < N_SCHEMES; i++)
        if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, url, len) == 0)
            return &schemes[i];
    return NULL;
}

static const char *read_port(const char *text, uint16_t *port)
{
    unsigned value;

    if (units_count(text, &value) != NULL || value == 0 || value > 65535)
        return "a port from 1 to 65535";
    *port = (uint16_t)value;
    return NULL;
}

/* HOST, HOST:PORT, [IPV6], [IPV6]:PORT; a trailing slash is accepted. */
static const char *read_authority(const char *text, struct endpoint *endpoint)
{
    size_t len = strlen(text);
    const char *end, *after;

    if (len > 0 && text[len - 1] == '/')
        len--;
    char *copy = xstrndup(text, len);
    const char *expected = NULL;
    if (strpbrk(copy, "/?#@") != NULL) {
        expected = "only a host and a port after \"://\"";
    } else if (*copy == '[') {
        end = strchr(copy, ']');
        after = end != NULL ? end + 1 : copy;
        unsigned char address[16];
        endpoint->host = xstrndup(copy + 1, end != NULL ? (size_t)(end - copy - 1) : 0);
        if (inet_pton(AF_INET6, endpoint->host, address) != 1)
            expected = "an IPv6 address between brackets";
        else if (*after == ':')
            expected = read_port(after + 1, &endpoint->port);
        else if (*after != '\0')
            expected = "\":\" and a port after the brackets";
    } else {
        end = strchr(copy, ':');
        endpoint->host = end != NULL ? xmemdup0(copy, (size_t)(end - copy)) : xstrdup(copy);
        if (end != NULL && strchr(end + 1, ':') != NULL)
            expected = "brackets around an IPv6 address";
        else
            expected = names_host(endpoint->host);
        if (expected == NULL && end != NULL)
            expected = read_port(end + 1, &endpoint->port);
    }
    free(copy);
    return expected;
}

static void load_endpoint(const struct config_section *section, const char *key,
                          const struct scheme *schemes, struct endpoint *endpoint)
{
    const struct config_value *value = config_value(section, key);

    endpoint->set = !config_missing(section, key);
    if (value == NULL)
        return;
    const char *colon = strstr(value->text, "://");
    const struct scheme *scheme =
        colon != NULL ? find_scheme(schemes, value->text, (size_t)(colon - value->text)) : NULL;
    endpoint->url = xstrdup(value->text);
    if (scheme == NULL) {
        config_section_problem(section, value,
                               "%s is \"%.200s\"; expected %s:// (TLS), %s:// (STARTTLS) or "
                               "%s:// (no TLS, loopback only) and a host",
                               key, value->text, schemes[0].name, schemes[1].name, schemes[2].name);
        return;
    }
    endpoint->security = scheme->security;
    endpoint->port = scheme->port;
    if (config_expect(section, key, value, read_authority(colon + 3, endpoint)) &&
        scheme->security == SECURITY_PLAIN && !config_is_loopback(endpoint->host))
        config_section_problem(section, value,
                               "%s is \"%.200s\": without TLS only a loopback address or "
                               "\"localhost\" is allowed; expected %s:// or %s://",
                               key, value->text, schemes[0].name, schemes[1].name);
}

static void load_master(const struct config_section *section, struct server *server)
{
    const struct config_value *file = config_value(section, "master_password_file");
    char *path = config_string(section, "master_password_file");

    server->master_user = config_string(section, "master_user");
    server->master.file = xstrdup(section->source->path);
    server->master.line = file != NULL ? file->line : section->line;
    if (config_missing(section, "master_user") && file != NULL)
        config_section_problem(section, file, "master_password_file requires master_user");
    if (server->master_user != NULL && config_missing(section, "master_password_file"))
        config_section_problem(section, config_value(section, "master_user"),
                               "master_user requires master_password_file");
    if (path == NULL)
        return;
    server->master.password_file = config_secret_path(path, section->source->path);
    free(path);
    config_section_check_secret(section, file, &server->master);
}

/* The name is compared as a whole: it is one word of RFC 8601. */
static void load_authserv_id(const struct config_section *section, struct server *server)
{
    const struct config_value *id = config_value(section, "authserv_id");

    if (id == NULL)
        return;
    server->authserv_id = config_string(section, "authserv_id");
    if (id->text[0] == '\0' || strpbrk(id->text, " \t;()\"=") != NULL)
        config_section_problem(section, id,
                               "authserv_id: expected the name that begins the server's own "
                               "Authentication-Results, such as mx.example.org");
}

static struct server *load_server(const struct config_section *section)
{
    struct server *server = xcalloc(1, sizeof(*server));
    const struct config_value *sessions = config_value(section, "max_sessions");

    config_check_name(section);
    server->name = xstrdup(section->name);
    server->file = xstrdup(section->source->path);
    server->line = section->line;
    load_endpoint(section, "imap", imap_schemes, &server->imap);
    load_endpoint(section, "smtp", smtp_schemes, &server->smtp);
    load_endpoint(section, "pop3", pop3_schemes, &server->pop3);
    if (config_missing(section, "imap") && config_missing(section, "smtp") &&
        config_missing(section, "pop3"))
        config_section_problem(section, NULL, "expected at least one of imap, smtp and pop3");
    server->ca_file = config_section_ca_file(section);
    load_master(section, server);
    load_authserv_id(section, server);
    if (sessions != NULL)
        config_expect(section, "max_sessions", sessions,
                      units_count(sessions->text, &server->max_sessions));
    return server;
}

void config_load_servers(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;
    struct config_section *sections =
        config_sections(source, "server", loader->problems, &config->n_servers);

    config->servers = xcalloc(config->n_servers, sizeof(*config->servers));
    for (size_t i = 0; i < config->n_servers; i++) {
        config->servers[i] = load_server(&sections[i]);
        name_index_add(loader->servers, config->servers[i]->name, config->servers[i]);
    }
    free(sections);
}

const struct server *config_section_server(const struct config_loader *loader,
                                           const struct config_section *section,
                                           const char *service)
{
    const struct config_value *value = config_value(section, "server");
    const struct server *server;
    char hint[CONFIG_HINT_MAX];

    if (value != NULL) {
        server = name_index_get(loader->servers, value->text);
    } else if (!config_missing(section, "server")) {
        return NULL;
    } else if (loader->config->n_servers == 1) {
        server = loader->config->servers[0];
    } else {
        config_section_problem(section, NULL, "server is missing");
        return NULL;
    }
    if (server == NULL)
        config_section_problem(section, value, "server \"%.64s\" is not defined%s", value->text,
                               config_hint(hint, name_index_suggest(loader->servers, value->text)));
    else
        config_need_service(section, value, server, service);
    return server;
}

const struct server *config_account_server(const struct config_loader *loader,
                                           const struct config_section *section,
                                           const struct account *account, const char *service)
{
    if (account == NULL || account->server == NULL || !config_missing(section, "server"))
        return config_section_server(loader, section, service);
    config_need_service(section, NULL, account->server, service);
    return account->server;
}
