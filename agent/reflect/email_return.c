/*
 * email_return: answers the signed probes of mailvigil from a .forward, and nothing else.
 *
 * An MTA runs it as a local user; the message on standard input is anybody's, and part of the
 * environment too. So: the environment is thrown away, all that is read is bounded in size and
 * time, nothing is written to standard output or error (an MTA would mail it to the sender), every
 * message that is not a probe of ours ends in exit 0 without a trace, and only trouble of our own
 * behind a verified token is told to the MTA (75, try again later).
 *
 * The kernel's no_new_privs is not set: sendmail is set-group-id (Postfix) or set-user-id (Exim)
 * and could not queue the answer with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "agent/reflect/answer.h"
#include "agent/reflect/hand_over.h"
#include "agent/reflect/self_test.h"

#define TIME_MAX 60                      /* seconds for all of it */
#define CPU_MAX 10                       /* seconds */
#define MEMORY_MAX (256UL * 1024 * 1024) /* octets of address space */
#define FILE_MAX (4UL * 1024 * 1024)     /* octets of the cache, with room */
#define INPUT_MAX PROBE_MAIL_HEADER      /* octets of the message that are looked at */
#define DRAIN_MAX (1024UL * 1024 * 1024) /* octets that are read and thrown away behind them */

enum exit_status { EXIT_DONE = 0, EXIT_USAGE = 64, EXIT_TRY_AGAIN = 75 };

#if defined(__SANITIZE_ADDRESS__)
#define BOUND_MEMORY false /* its shadow memory has terabytes of addresses */
#else
#define BOUND_MEMORY true
#endif

static const char usage_text[] =
    "usage: email_return [-c FILE] [--self-test]\n"
    "\n"
    "Answers the signed test messages of mailvigil. An MTA runs it, with the message on standard\n"
    "input; in a .forward:\n"
    "\n"
    "    \\username, \"|/usr/libexec/mailvigil/email_return\"\n"
    "\n"
    "  -c FILE       the configuration; default ~/.email_return.conf, then\n"
    "                " MAILVIGIL_SYSCONFDIR "/email_return.conf\n"
    "  --self-test   tells what hinders it, and what to do; sends nothing\n"
    "  --version, --help\n"
    "\n"
    "The manual is email_return(1).\n";

struct message {
    uint64_t received_us; /* the program's start */
    bool null_sender;
    char text[INPUT_MAX];
    size_t len;
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- confinement ---- */

/* Only the soft limit: sendmail gets its own back. NPROC stays: it counts all processes of the
 * user, and would keep sendmail from being started. */
static void lower(int resource, rlim_t most, struct rlimit *old)
{
    struct rlimit lowered;

    if (getrlimit((__rlimit_resource_t)resource, old) != 0)
        *old = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    lowered = *old;
    if (lowered.rlim_cur == RLIM_INFINITY || lowered.rlim_cur > most)
        lowered.rlim_cur = most;
    setrlimit((__rlimit_resource_t)resource, &lowered);
}

static void on_alarm(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

static void set_limits(struct own_limits *limits)
{
    struct rlimit none = {0, 0};

    lower(RLIMIT_CPU, CPU_MAX, &limits->cpu);
    lower(RLIMIT_FSIZE, FILE_MAX, &limits->file);
    if (BOUND_MEMORY)
        lower(RLIMIT_AS, MEMORY_MAX, &limits->memory);
    else
        getrlimit(RLIMIT_AS, &limits->memory);
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, on_alarm);
    alarm(TIME_MAX);
    umask(077);
    if (chdir("/") != 0)
        _exit(EXIT_DONE);
}

/* Descriptors 0 to 2 are open, and what is written goes nowhere. */
static void hush(void)
{
    int null;

    while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= STDERR_FILENO)
        ;
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(EXIT_DONE);
    close_range(STDERR_FILENO + 1, ~0u, 0);
}

/* Whether the envelope sender is null: Postfix and Exim have SENDER. Nothing else is used of it. */
static bool take_environment(void)
{
    const char *sender = getenv("SENDER");
    bool null_sender = sender != NULL && *sender == '\0';

    clearenv();
    return null_sender;
}

/* ---- the message ---- */

/* What is behind the octets that are looked at is read too: an MTA takes a closed pipe as an error.
 */
static void read_message(struct message *message)
{
    char rest[65536];
    size_t drained = 0;
    ssize_t got;

    while (message->len < INPUT_MAX) {
        got = read(STDIN_FILENO, message->text + message->len, INPUT_MAX - message->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        message->len += (size_t)got;
    }
    while (drained < DRAIN_MAX) {
        got = read(STDIN_FILENO, rest, sizeof(rest));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        drained += got > 0 ? (size_t)got : 0;
    }
}

/* ---- the answer ---- */

static int hand_answer_over(const struct settings *settings, const struct own_limits *limits,
                            const char *message, size_t len, const struct probe_token *token)
{
    char why[SETTINGS_WHY_MAX];

    if (hand_over(settings, limits, message, len, why)) {
        syslog(LOG_INFO, "answered a probe, to %s", settings->reply_to);
        return EXIT_DONE;
    }
    replay_forget(settings->cache, token_nonce(token));
    syslog(LOG_ERR, "a probe is not answered yet: %s", why);
    return EXIT_TRY_AGAIN;
}

/* Behind a verified token: what is wrong now is ours, and may be told. */
static int answer(const struct settings *settings, const struct own_limits *limits,
                  const struct answer_rules *rules, const struct probe_mail *mail,
                  const struct probe_token *token, uint64_t received_us)
{
    struct stamp stamp = {.received_us = received_us};
    char why[SETTINGS_WHY_MAX] = "", message[ANSWER_MAX];
    unsigned char unique[16];
    size_t len;

    switch (replay_note(settings->cache, token_nonce(token), received_us, &settings->limits, why,
                        sizeof(why))) {
    case REPLAY_NEW:
        break;
    case REPLAY_TOO_SOON: /* a queue was let go: in its turn */
        return EXIT_TRY_AGAIN;
    case REPLAY_TROUBLE:
        syslog(LOG_ERR, "a probe is not answered yet: %s", why);
        return EXIT_TRY_AGAIN;
    case REPLAY_FOREIGN:
        syslog(LOG_ERR, "a probe is not answered: %s", why);
        return EXIT_DONE;
    case REPLAY_TOO_MANY:
        syslog(LOG_WARNING, "a probe is not answered: more than max_per_hour");
        return EXIT_DONE;
    case REPLAY_SEEN:
        return EXIT_DONE;
    }
    if (getrandom(unique, sizeof(unique), 0) != (ssize_t)sizeof(unique)) {
        replay_forget(settings->cache, token_nonce(token));
        return EXIT_TRY_AGAIN;
    }
    stamp.handed_us = now_us();
    if (stamp.handed_us < stamp.received_us) /* the clock was set back meanwhile */
        stamp.handed_us = stamp.received_us;
    len = answer_write(rules, mail, token, &stamp, unique, false, message);
    return hand_answer_over(settings, limits, message, len, token);
}

static bool may_run(const struct settings *settings, struct token_keys *keys)
{
    char program[PATH_MAX], why[SETTINGS_WHY_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

    if (len <= 0)
        return false;
    program[len] = '\0';
    if (!settings_file_is_safe(program, why) ||
        !settings_file_is_safe(settings->secret_file, why) ||
        !token_keys_read(settings->secret_file, keys, why, sizeof(why))) {
        syslog(LOG_ERR, "%s; email_return --self-test tells more", why);
        return false;
    }
    return true;
}

static int look_at_message(const struct settings *settings, const struct own_limits *limits,
                           const struct token_keys *keys, const struct message *message)
{
    struct answer_rules rules = {
        .keys = keys, .address = settings->address, .reply_to = settings->reply_to};
    struct probe_mail mail;
    struct probe_token token;
    enum answer_decision decision;

    probe_mail_parse(&mail, message->text, message->len);
    decision = answer_decide(&rules, &mail, message->null_sender, message->received_us, &token);
    if (decision == ANSWER_YES)
        return answer(settings, limits, &rules, &mail, &token, message->received_us);
    /* Strangers' mail leaves no trace, and so cannot fill a log. */
    if (decision != ANSWER_NO_TOKEN && decision != ANSWER_NOT_OURS)
        syslog(LOG_NOTICE, "a message with a token of ours is not answered: it %s",
               answer_decision_text(decision));
    return EXIT_DONE;
}

static int run(const char *path, struct message *message)
{
    struct own_limits limits;
    struct settings settings;
    struct token_keys keys;
    char why[SETTINGS_WHY_MAX];
    int status;

    set_limits(&limits);
    hush();
    read_message(message);
    if (getuid() == 0 || geteuid() == 0)
        return EXIT_DONE;
    openlog("email_return", LOG_PID, LOG_MAIL);
    if (!settings_read(&settings, path, why)) {
        syslog(LOG_ERR, "%s; email_return --self-test tells more", why);
        return EXIT_DONE;
    }
    if (!may_run(&settings, &keys))
        return EXIT_DONE;
    status = look_at_message(&settings, &limits, &keys, message);
    token_keys_wipe(&keys);
    return status;
}

/* ---- the command line ---- */

/* A mistake in a .forward must not be mailed to senders: it is told to a person only. */
static int wrong_usage(void)
{
    if (isatty(STDERR_FILENO) == 0)
        return EXIT_DONE;
    fputs(usage_text, stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"self-test", no_argument, NULL, 't'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct message message;
    const char *path = NULL;
    bool test = false;
    int option;

    message.received_us = now_us();
    message.null_sender = take_environment();
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            test = true;
            break;
        case 'V':
            puts("email_return " MAILVIGIL_VERSION);
            return EXIT_DONE;
        case 'h':
            fputs(usage_text, stdout);
            return EXIT_DONE;
        default:
            return wrong_usage();
        }
    }
    if (optind < argc)
        return wrong_usage();
    return test ? self_test(path) : run(path, &message);
}
