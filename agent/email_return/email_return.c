/*
 * email_return: answers the probes that arrive in a mailbox, run by the MTA from a .forward, with
 * the message on standard input. See email_return(1).
 *
 * All input is hostile until its token is verified. Until then, and for everything
 * that is not answered, the exit status is 0 and nothing is written to standard output and error:
 * MTAs return failures and output to the sender, who may be anybody. After that, local problems
 * are EX_TEMPFAIL, so that the MTA keeps the probe and tries again.
 */
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "agent/email_return/confine.h"
#include "agent/email_return/hand_over.h"
#include "agent/email_return/reader.h"
#include "agent/email_return/self_test.h"
#include "agent/email_return/settings.h"
#include "agent/email_return/syslog_line.h"
#include "agent/email_return/trust.h"
#include "agent/reflect/answer.h"

#define TIME_LIMIT 180      /* seconds, of everything; Postfix waits for 1000 */
#define TOO_SOON_SECONDS 30 /* that an answer waits because of min_interval */
#define WHY (PATH_MAX + 200)

enum action { ACTION_RETURN, ACTION_SELF_TEST, ACTION_HELP, ACTION_VERSION, ACTION_INVALID };

struct work {
    const char *given; /* of -c */
    struct account account;
    char path[PATH_MAX]; /* of the configuration */
    char program[PATH_MAX];
    char sender[SETTINGS_ADDRESS]; /* of the envelope; "" if unknown */
    bool null_sender;
    struct confine_limits limits;
    struct settings settings;
    struct token_keys keys;
    struct probe_mail mail;
    struct probe_token token;
    struct stamp stamp;
    char why[WHY];
};

static void quit_quietly(int number)
{
    (void)number;
    _exit(EX_OK);
}

static void quit_for_now(int number)
{
    (void)number;
    _exit(EX_TEMPFAIL);
}

static uint64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- before anything else ---- */

static enum action read_arguments(int argc, char **argv, const char **given)
{
    enum action action = ACTION_RETURN;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
            *given = argv[++i];
        else if (strcmp(argv[i], "--self-test") == 0)
            action = ACTION_SELF_TEST;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            action = ACTION_HELP;
        else if (strcmp(argv[i], "--version") == 0)
            action = ACTION_VERSION;
        else
            return ACTION_INVALID;
    return action;
}

static bool is_daemon(const char *sender)
{
    return *sender == '\0' || strcmp(sender, "<>") == 0 ||
           strncasecmp(sender, "mailer-daemon", strlen("mailer-daemon")) == 0;
}

/* Of the environment only the envelope's sender is used: an empty one, or a plain address. Anything
 * else is treated as unknown: then Return-Path is used. */
static void read_environment(struct work *work)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-/=?^_`{|}~.@";
    const char *sender = getenv("SENDER");

    if (sender != NULL && strnlen(sender, sizeof(work->sender)) < sizeof(work->sender)) {
        work->null_sender = is_daemon(sender);
        if (strchr(sender, '@') != NULL && sender[strspn(sender, allowed)] == '\0')
            memcpy(work->sender, sender, strlen(sender) + 1);
    }
    clearenv();
}

static bool find_account(struct work *work)
{
    struct account *account = &work->account;
    struct passwd entry, *user = NULL;
    char text[16 * 1024];

    return getpwuid_r(getuid(), &entry, text, sizeof(text), &user) == 0 && user != NULL &&
           user->pw_dir[0] == '/' &&
           snprintf(account->name, sizeof(account->name), "%s", user->pw_name) <
               (int)sizeof(account->name) &&
           snprintf(account->home, sizeof(account->home), "%s", user->pw_dir) <
               (int)sizeof(account->home);
}

static void find_program(struct work *work)
{
    ssize_t len = readlink("/proc/self/exe", work->program, sizeof(work->program) - 1);

    work->program[len > 0 ? len : 0] = '\0';
}

/* ---- for the administrator ---- */

static void usage(FILE *out)
{
    fputs(
        "usage: email_return [-c FILE]              answer the probe on standard input, if it is\n"
        "                                           one; for use in .forward\n"
        "       email_return [-c FILE] --self-test  check the installation: print \"ok\" or\n"
        "                                           \"WRONG\" for each requirement, and how to "
        "fix\n"
        "                                           it; nothing is sent\n"
        "       email_return --help | --version\n",
        out);
}

static const char *forbidden_user(void)
{
    if (getuid() != geteuid() || getgid() != getegid())
        return "email_return must not be setuid or setgid: remove these bits";
    if (getuid() == 0)
        return "email_return must not run as root: run it as the user who receives the probes";
    return NULL;
}

static int interactive(enum action action, struct work *work)
{
    const char *why = forbidden_user();

    if (action == ACTION_HELP) {
        usage(stdout);
        return 0;
    }
    if (action == ACTION_VERSION) {
        puts("email_return " MAILVIGIL_VERSION);
        return 0;
    }
    if (why == NULL && !find_account(work))
        why = "this user has no entry in the password database, or no home directory";
    if (why != NULL) {
        printf("WRONG  user: %s\n", why);
        return 1;
    }
    find_program(work);
    return self_test(&work->account, work->program, work->given) ? 0 : 1;
}

/* ---- answering ---- */

static void not_answered(const struct work *work, const char *why)
{
    char text[WHY + 50];
    char path[PATH_MAX];
    const char *cache = work->settings.cache;

    /* Before the configuration is read: the default cache. */
    if (*cache == '\0' && snprintf(path, sizeof(path), "%s/.email_return.cache",
                                   work->account.home) < (int)sizeof(path))
        cache = path;
    snprintf(text, sizeof(text), "not answered: %s", why);
    syslog_line_limited(cache, text);
}

static void on_problem(void *arg, unsigned line, const char *text)
{
    struct work *work = arg;

    if (work->why[0] == '\0')
        snprintf(work->why, sizeof(work->why), "configuration, line %u: %s", line, text);
}

/* false: why says what is wrong. A missing sendmail is reported when it is needed. */
static bool prepare(struct work *work)
{
    const struct settings *settings = &work->settings;
    char *why = work->why;

    why[0] = '\0';
    if (!settings_load(&work->settings, work->path, work->account.home, on_problem, work))
        return false;
    return (*work->program == '\0' || trust_file(work->program, why, WHY)) &&
           trust_file(settings->secret_file, why, WHY) && trust_place(settings->cache, why, WHY) &&
           (access(settings->sendmail, F_OK) != 0 || trust_file(settings->sendmail, why, WHY)) &&
           token_keys_read(settings->secret_file, &work->keys, why, WHY);
}

static bool decide(struct work *work)
{
    const struct answer_rules rules = {&work->keys, work->settings.address,
                                       work->settings.reply_to};
    enum answer_decision decision;

    /* Either may show that the message comes from ourselves. */
    if (work->sender[0] != '\0' &&
        (work->mail.return_path[0] == '\0' || strcasecmp(work->sender, rules.address) == 0))
        snprintf(work->mail.return_path, sizeof(work->mail.return_path), "%.*s",
                 (int)sizeof(work->mail.return_path) - 1, work->sender);
    decision = answer_decide(&rules, &work->mail, work->null_sender, work->stamp.received_us,
                             &work->token);
    if (decision == ANSWER_YES)
        return true;
    snprintf(work->why, WHY, "the message %s", answer_decision_text(decision));
    return false;
}

/* When a queue is flushed many probes arrive at once: each waits for its turn. */
static enum replay_outcome note(struct work *work)
{
    const struct settings *settings = &work->settings;
    uint64_t until = clock_us() + TOO_SOON_SECONDS * UINT64_C(1000000);
    enum replay_outcome outcome;

    do {
        outcome = replay_note(settings->cache, token_nonce(&work->token), clock_us(),
                              &settings->limits, work->why, WHY);
        if (outcome != REPLAY_TOO_SOON)
            return outcome;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    } while (clock_us() < until);
    return outcome;
}

static int send_answer(struct work *work)
{
    const struct settings *settings = &work->settings;
    const struct answer_rules rules = {&work->keys, settings->address, settings->reply_to};
    unsigned char unique[16];
    char message[ANSWER_MAX], text[WHY + 50];
    bool handed_over = false;
    size_t len;

    snprintf(work->why, WHY, "no random bytes available");
    if (getrandom(unique, sizeof(unique), 0) == (ssize_t)sizeof(unique)) {
        work->stamp.handed_us = clock_us();
        if (work->stamp.handed_us < work->stamp.received_us) /* the clock was set back meanwhile */
            work->stamp.handed_us = work->stamp.received_us;
        len = answer_write(&rules, &work->mail, &work->token, &work->stamp, unique, false, message);
        handed_over =
            hand_over(settings, &work->account, &work->limits, message, len, work->why, WHY);
    }
    if (handed_over)
        return EX_OK;
    snprintf(text, sizeof(text), "a probe was not answered: %s", work->why);
    syslog_line(text);
    /* It may have been sent: the other side counts a second answer as a duplicate, but a missing
     * one as lost mail. */
    (void)replay_forget(settings->cache, token_nonce(&work->token));
    return EX_TEMPFAIL;
}

static int answer(struct work *work)
{
    enum replay_outcome outcome;

    confine_signals(quit_for_now);
    outcome = note(work);
    if (outcome == REPLAY_NEW)
        return send_answer(work);
    not_answered(work, work->why);
    return outcome == REPLAY_TROUBLE || outcome == REPLAY_TOO_SOON ? EX_TEMPFAIL : EX_OK;
}

/* Mail without a token is not logged at all. */
static bool has_token(const struct probe_mail *mail)
{
    return mail->has_probe_field || mail->subject_probe[0] != '\0';
}

/* No message can be processed. */
static int give_up(const char *why)
{
    alarm(TIME_LIMIT);
    if (!isatty(STDIN_FILENO))
        reader_drain(STDIN_FILENO);
    syslog_line(why);
    return EX_OK;
}

static int handle_message(struct work *work)
{
    const char *why = forbidden_user();
    int status = EX_OK;

    alarm(TIME_LIMIT);
    if (why == NULL && !find_account(work))
        why = "not answered: this user has no entry in the password database, or no home directory";
    if (why == NULL &&
        (!settings_path(work->given, work->account.home, work->path) || chdir("/") != 0))
        why = "not answered: the configuration's path is too long";
    if (why != NULL)
        return give_up(why);
    if (!reader_read(STDIN_FILENO, &work->mail, &why)) {
        not_answered(work, why);
        return EX_OK;
    }
    if (!has_token(&work->mail))
        return EX_OK;
    find_program(work);
    if (prepare(work) && decide(work))
        status = answer(work);
    else
        not_answered(work, work->why);
    token_keys_wipe(&work->keys);
    return status;
}

/* Invalid arguments are only reported on a terminal. */
static bool is_interactive(enum action action)
{
    return action == ACTION_SELF_TEST || action == ACTION_HELP || action == ACTION_VERSION;
}

int main(int argc, char **argv)
{
    struct work work = {.stamp.received_us = clock_us()};
    enum action action = read_arguments(argc, argv, &work.given);

    read_environment(&work);
    confine_descriptors();
    if (action == ACTION_INVALID || (action == ACTION_RETURN && isatty(STDIN_FILENO))) {
        if (isatty(STDERR_FILENO)) {
            usage(stderr);
            return EX_USAGE;
        }
    }
    if (!is_interactive(action))
        confine_output();
    confine_signals(quit_quietly);
    confine_limits(&work.limits);
    umask(077);
    /* No configuration of OpenSSL: it may name modules to load. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (is_interactive(action))
        return interactive(action, &work);
    if (action == ACTION_INVALID)
        return give_up("not answered: invalid arguments");
    return handle_message(&work);
}
