/*
 * email_return: answers the probes that arrive in a mailbox, run by the MTA from a .forward, with
 * the message on standard input. See email_return(1).
 *
 * Everything that comes in is hostile until its token has verified. Until then, and for everything
 * that is not answered, the exit status is 0 and nothing is written to standard output and error:
 * MTAs return failures and output to the sender, who is anybody. Afterwards trouble of our own is
 * 75, so that the MTA keeps the probe and tries again.
 */
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
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

/* sysexits(3) */
#define QUIET 0
#define USAGE 64
#define TRY_AGAIN 75

#define TIME_LIMIT 180      /* seconds, of everything; Postfix waits for 1000 */
#define TOO_SOON_SECONDS 30 /* that an answer waits for its turn */
#define WHY (PATH_MAX + 200)

enum action { ACTION_RETURN, ACTION_SELF_TEST, ACTION_HELP, ACTION_VERSION, ACTION_WRONG };

struct work {
    const char *given; /* of -c */
    struct account account;
    char path[PATH_MAX]; /* of the configuration */
    char program[PATH_MAX];
    char sender[SETTINGS_ADDRESS]; /* of the envelope; "" when it is not known */
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
    _exit(QUIET);
}

static void quit_for_now(int number)
{
    (void)number;
    _exit(TRY_AGAIN);
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
            return ACTION_WRONG;
    return action;
}

static bool is_daemon(const char *sender)
{
    return *sender == '\0' || strcmp(sender, "<>") == 0 ||
           strncasecmp(sender, "mailer-daemon", strlen("mailer-daemon")) == 0;
}

/* Of the environment only the envelope's sender counts: an empty one, or a plain address. What is
 * neither is taken for not known: then Return-Path says it. */
static void take_environment(struct work *work)
{
    static const char octets[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "!#$%&'*+-/=?^_`{|}~.@";
    const char *sender = getenv("SENDER");

    if (sender != NULL && strnlen(sender, sizeof(work->sender)) < sizeof(work->sender)) {
        work->null_sender = is_daemon(sender);
        if (strchr(sender, '@') != NULL && sender[strspn(sender, octets)] == '\0')
            memcpy(work->sender, sender, strlen(sender) + 1);
    }
    clearenv();
}

static bool take_account(struct work *work)
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

static void take_program(struct work *work)
{
    ssize_t len = readlink("/proc/self/exe", work->program, sizeof(work->program) - 1);

    work->program[len > 0 ? len : 0] = '\0';
}

/* ---- what a person is told ---- */

static void usage(FILE *out)
{
    fputs(
        "usage: email_return [-c FILE]              answer the probe on standard input, if it is\n"
        "                                           one; for a .forward\n"
        "       email_return [-c FILE] --self-test  tell what is wrong, send nothing\n"
        "       email_return --help | --version\n",
        out);
}

static const char *who_may_not(void)
{
    if (getuid() != geteuid() || getgid() != getegid())
        return "email_return does not run with another user's or group's rights: remove its setuid "
               "and setgid bits";
    if (getuid() == 0)
        return "email_return does not run as root: run it as the user who gets the probes";
    return NULL;
}

static int tell_person(enum action action, struct work *work)
{
    const char *why = who_may_not();

    if (action == ACTION_HELP) {
        usage(stdout);
        return 0;
    }
    if (action == ACTION_VERSION) {
        puts("email_return " MAILVIGIL_VERSION);
        return 0;
    }
    if (why == NULL && !take_account(work))
        why = "the password database does not know this user, or no home of his";
    if (why != NULL) {
        printf("WRONG  user: %s\n", why);
        return 1;
    }
    take_program(work);
    return self_test(&work->account, work->program, work->given) ? 0 : 1;
}

/* ---- answering ---- */

static void not_answered(const struct work *work, const char *why)
{
    char text[WHY + 50];
    char path[PATH_MAX];
    const char *cache = work->settings.cache;

    /* Before the configuration is read: where the cache would be by default. */
    if (*cache == '\0' && snprintf(path, sizeof(path), "%s/.email_return.cache",
                                   work->account.home) < (int)sizeof(path))
        cache = path;
    snprintf(text, sizeof(text), "not answered: %s", why);
    said_at_times(cache, text);
}

static void on_problem(void *arg, unsigned line, const char *text)
{
    struct work *work = arg;

    if (work->why[0] == '\0')
        snprintf(work->why, sizeof(work->why), "configuration, line %u: %s", line, text);
}

/* false: why says what. That sendmail is not there is told when it is needed. */
static bool get_ready(struct work *work)
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

    /* Either may say that it comes from ourselves. */
    if (work->sender[0] != '\0' &&
        (work->mail.return_path[0] == '\0' || strcasecmp(work->sender, rules.address) == 0))
        snprintf(work->mail.return_path, sizeof(work->mail.return_path), "%.*s",
                 (int)sizeof(work->mail.return_path) - 1, work->sender);
    decision = answer_decide(&rules, &work->mail, work->null_sender, work->stamp.received_us,
                             &work->token);
    if (decision == ANSWER_YES)
        return true;
    snprintf(work->why, WHY, "a message that %s", answer_decision_text(decision));
    return false;
}

/* When a queue is let go many probes come at once: each waits for its turn. */
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

    snprintf(work->why, WHY, "no random octets");
    if (getrandom(unique, sizeof(unique), 0) == (ssize_t)sizeof(unique)) {
        work->stamp.handed_us = clock_us();
        if (work->stamp.handed_us < work->stamp.received_us) /* the clock was set back meanwhile */
            work->stamp.handed_us = work->stamp.received_us;
        len = answer_write(&rules, &work->mail, &work->token, &work->stamp, unique, false, message);
        handed_over =
            hand_over(settings, &work->account, &work->limits, message, len, work->why, WHY);
    }
    if (handed_over)
        return QUIET;
    snprintf(text, sizeof(text), "a probe was not answered: %s", work->why);
    said(text);
    /* Perhaps it has gone: the other side counts a second answer as a duplicate, but one that is
     * lost as lost mail. */
    (void)replay_forget(settings->cache, token_nonce(&work->token));
    return TRY_AGAIN;
}

static int answer(struct work *work)
{
    enum replay_outcome outcome;

    confine_signals(quit_for_now);
    outcome = note(work);
    if (outcome == REPLAY_NEW)
        return send_answer(work);
    not_answered(work, work->why);
    return outcome == REPLAY_TROUBLE || outcome == REPLAY_TOO_SOON ? TRY_AGAIN : QUIET;
}

/* Mail without a token is no business of ours: not a word about it. */
static bool has_token(const struct probe_mail *mail)
{
    return mail->has_probe_field || mail->subject_probe[0] != '\0';
}

/* Nothing can be done with any message. */
static int give_up(const char *why)
{
    alarm(TIME_LIMIT);
    if (!isatty(STDIN_FILENO))
        reader_drain(STDIN_FILENO);
    said(why);
    return QUIET;
}

static int look_at_message(struct work *work)
{
    const char *why = who_may_not();
    int status = QUIET;

    alarm(TIME_LIMIT);
    if (why == NULL && !take_account(work))
        why = "not answered: the password database does not know this user, or no home of his";
    if (why == NULL &&
        (!settings_path(work->given, work->account.home, work->path) || chdir("/") != 0))
        why = "not answered: the configuration's path is too long";
    if (why != NULL)
        return give_up(why);
    if (!reader_read(STDIN_FILENO, &work->mail, &why)) {
        not_answered(work, why);
        return QUIET;
    }
    if (!has_token(&work->mail))
        return QUIET;
    take_program(work);
    if (get_ready(work) && decide(work))
        status = answer(work);
    else
        not_answered(work, work->why);
    token_keys_wipe(&work->keys);
    return status;
}

/* With arguments that are wrong there is nobody to tell but a person. */
static bool is_for_person(enum action action)
{
    return action == ACTION_SELF_TEST || action == ACTION_HELP || action == ACTION_VERSION;
}

int main(int argc, char **argv)
{
    struct work work = {.stamp.received_us = clock_us()};
    enum action action = read_arguments(argc, argv, &work.given);

    take_environment(&work);
    confine_descriptors();
    if (action == ACTION_WRONG || (action == ACTION_RETURN && isatty(STDIN_FILENO))) {
        if (isatty(STDERR_FILENO)) {
            usage(stderr);
            return USAGE;
        }
    }
    if (!is_for_person(action))
        confine_output();
    confine_signals(quit_quietly);
    confine_limits(&work.limits);
    umask(077);
    /* No configuration of OpenSSL: it may name modules to load. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (is_for_person(action))
        return tell_person(action, &work);
    if (action == ACTION_WRONG)
        return give_up("not answered: wrong arguments");
    return look_at_message(&work);
}
