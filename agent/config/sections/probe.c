#include <math.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/config/sections/loader.h"
#include "agent/config/sections/zone_file.h"
#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "agent/util/suggest.h"
#include "rules/util/memory.h"

enum {
    DEFAULT_EVERY = 60,
    DEFAULT_ROUNDTRIP_EVERY = 300,
    ROUNDTRIP_EVERY_MIN = 10,
    EVERY_MAX = 86400,
    DEFAULT_TIMEOUT = 10000, /* milliseconds */
    TIMEOUT_MIN = 10,
    TIMEOUT_MAX = 600 * 1000,
    DEFAULT_CERT_WARN = 21 * 86400,
    DEFAULT_CERT_CRIT = 7 * 86400,
    CERT_MAX = 366 * 86400,
    DEFAULT_RAISE_FAILURES = 2,
    DEFAULT_RAISE_OF = 3,
    DEFAULT_CLEAR = 2,
    HYSTERESIS_MAX = 90, /* percent: with 100 nothing would ever clear */
    REMIND_MAX = 30 * 86400,
    DEFAULT_LOST = 86400,
    LOST_MAX = 30 * 86400,
};
#define DEFAULT_HYSTERESIS 0.1

/* ---- types, and the keys that not all of them have ---- */

enum { N_TYPES = PROBE_ROUNDTRIP + 1 };

enum {
    IMAP = 1 << PROBE_IMAP,
    POP3 = 1 << PROBE_POP3,
    SMTP = 1 << PROBE_SMTP,
    MAILBOX = 1 << PROBE_MAILBOX,
    ROUNDTRIP = 1 << PROBE_ROUNDTRIP,
    SERVICES = IMAP | POP3 | SMTP,
};

static const struct {
    const char *key;
    unsigned types;
} limited_keys[] = {
    {"account", SERVICES | MAILBOX},
    {"family", SERVICES | MAILBOX},
    {"cert_warn", SERVICES | MAILBOX},
    {"cert_crit", SERVICES | MAILBOX},
    {"expect_capability", SERVICES},
    {"folder", IMAP | MAILBOX},
    {"from", SMTP | ROUNDTRIP},
    {"to", SMTP | ROUNDTRIP},
    {"login", SMTP | ROUNDTRIP},
    {"password_file", SMTP | ROUNDTRIP},
    {"password_command", SMTP | ROUNDTRIP},
    {"oauth_token_command", SMTP | ROUNDTRIP},
    {"newest_warn", MAILBOX},
    {"newest_crit", MAILBOX},
    {"oldest_warn", MAILBOX},
    {"oldest_crit", MAILBOX},
    {"count_warn", MAILBOX},
    {"count_crit", MAILBOX},
    {"quota_warn", MAILBOX},
    {"quota_crit", MAILBOX},
    {"return_account", ROUNDTRIP},
    {"return_folder", ROUNDTRIP},
    {"junk_folder", ROUNDTRIP},
    {"reply_to", ROUNDTRIP},
    {"lost", ROUNDTRIP},
    {"secret_file", ROUNDTRIP},
    {"dedicated", ROUNDTRIP},
};

static bool load_type(const struct config_section *section, struct probe *probe)
{
    const struct config_value *value = config_value(section, "type");
    struct suggestion suggestion;
    char hint[CONFIG_HINT_MAX];

    if (config_missing(section, "type"))
        config_section_problem(section, NULL, "type is missing");
    if (value == NULL)
        return false;
    suggest_begin(&suggestion, value->text);
    for (int i = 0; i < N_TYPES; i++) {
        enum probe_type type = (enum probe_type)i;
        suggest_offer(&suggestion, probe_type_text(type));
        if (strcmp(probe_type_text(type), value->text) == 0) {
            probe->type = type;
            return true;
        }
    }
    config_section_problem(section, value,
                           "type is \"%.64s\"; expected imap, pop3, smtp, mailbox or roundtrip%s",
                           value->text, config_hint(hint, suggestion.best));
    return false;
}

/* "imap, pop3 and smtp" */
static void name_types(unsigned types, char *text, size_t size)
{
    unsigned left = (unsigned)__builtin_popcount(types);
    size_t len = 0;

    for (int i = 0; i < N_TYPES; i++) {
        if ((types & (1u << i)) == 0)
            continue;
        left--;
        len += (size_t)snprintf(text + len, size - len, "%s%s", probe_type_text((enum probe_type)i),
                                left > 1 ? ", " : (left == 1 ? " and " : ""));
    }
}

static void check_keys(const struct config_section *section, enum probe_type type)
{
    char types[64];

    for (size_t i = 0; i < sizeof(limited_keys) / sizeof(*limited_keys); i++) {
        const char *key = limited_keys[i].key;
        const struct config_value *value = config_value(section, key);
        if (value == NULL || (limited_keys[i].types & (1u << type)) != 0)
            continue;
        name_types(limited_keys[i].types, types, sizeof(types));
        config_section_problem(section, value,
                               "%s is only valid for probes of type %s; this one is %s", key, types,
                               probe_type_text(type));
    }
}

/* ---- thresholds ---- */

enum measure { SECONDS, COUNT, PERCENT };

static void load_range(const struct config_section *section, const char *key, enum measure measure,
                       struct range *range)
{
    const struct config_value *value = config_value(section, key);

    if (value == NULL)
        return;
    size_t len = strlen(value->text);
    bool sign = measure == PERCENT && len > 0 && value->text[len - 1] == '%';
    char *text = xmemdup0(value->text, len - (sign ? 1 : 0));
    config_expect(section, key, value, range_parse(text, measure == SECONDS, range));
    free(text);
}

static bool is_upper_bound(const struct range *range)
{
    return range->set && !range->inside && range->start == 0 && isfinite(range->end);
}

static void load_ranges(const struct config_section *section, const char *warn_key,
                        struct range *warn, const char *crit_key, struct range *crit,
                        enum measure measure)
{
    load_range(section, warn_key, measure, warn);
    load_range(section, crit_key, measure, crit);
    if (is_upper_bound(warn) && is_upper_bound(crit) && warn->end >= crit->end)
        config_section_warning(section, config_value(section, warn_key),
                               "%s is not below %s: WARNING will never be reported", warn_key,
                               crit_key);
}

/* 0 is allowed: never. */
static void load_certificate_dates(const struct config_section *section, struct probe *probe)
{
    probe->cert_warn = DEFAULT_CERT_WARN;
    probe->cert_crit = DEFAULT_CERT_CRIT;
    config_duration(section, "cert_warn", 0, CERT_MAX, &probe->cert_warn);
    config_duration(section, "cert_crit", 0, CERT_MAX, &probe->cert_crit);
    const struct config_value *warn = config_value(section, "cert_warn");
    if (probe->cert_warn > 0 && probe->cert_warn <= probe->cert_crit)
        config_section_warning(section, warn != NULL ? warn : config_value(section, "cert_crit"),
                               "cert_warn is not longer than cert_crit: a certificate will never "
                               "be a WARNING");
}

static void load_thresholds(const struct config_section *section, struct probe *probe)
{
    load_ranges(section, "warn", &probe->warn, "crit", &probe->crit, SECONDS);
    load_ranges(section, "newest_warn", &probe->newest_warn, "newest_crit", &probe->newest_crit,
                SECONDS);
    load_ranges(section, "oldest_warn", &probe->oldest_warn, "oldest_crit", &probe->oldest_crit,
                SECONDS);
    load_ranges(section, "count_warn", &probe->count_warn, "count_crit", &probe->count_crit, COUNT);
    load_ranges(section, "quota_warn", &probe->quota_warn, "quota_crit", &probe->quota_crit,
                PERCENT);
    load_certificate_dates(section, probe);
}

/* ---- times ---- */

static void load_timeout(const struct config_section *section, struct probe *probe)
{
    const struct config_value *value = config_value(section, "timeout");
    unsigned read;

    probe->timeout = DEFAULT_TIMEOUT;
    if (value == NULL ||
        !config_expect(section, "timeout", value, units_milliseconds(value->text, &read)))
        return;
    if (read < TIMEOUT_MIN || read > TIMEOUT_MAX)
        config_section_problem(section, value, "timeout is \"%s\"; expected 10ms to 10m",
                               value->text);
    else
        probe->timeout = read;
}

static void load_times(const struct config_section *section, struct probe *probe)
{
    bool roundtrip = probe->type == PROBE_ROUNDTRIP;
    const struct config_value *timeout = config_value(section, "timeout");
    const struct config_value *every = config_value(section, "every");

    probe->every = roundtrip ? DEFAULT_ROUNDTRIP_EVERY : DEFAULT_EVERY;
    config_duration(section, "every", roundtrip ? ROUNDTRIP_EVERY_MIN : 1, EVERY_MAX,
                    &probe->every);
    load_timeout(section, probe);
    if (probe->timeout >= probe->every * 1000)
        config_section_problem(section, timeout != NULL ? timeout : every,
                               "timeout is %s; expected less than \"every\" (%us)",
                               timeout != NULL ? timeout->text : "10s by default", probe->every);
}

/* ---- damping ---- */

static bool read_small(const char **text, unsigned *number)
{
    unsigned sum = 0;
    size_t digits = strspn(*text, "0123456789");

    for (size_t i = 0; i < digits && sum <= PROBE_STATE_WINDOW_MAX; i++)
        sum = sum * 10 + (unsigned)((*text)[i] - '0');
    *text += digits;
    *number = sum;
    return digits > 0 && sum >= 1 && sum <= PROBE_STATE_WINDOW_MAX;
}

/* "2/3": 2 of the last 3; "2": 2 in a row. */
static const char *read_raise(const char *text, struct probe *probe)
{
    static const char form[] = "failures out of recent results, such as 2/3; at most 30";
    unsigned failures, of;

    if (!read_small(&text, &failures))
        return form;
    of = failures;
    if (*text == '/') {
        text++;
        if (!read_small(&text, &of))
            return form;
    }
    if (*text != '\0' || failures > of)
        return form;
    probe->raise_failures = failures;
    probe->raise_of = of;
    return NULL;
}

static void load_maintenance(const struct config_section *section, struct probe *probe)
{
    size_t count = config_count(section, "maintenance"), taken = 0;

    probe->maintenance_texts = config_strings(section, "maintenance");
    probe->maintenance = xcalloc(count + 1, sizeof(struct hours *));
    for (size_t i = 0; i < count; i++) {
        const struct config_value *value = config_value_n(section, "maintenance", i);
        char *mistake;
        struct hours *hours = hours_parse(value->text, zone_file_load, &mistake);
        if (hours != NULL) {
            probe->maintenance[taken++] = hours;
            continue;
        }
        config_section_problem(section, value, "maintenance: \"%.200s\": %s", value->text, mistake);
        free(mistake);
    }
}

static void load_damping(const struct config_section *section, struct probe *probe)
{
    const struct config_value *raise = config_value(section, "raise");
    const struct config_value *clear = config_value(section, "clear");
    const struct config_value *hysteresis = config_value(section, "hysteresis");
    double percent = 0;

    probe->raise_failures = DEFAULT_RAISE_FAILURES;
    probe->raise_of = DEFAULT_RAISE_OF;
    probe->clear = DEFAULT_CLEAR;
    probe->hysteresis = DEFAULT_HYSTERESIS;
    if (raise != NULL)
        config_expect(section, "raise", raise, read_raise(raise->text, probe));
    if (clear != NULL) {
        const char *text = clear->text;
        bool good = read_small(&text, &probe->clear) && *text == '\0';
        config_expect(section, "clear", clear, good ? NULL : "a number from 1 to 30");
    }
    if (hysteresis != NULL) {
        const char *expected = units_percent(hysteresis->text, &percent);
        if (expected == NULL && percent > (double)HYSTERESIS_MAX)
            expected = "a percentage from 0 to 90";
        if (config_expect(section, "hysteresis", hysteresis, expected))
            probe->hysteresis = percent / 100;
    }
    load_maintenance(section, probe);
    config_duration(section, "remind", 0, REMIND_MAX, &probe->remind);
}

/* ---- server, account and credentials ---- */

static void load_family(const struct config_section *section, struct probe *probe)
{
    const struct config_value *value = config_value(section, "family");

    if (value == NULL)
        return;
    if (strcmp(value->text, "ipv4") == 0)
        probe->family = AF_INET;
    else if (strcmp(value->text, "ipv6") == 0)
        probe->family = AF_INET6;
    else
        config_expect(section, "family", value, "ipv4 or ipv6");
}

static const char *service_of(enum probe_type type)
{
    switch (type) {
    case PROBE_POP3:
        return "pop3";
    case PROBE_SMTP:
    case PROBE_ROUNDTRIP:
        return "smtp";
    case PROBE_IMAP:
    case PROBE_MAILBOX:
        break;
    }
    return "imap";
}

static const struct config_value *secret_value(const struct config_section *section)
{
    static const char *const keys[] = {"password_file", "password_command", "oauth_token_command"};
    const struct config_value *value = NULL;

    for (size_t i = 0; value == NULL && i < sizeof(keys) / sizeof(*keys); i++)
        value = config_value(section, keys[i]);
    return value;
}

static bool lacks_secret(const struct config_section *section)
{
    return config_missing(section, "password_file") &&
           config_missing(section, "password_command") &&
           config_missing(section, "oauth_token_command");
}

/* Submission, or a check of SMTP with a login that is not an account. */
static void load_credentials(const struct config_section *section, struct probe *probe)
{
    const struct config_value *secret = secret_value(section);
    const struct config_value *login = config_value(section, "login");
    const struct config_value *own = login != NULL ? login : secret;

    config_section_secret(section, NULL, &probe->secret);
    probe->login = config_string(section, "login");
    if (own != NULL && probe->account != NULL && probe->type == PROBE_SMTP)
        config_section_problem(section, own,
                               "account provides the credentials: login and password cannot be "
                               "set as well");
    if (lacks_secret(section) && (login != NULL || probe->type == PROBE_ROUNDTRIP))
        config_section_problem(section, login,
                               "no credentials: set password_file, password_command or "
                               "oauth_token_command");
    if (secret == NULL || !config_missing(section, "login"))
        return;
    if (probe->from != NULL)
        probe->login = xstrdup(probe->from);
    else if (probe->type == PROBE_SMTP && config_missing(section, "from"))
        config_section_problem(section, secret, "login is missing");
}

static void load_envelope(const struct config_section *section, struct probe *probe)
{
    probe->from = config_section_address(section, "from");
    probe->to = config_section_address(section, "to");
    if (probe->type == PROBE_SMTP && config_missing(section, "to") && lacks_secret(section) &&
        config_value(section, "from") != NULL)
        config_section_problem(section, config_value(section, "from"),
                               "\"from\" requires \"to\": the sender is only sent together with a "
                               "recipient");
}

/* ---- types ---- */

static void load_imap(const struct config_section *section, struct probe *probe)
{
    probe->folder = config_section_folder(section, "folder", "INBOX");
    if (probe->type == PROBE_MAILBOX && config_missing(section, "account"))
        config_section_problem(section, NULL, "account is missing: it selects the mailbox");
    else if (config_missing(section, "account") && config_value(section, "folder") != NULL)
        config_section_problem(section, config_value(section, "folder"),
                               "folder requires an account to log in with");
}

static bool is_to_external(const struct config *config, const struct probe *probe)
{
    return probe->to != NULL && *config->rules->domains != NULL &&
           !config_is_inside(config, probe->to);
}

static void check_roundtrip_times(const struct config_loader *loader,
                                  const struct config_section *section, const struct probe *probe)
{
    const struct config_value *crit = config_value(section, "crit");
    const struct config_value *every = config_value(section, "every");

    if (probe->crit.set && !is_upper_bound(&probe->crit))
        config_expect(section, "crit", crit, "a duration such as 10m for a round trip");
    else if (probe->crit.set && probe->crit.end >= probe->lost)
        config_section_problem(section, crit, "crit is \"%s\"; expected less than \"lost\" (%us)",
                               crit->text, probe->lost);
    if (probe->every < DEFAULT_ROUNDTRIP_EVERY && is_to_external(loader->config, probe))
        config_section_warning(section, every,
                               "a test message every %us to an external server (%s) may be taken "
                               "for spam: use 5m or more",
                               probe->every, probe->to);
}

static void load_roundtrip(const struct config_loader *loader, const struct config_section *section,
                           struct probe *probe)
{
    static const char *const required[] = {"from", "to", "return_account", "secret_file", NULL};

    config_section_required(section, required);
    probe->return_account = config_section_mailbox(loader, section, "return_account");
    probe->return_folder = config_section_folder(section, "return_folder", "INBOX");
    probe->junk_folder = config_section_folder(section, "junk_folder", NULL);
    probe->reply_to = config_section_address(section, "reply_to");
    if (config_missing(section, "reply_to") && probe->return_account != NULL &&
        probe->return_account->address != NULL)
        probe->reply_to = xstrdup(probe->return_account->address);
    probe->lost = DEFAULT_LOST;
    config_duration(section, "lost", 1, LOST_MAX, &probe->lost);
    probe->secret_file = config_section_keys(section, "secret_file");
    config_bool(section, "dedicated", &probe->dedicated);
    check_roundtrip_times(loader, section, probe);
}

/* ---- the section ---- */

static void load_typed(const struct config_loader *loader, const struct config_section *section,
                       struct probe *probe)
{
    check_keys(section, probe->type);
    load_times(section, probe);
    probe->server = config_account_server(loader, section, probe->account, service_of(probe->type));
    if (probe->type == PROBE_SMTP || probe->type == PROBE_ROUNDTRIP) {
        load_envelope(section, probe);
        load_credentials(section, probe);
    }
    if (probe->type == PROBE_ROUNDTRIP)
        load_roundtrip(loader, section, probe);
    if (probe->type == PROBE_IMAP || probe->type == PROBE_MAILBOX)
        load_imap(section, probe);
}

static struct probe *load_probe(const struct config_loader *loader,
                                const struct config_section *section)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));

    config_check_name(section);
    probe->name = xstrdup(section->name);
    probe->file = xstrdup(section->source->path);
    probe->line = section->line;
    probe->family = AF_UNSPEC;
    load_thresholds(section, probe);
    load_damping(section, probe);
    load_family(section, probe);
    probe->expect_capability = config_strings(section, "expect_capability");
    probe->account = config_section_account(loader, section, "account");
    if (load_type(section, probe))
        load_typed(loader, section, probe);
    return probe;
}

void config_load_probes(struct config_loader *loader, const struct config_source *source)
{
    struct config *config = loader->config;
    struct config_section *sections =
        config_sections(source, "probe", loader->problems, &config->n_probes);

    config->probes = xcalloc(config->n_probes, sizeof(*config->probes));
    for (size_t i = 0; i < config->n_probes; i++) {
        config->probes[i] = load_probe(loader, &sections[i]);
        name_index_add(loader->probes, config->probes[i]->name, config->probes[i]);
    }
    free(sections);
}
