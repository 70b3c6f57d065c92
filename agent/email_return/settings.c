#include "agent/email_return/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/email_return/trust.h"

#define LOCAL_MAX 64 /* RFC 5321 section 4.5.3.1.1 */
#define INTERVAL_MAX 3600

struct loader {
    struct settings *settings;
    const char *path, *home;
    settings_problem *problem;
    void *arg;
    unsigned line;
    bool good;
};

static void report(struct loader *loader, const char *text)
{
    loader->good = false;
    loader->problem(loader->arg, loader->line, text);
}

/* ---- values: NULL, or what is wrong with them ---- */

static bool is_atom(const char *text, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-/=?^_`{|}~.";

    return len > 0 && strspn(text, allowed) >= len && text[0] != '.' && text[len - 1] != '.' &&
           memmem(text, len, "..", 2) == NULL;
}

static const char *parse_address(const struct loader *loader, char *out, const char *value)
{
    const char *at = strchr(value, '@');

    (void)loader;
    if (at == NULL || strlen(value) >= SETTINGS_ADDRESS || at - value > LOCAL_MAX ||
        *value == '-' || !is_atom(value, (size_t)(at - value)) || !is_atom(at + 1, strlen(at + 1)))
        return "is not a plain address such as probe@example.org";
    memcpy(out, value, strlen(value) + 1);
    return NULL;
}

static const char *parse_sender(const struct loader *loader, char *out, const char *value)
{
    if (*value == '\0' || strcmp(value, "<>") == 0) {
        *out = '\0';
        return NULL;
    }
    return parse_address(loader, out, value);
}

static const char *parse_path(const struct loader *loader, char *out, const char *value)
{
    int directory = (int)(strrchr(loader->path, '/') - loader->path);
    int len;

    if (*value == '\0')
        return "is empty";
    if (*value == '/')
        len = snprintf(out, PATH_MAX, "%s", value);
    else if (strncmp(value, "~/", 2) == 0)
        len = snprintf(out, PATH_MAX, "%s/%s", loader->home, value + 2);
    else
        len = snprintf(out, PATH_MAX, "%.*s/%s", directory, loader->path, value);
    return len < PATH_MAX ? NULL : "is too long for a path";
}

static const char *parse_program(const struct loader *loader, char *out, const char *value)
{
    return *value == '/' ? parse_path(loader, out, value) : "is not an absolute path";
}

static const char *parse_number(unsigned *out, const char *value, unsigned long min,
                                unsigned long max)
{
    size_t len = strlen(value);

    if (len == 0 || len > 6 || strspn(value, "0123456789") != len)
        return "is not a number";
    unsigned long number = strtoul(value, NULL, 10);
    if (number < min || number > max)
        return "is out of range";
    *out = (unsigned)number;
    return NULL;
}

static const char *parse_per_hour(const struct loader *loader, char *out, const char *value)
{
    (void)out;
    return parse_number(&loader->settings->limits.max_per_hour, value, 0, REPLAY_ENTRIES);
}

static const char *parse_interval(const struct loader *loader, char *out, const char *value)
{
    (void)out;
    return parse_number(&loader->settings->limits.min_interval, value, 0, INTERVAL_MAX);
}

static const struct key {
    const char *name;
    const char *(*parse)(const struct loader *loader, char *out, const char *value);
    size_t at; /* of out */
    bool required;
} keys[] = {
    {"address", parse_address, offsetof(struct settings, address), true},
    {"reply_to", parse_address, offsetof(struct settings, reply_to), true},
    {"secret_file", parse_path, offsetof(struct settings, secret_file), true},
    {"cache", parse_path, offsetof(struct settings, cache), false},
    {"sendmail", parse_program, offsetof(struct settings, sendmail), false},
    {"sender", parse_sender, offsetof(struct settings, sender), false},
    {"max_per_hour", parse_per_hour, 0, false},
    {"min_interval", parse_interval, 0, false},
};
#define KEYS (sizeof(keys) / sizeof(*keys))

/* ---- lines ---- */

static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t");
    end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t len = strlen(value);

    if (len < 2 || value[0] != '"' || value[len - 1] != '"')
        return value;
    value[len - 1] = '\0';
    return value + 1;
}

static void parse_key(struct loader *loader, const struct key *key, const char *value)
{
    const char *fault = key->parse(loader, (char *)loader->settings + key->at, value);
    char text[200];

    if (fault == NULL)
        return;
    snprintf(text, sizeof(text), "%s = %.80s: %s", key->name, value, fault);
    report(loader, text);
}

static void parse_line(struct loader *loader, char *line, bool seen[KEYS])
{
    char *equals, *name = trim(line), text[200];

    if (*name == '\0' || *name == '#')
        return;
    equals = strchr(name, '=');
    if (equals == NULL) {
        report(loader, "is not \"key = value\"");
        return;
    }
    *equals = '\0';
    name = trim(name);
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(name, keys[i].name) != 0)
            continue;
        if (seen[i]) {
            snprintf(text, sizeof(text), "duplicate key \"%s\"", name);
            report(loader, text);
        } else {
            parse_key(loader, &keys[i], unquote(trim(equals + 1)));
        }
        seen[i] = true;
        return;
    }
    snprintf(text, sizeof(text), "unknown key \"%.80s\"", name);
    report(loader, text);
}

static void parse_text(struct loader *loader, char *text, bool seen[KEYS])
{
    char *next;

    for (char *line = text; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        loader->line++;
        parse_line(loader, line, seen);
    }
    loader->line = 0;
}

static void check_whole(struct loader *loader, const bool seen[KEYS])
{
    char text[100];

    for (size_t i = 0; i < KEYS; i++) {
        if (!keys[i].required || seen[i])
            continue;
        snprintf(text, sizeof(text), "%s is missing", keys[i].name);
        report(loader, text);
    }
    if (loader->good && strcasecmp(loader->settings->address, loader->settings->reply_to) == 0)
        report(loader, "address and reply_to are the same: answers would loop back");
}

/* ---- the file ---- */

/* Opens what trust_file() has checked: only root and this user could have replaced it since. */
static bool read_file(struct loader *loader, char *text, size_t size)
{
    int fd = open(loader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t len = 0;
    ssize_t got = -1;
    struct stat st;

    if (fd < 0) {
        report(loader, strerror(errno));
        return false;
    }
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        report(loader, "is not a regular file");
        close(fd);
        return false;
    }
    while (len < size && (got = read(fd, text + len, size - len)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (got < 0)
        report(loader, strerror(errno));
    else if (len == size)
        report(loader, "is too large for a configuration file");
    else if (memchr(text, '\0', len) != NULL)
        report(loader, "contains a NUL byte");
    if (loader->good)
        text[len] = '\0';
    return loader->good;
}

bool settings_path(const char *given, const char *home, char path[PATH_MAX])
{
    char here[PATH_MAX];
    int len;

    if (given == NULL) {
        len = snprintf(path, PATH_MAX, "%s/.email_return.conf", home);
        if (len < PATH_MAX && access(path, F_OK) != 0 && errno == ENOENT)
            len = snprintf(path, PATH_MAX, "%s", MAILVIGIL_SYSCONFDIR "/email_return.conf");
        return len < PATH_MAX;
    }
    if (*given == '/')
        return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX;
    return getcwd(here, sizeof(here)) != NULL &&
           snprintf(path, PATH_MAX, "%s/%s", here, given) < PATH_MAX;
}

bool settings_load(struct settings *settings, const char *path, const char *home,
                   settings_problem *problem, void *arg)
{
    struct loader loader = {.settings = settings,
                            .path = path,
                            .home = home,
                            .problem = problem,
                            .arg = arg,
                            .good = true};
    bool seen[KEYS] = {false};
    char text[SETTINGS_FILE_MAX], why[PATH_MAX + 200];

    memset(settings, 0, sizeof(*settings));
    settings->limits = (struct replay_limits){120, 1};
    strcpy(settings->sendmail, "/usr/sbin/sendmail");
    if (parse_path(&loader, settings->cache, "~/.email_return.cache") != NULL)
        report(&loader, "the name of the home directory is too long");
    if (!trust_file(path, why, sizeof(why))) {
        report(&loader, why);
        return false;
    }
    if (read_file(&loader, text, sizeof(text))) {
        parse_text(&loader, text, seen);
        check_whole(&loader, seen);
    }
    return loader.good;
}
