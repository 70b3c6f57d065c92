#include "agent/email_return/self_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/email_return/trust.h"
#include "agent/reflect/answer.h"

#define WHY (PATH_MAX + 200)

struct test {
    const struct account *account;
    const char *program;
    bool good;
};

__attribute__((format(printf, 3, 4))) static void report(struct test *test, const char *verdict,
                                                         const char *format, ...)
{
    va_list arguments;

    printf("%-6s ", verdict);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    if (strcmp(verdict, "WRONG") == 0)
        test->good = false;
}

/* The file and its directories; true: trusted. */
static bool check_trust(struct test *test, const char *what, const char *path)
{
    char why[WHY];

    if (!trust_file(path, why, sizeof(why))) {
        report(test, "WRONG", "%s: %s", what, why);
        return false;
    }
    report(test, "ok", "%s: %s", what, path);
    return true;
}

/* ---- .forward ---- */

static bool reads(int fd, const char *word)
{
    char text[8192];
    ssize_t len = read(fd, text, sizeof(text));

    return len > 0 && memmem(text, (size_t)len, word, strlen(word)) != NULL;
}

/* It may be missing: an alias or a transport may run the program instead. */
static void check_forward(struct test *test)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s/.forward", test->account->home) >= (int)sizeof(path))
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        report(
            test, "note",
            "%s does not exist: create it with the line \"|%s\", including the quotes, unless an "
            "alias runs the program",
            path, test->program);
        return;
    }
    if (fd < 0) {
        report(test, "WRONG", ".forward: %s: %s", path, strerror(errno));
        return;
    }
    if (check_trust(test, ".forward", path) && !reads(fd, "email_return"))
        report(test, "WRONG",
               ".forward: does not run email_return: add the line \"|%s\", including the quotes",
               test->program);
    close(fd);
}

/* ---- the configuration and its files ---- */

static void on_problem(void *arg, unsigned line, const char *text)
{
    struct test *test = arg;

    if (line > 0)
        report(test, "WRONG", "configuration, line %u: %s", line, text);
    else
        report(test, "WRONG", "configuration: %s", text);
}

static bool check_settings(struct test *test, const char *given, struct settings *settings)
{
    char path[PATH_MAX];

    if (!settings_path(given, test->account->home, path)) {
        report(test, "WRONG", "configuration: file name too long");
        return false;
    }
    if (!settings_load(settings, path, test->account->home, on_problem, test)) {
        report(test, "note", "configuration: read from %s", path);
        return false;
    }
    report(test, "ok", "configuration: %s", path);
    report(test, "ok", "probes to %s are answered to %s, from %s", settings->address,
           settings->reply_to, settings->sender[0] != '\0' ? settings->sender : "the null sender");
    return true;
}

/* Signed and verified in memory, with the first key. */
static void check_token(struct test *test, const struct settings *settings,
                        const struct token_keys *keys)
{
    static const unsigned char id[TOKEN_PROBE_ID], nonce[TOKEN_NONCE];
    const struct answer_rules rules = {keys, settings->address, settings->reply_to};
    struct probe_mail mail = {.has_probe_field = true};
    struct probe_token token = {{0}};
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;

    token_make(&token, &keys->keys[0], id, nonce, now_ms, settings->address, settings->reply_to);
    token_write(&token, mail.probe_field);
    if (answer_decide(&rules, &mail, false, now_ms * 1000, &token) == ANSWER_YES)
        report(test, "ok", "a token can be signed and verified");
    else
        report(test, "WRONG", "a token cannot be verified: is this program damaged?");
}

static void check_keys(struct test *test, const struct settings *settings)
{
    struct token_keys keys;
    char why[WHY];

    if (!check_trust(test, "secret_file", settings->secret_file))
        return;
    if (!token_keys_read(settings->secret_file, &keys, why, sizeof(why))) {
        report(test, "WRONG", "secret_file: %s", why);
        return;
    }
    report(test, "ok", "secret_file: %zu key%s", keys.count, keys.count == 1 ? "" : "s");
    check_token(test, settings, &keys);
    token_keys_wipe(&keys);
}

static void check_cache(struct test *test, const struct settings *settings)
{
    char why[WHY];

    if (!trust_place(settings->cache, why, sizeof(why)) ||
        replay_check(settings->cache, why, sizeof(why)) != REPLAY_NEW)
        report(test, "WRONG", "cache: %s", why);
    else
        report(test, "ok", "cache: %s", settings->cache);
}

static void check_sendmail(struct test *test, const struct settings *settings)
{
    struct stat st;

    if (!check_trust(test, "sendmail", settings->sendmail))
        return;
    if (stat(settings->sendmail, &st) != 0 || !S_ISREG(st.st_mode) ||
        access(settings->sendmail, X_OK) != 0)
        report(test, "WRONG", "sendmail: %s is not executable by this user", settings->sendmail);
}

bool self_test(const struct account *account, const char *program, const char *given)
{
    struct test test = {.account = account, .program = program, .good = true};
    struct settings settings;

    report(&test, "ok", "user: %s, home directory %s", account->name, account->home);
    if (*program == '\0')
        report(&test, "note", "this program: its path is unknown without /proc");
    else
        check_trust(&test, "this program", program);
    check_trust(&test, "home", account->home);
    check_forward(&test);
    if (check_settings(&test, given, &settings)) {
        check_keys(&test, &settings);
        check_cache(&test, &settings);
        check_sendmail(&test, &settings);
    }
    puts(test.good ? "Probes will be answered." : "Probes will NOT be answered.");
    return test.good;
}
