#include <errno.h>
#include <event2/http.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/sections/loader.h"
#include "agent/config/syntax/names.h"
#include "rules/util/memory.h"

/* NULL: it can be executed; else why not (static). */
static const char *program_fault(const char *path)
{
    struct stat st;

    if (*path != '/')
        return "is not an absolute path; commands are run without a shell, and PATH is not "
               "searched";
    if (stat(path, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    return access(path, X_OK) != 0 ? "is not executable by this user" : NULL;
}

static void load_command(const struct config_section *section, struct alert *alert)
{
    const struct config_value *program = config_value(section, "command");

    if (program == NULL)
        return;
    const char *fault = program_fault(program->text);
    if (fault != NULL)
        config_section_problem(section, program, "command: \"%.200s\" %s", program->text, fault);
    alert->command = config_strings(section, "command");
}

/* What was expected, or NULL. */
static const char *webhook_expected(const char *url)
{
    static const char form[] = "https:// and a host, or http:// and a loopback address";
    struct evhttp_uri *uri = evhttp_uri_parse(url);

    if (uri == NULL)
        return form;
    const char *scheme = evhttp_uri_get_scheme(uri), *host = evhttp_uri_get_host(uri);
    const char *expected = form;
    if (scheme == NULL || host == NULL)
        expected = form;
    else if (evhttp_uri_get_userinfo(uri) != NULL)
        expected = "a URL without user name and password: others may read this file";
    else if (evhttp_uri_get_port(uri) == 0 || evhttp_uri_get_port(uri) > 65535)
        expected = "a port from 1 to 65535";
    else if (strcasecmp(scheme, "https") == 0 || strcasecmp(scheme, "http") == 0) {
        char *bare = *host == '[' ? xmemdup0(host + 1, strlen(host) - 2) : xstrdup(host);
        if (names_host(bare) != NULL)
            expected = "a host name, an IPv4 address, or an IPv6 address in brackets";
        else if (strcasecmp(scheme, "https") == 0 || config_is_loopback(bare))
            expected = NULL;
        free(bare);
    }
    evhttp_uri_free(uri);
    return expected;
}

static void load_webhook(const struct config_section *section, struct alert *alert)
{
    const struct config_value *ca_file = config_value(section, "ca_file");
    const struct config_value *webhook = config_value(section, "webhook");

    alert->webhook = config_string(section, "webhook");
    if (alert->webhook != NULL)
        config_expect(section, "webhook", webhook, webhook_expected(alert->webhook));
    if (ca_file != NULL && config_missing(section, "webhook"))
        config_section_problem(section, ca_file, "ca_file requires a webhook");
    else
        alert->ca_file = config_section_ca_file(section);
}

static void load_probes(const struct config_loader *loader, const struct config_section *section,
                        struct alert *alert)
{
    alert->probes = config_strings(section, "probes");
    for (size_t i = 0; alert->probes[i] != NULL; i++) {
        const char *name = alert->probes[i];
        char hint[CONFIG_HINT_MAX];
        if (name_index_get(loader->probes, name) == NULL)
            config_section_problem(section, config_value_n(section, "probes", i),
                                   "probe \"%.64s\" is not defined%s", name,
                                   config_hint(hint, name_index_suggest(loader->probes, name)));
    }
}

static struct alert *load_alert(const struct config_loader *loader,
                                const struct config_section *section)
{
    struct alert *alert = xcalloc(1, sizeof(*alert));

    alert->file = xstrdup(section->source->path);
    alert->line = section->line;
    load_command(section, alert);
    load_webhook(section, alert);
    load_probes(loader, section, alert);
    if (config_missing(section, "command") && config_missing(section, "webhook"))
        config_section_problem(section, NULL, "expected a command or a webhook");
    return alert;
}

void config_load_alerts(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;
    struct config_section *sections =
        config_sections(source, "alert", loader->problems, &config->n_alerts);

    config->alerts = xcalloc(config->n_alerts, sizeof(*config->alerts));
    for (size_t i = 0; i < config->n_alerts; i++)
        config->alerts[i] = load_alert(loader, &sections[i]);
    if (config->n_alerts > 0 && config->n_probes == 0)
        config_section_warning(&sections[0], NULL,
                               "no probe is configured that could raise an alert");
    free(sections);
}
