#include "agent/reflect/self_test.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/reflect/answer.h"
#include "agent/reflect/settings.h"

__attribute__((format(printf, 2, 3))) static int told(bool well, const char *format, ...)
{
    va_list arguments;

    fputs(well ? "ok     " : "WRONG  ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return well ? 0 : 1;
}

static int check_user(void)
{
    if (getuid() != 0 && geteuid() != 0)
        return told(true, "runs as user id %u", (unsigned)getuid());
    return told(false, "runs as root: run it as the user who has the .forward; as root it answers "
                       "nothing");
}

static int check_program(void)
{
    char path[PATH_MAX], why[SETTINGS_WHY_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (len <= 0)
        return told(false, "this program's own file cannot be found: %s", strerror(errno));
    path[len] = '\0';
    if (!settings_file_is_safe(path, why))
        return told(false, "the program: %s", why);
    return told(true, "the program: %s", path);
}

static int check_keys(const struct settings *settings, struct token_keys *keys)
{
    char why[SETTINGS_WHY_MAX];

    if (!token_keys_read(settings->secret_file, keys, why, sizeof(why)))
        return told(false, "secret_file: %s", why);
    if (!settings_file_is_safe(settings->secret_file, why))
        return told(false, "secret_file: %s", why);
    return told(true, "secret_file: %s, %zu key%s", settings->secret_file, keys->count,
                keys->count == 1 ? "" : "s");
}

static int check_cache(const struct settings *settings)
{
    char why[SETTINGS_WHY_MAX] = "";

    if (replay_check(settings->cache, why, sizeof(why)) != REPLAY_NEW)
        return told(false, "cache: %s", why);
    return told(true, "cache: %s", settings->cache);
}

static int check_sendmail(const struct settings *settings)
{
    struct stat status;

    if (stat(settings->sendmail, &status) != 0)
        return told(false, "sendmail: %s: %s; name another in %s", settings->sendmail,
                    strerror(errno), settings->file);
    if (!S_ISREG(status.st_mode) || access(settings->sendmail, X_OK) != 0)
        return told(false, "sendmail: %s cannot be executed by this user", settings->sendmail);
    if ((status.st_mode & S_IWOTH) != 0)
        return told(false, "sendmail: %s can be written by everybody", settings->sendmail);
    return told(true, "sendmail: %s", settings->sendmail);
}

/* A probe as the other side makes it, and whether we would answer it. */
static int check_token(const struct settings *settings, const struct token_keys *keys)
{
    static const unsigned char probe_id[TOKEN_PROBE_ID], nonce[TOKEN_NONCE];
    struct answer_rules rules = {
        .keys = keys, .address = settings->address, .reply_to = settings->reply_to};
    struct probe_token token = {0}, answered;
    struct probe_mail mail;
    char text[TOKEN_LEN + 1], message[512];
    enum answer_decision decision;
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;

    token_make(&token, &keys->keys[0], probe_id, nonce, now_ms, settings->address,
               settings->reply_to);
    token_write(&token, text);
    snprintf(message, sizeof(message), TOKEN_PROBE_FIELD ": %s\nSubject: mailvigil probe %s\n\n",
             text, text);
    probe_mail_parse(&mail, message, strlen(message));
    decision = answer_decide(&rules, &mail, false, now_ms * 1000, &answered);
    return told(decision == ANSWER_YES, "a probe to %s that answers to %s %s", settings->address,
                settings->reply_to, answer_decision_text(decision));
}

static int check_forward(const struct settings *settings)
{
    char path[PATH_MAX + 16], line[4096];
    bool named = false;
    FILE *forward;

    snprintf(path, sizeof(path), "%s/.forward", settings->home);
    forward = fopen(path, "re");
    if (forward == NULL) {
        printf("note   %s: %s; the MTA must start this program in another way\n", path,
               strerror(errno));
        return 0;
    }
    while (fgets(line, sizeof(line), forward) != NULL)
        named |= strstr(line, "email_return") != NULL;
    fclose(forward);
    if (!named)
        return told(false, "%s does not name email_return", path);
    return told(true, "%s", path);
}

int self_test(const char *path)
{
    struct settings settings;
    struct token_keys keys = {0};
    char why[SETTINGS_WHY_MAX];
    int wrong = check_user() + check_program();

    if (!settings_read(&settings, path, why)) {
        told(false, "configuration: %s", why);
        return 1;
    }
    told(true, "configuration: %s", settings.file);
    wrong += check_keys(&settings, &keys);
    wrong += check_cache(&settings);
    wrong += check_sendmail(&settings);
    if (keys.count > 0)
        wrong += check_token(&settings, &keys);
    wrong += check_forward(&settings);
    token_keys_wipe(&keys);
    puts(wrong == 0 ? "All is well. Nothing was sent." : "It would not work as it stands.");
    return wrong == 0 ? 0 : 1;
}
