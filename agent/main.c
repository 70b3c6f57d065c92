/*
 * The command line, see mailvigil(8). Each command has its own file; this one parses options and
 * returns the exit status.
 */
#include <event2/thread.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "agent/agent.h"
#include "agent/command/check.h"
#include "agent/command/connect_check.h"
#include "agent/command/explain.h"
#include "agent/command/ledger.h"
#include "agent/command/probe.h"
#include "agent/command/retry.h"
#include "agent/command/users.h"
#include "agent/command/waiting.h"
#include "agent/status/control.h"
#include "agent/system/log.h"

static const char usage_text[] =
    "usage: mailvigil [-c FILE] COMMAND [OPTION ...]\n"
    "\n"
    "  run [--debug]             run the agent in the foreground; --debug logs the IMAP dialogue,\n"
    "                            without contents and secrets\n"
    "  check [--connect]         validate configuration and rules; --connect also logs in to "
    "every\n"
    "                            account and target, and shows what their servers support\n"
    "  users [--json]            who is monitored, in which directions, by which rules, to which\n"
    "                            targets; and who is not\n"
    "  explain [--account A] [--folder F] [--uid N | FILE] [--whole] [--json]\n"
    "                            what would happen to a message, rule by rule and why, and the\n"
    "                            copy that would be made\n"
    "  status [--json]           state of the running agent: watches, lag, spool, targets\n"
    "  ledger [--account A] [--since D] [--exempt] [--json]\n"
    "                            the fate of every message, and a completeness summary;\n"
    "                            --exempt: only those that a rule exempts, and on what basis\n"
    "  ledger --waiting [--account A] [--target T] [--json]\n"
    "                            copies that wait for their target or were given up, and why\n"
    "  retry [ID | --target T]   send copies that wait or were given up now: one, those for a\n"
    "                            target, or all\n"
    "  drop ID --why TEXT        never send that copy; the reason is recorded\n"
    "  probe [NAME] [-w RANGE] [-c RANGE] [-t SECONDS] [-v] [--json] [--list] [--last]\n"
    "                            run a probe once, as a Nagios plugin: see \"probe --help\"\n"
    "\n"
    "  -c FILE                   the configuration, default " CONFIG_DEFAULT_PATH "\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0; 1 problems found; 64 usage error; 66 no such message; 75 temporary failure,\n"
    "try again later; 78 configuration error; probe: 0 to 3 as for Nagios plugins. See "
    "mailvigil(8)\n"
    "and, for the configuration, mailvigil.conf(5).\n";

struct arguments {
    const char *config_path;
    const char *account, *folder, *since, *file, *target, *why;
    uint32_t uid;
    bool connect, json, whole, debug, exempt, waiting;
};

static int usage_error(const char *what)
{
    fprintf(stderr, "mailvigil: %s; see \"mailvigil --help\"\n", what);
    return EX_USAGE;
}

static int unknown_command(const char *word)
{
    fprintf(stderr,
            "mailvigil: unknown command \"%s\" (expected run, check, users, explain, status, "
            "ledger, retry, drop or probe)\n",
            word);
    return EX_USAGE;
}

/* ---- commands ---- */

static struct config *load(const char *path)
{
    struct config_problems problems = {0};
    struct config *config = config_load(path, &problems);

    config_problems_print(&problems, stderr);
    if (config == NULL)
        fprintf(stderr, "mailvigil: invalid configuration\n");
    config_problems_clear(&problems);
    return config;
}

/* Only instance and state_dir: the rest may be faulty, or not be readable by this user. */
static struct config *load_place(const char *path)
{
    struct config_problems problems = {0};
    struct config *config = config_load_place(path, &problems);

    if (config == NULL) {
        config_problems_print(&problems, stderr);
        fprintf(stderr, "mailvigil: invalid configuration\n");
    }
    config_problems_clear(&problems);
    return config;
}

static int run(const struct arguments *arguments)
{
    if (arguments->debug)
        log_set_level(LOG_LEVEL_DEBUG);
    return agent_run(arguments->config_path);
}

static int check(const struct arguments *arguments)
{
    struct config *config;
    int result;

    if (!arguments->connect)
        return check_configuration(arguments->config_path, stdout, stderr);
    config = load(arguments->config_path);
    if (config == NULL)
        return EX_CONFIG;
    result = connect_check(config, stdout) | check_monitoring(config, stderr);
    config_free(config);
    return result;
}

static int users(const struct arguments *arguments)
{
    return users_command(arguments->config_path, arguments->json, stdout, stderr);
}

static int explain(const struct arguments *arguments)
{
    struct explain_options options = {
        .account = arguments->account,
        .folder = arguments->folder,
        .file = arguments->file,
        .uid = arguments->uid,
        .whole = arguments->whole,
        .json = arguments->json,
    };
    struct config *config;
    int result;

    if (arguments->uid != 0 && arguments->file != NULL)
        return usage_error("explain: FILE and --uid are mutually exclusive");
    config = load(arguments->config_path);
    if (config == NULL)
        return EX_CONFIG;
    result = explain_command(config, &options);
    config_free(config);
    return result;
}

static int status(const struct arguments *arguments)
{
    struct config *config = load_place(arguments->config_path);
    char *why = NULL, *answer;
    int result = 0;

    if (config == NULL)
        return EX_CONFIG;
    answer = control_request(config->state_dir, arguments->json ? "status json" : "status", &why);
    if (answer == NULL) {
        fprintf(stderr, "mailvigil: %s\n", why);
        result = EX_TEMPFAIL;
    } else if (arguments->json) {
        fputs(answer, stdout);
    } else {
        result = answer[0] == '1';
        fputs(answer + 1, stdout);
    }
    free(answer);
    free(why);
    config_free(config);
    return result;
}

/* Accounts are known by address too, where the configuration can be read. */
static struct config *load_or_place(const char *path)
{
    struct config_problems problems = {0};
    struct config *config = config_load(path, &problems);

    config_problems_clear(&problems);
    return config != NULL ? config : load_place(path);
}

static int ledger(const struct arguments *arguments)
{
    struct config *config = load_or_place(arguments->config_path);
    const struct account *account;
    const char *name = arguments->account;
    int result;

    if (config == NULL)
        return EX_CONFIG;
    account = name != NULL ? config_account(config, name) : NULL;
    name = account != NULL ? account->name : name;
    if (arguments->waiting && (arguments->since != NULL || arguments->exempt))
        result = usage_error("ledger: --waiting takes neither --since nor --exempt");
    else if (!arguments->waiting && arguments->target != NULL)
        result = usage_error("ledger: --target requires --waiting");
    else if (arguments->waiting)
        result =
            waiting_command(config->state_dir, name, arguments->target, arguments->json, stdout);
    else
        result = ledger_command(config->state_dir, name, account != NULL, arguments->since,
                                arguments->exempt, arguments->json, stdout);
    config_free(config);
    return result;
}

static int retry(const struct arguments *arguments)
{
    struct config *config = load_place(arguments->config_path);
    int result;

    if (config == NULL)
        return EX_CONFIG;
    result = retry_command(config, arguments->file, arguments->target);
    config_free(config);
    return result;
}

static int drop(const struct arguments *arguments)
{
    struct config *config = load_place(arguments->config_path);
    int result;

    if (config == NULL)
        return EX_CONFIG;
    result = drop_command(config, arguments->file, arguments->why);
    config_free(config);
    return result;
}

/* Which options a command takes, besides -c. */
enum option_bit {
    TAKES_CONNECT = 1,
    TAKES_JSON = 2,
    TAKES_ACCOUNT = 4,
    TAKES_FOLDER = 8,
    TAKES_UID = 16,
    TAKES_SINCE = 32,
    TAKES_WHOLE = 64,
    TAKES_FILE = 128,
    TAKES_DEBUG = 256,
    TAKES_EXEMPT = 512,
    TAKES_WAITING = 1024,
    TAKES_TARGET = 2048,
    TAKES_WHY = 4096,
};

static const struct command {
    const char *name;
    unsigned takes;
    int (*run)(const struct arguments *arguments);
} commands[] = {
    {"run", TAKES_DEBUG, run},
    {"check", TAKES_CONNECT, check},
    {"users", TAKES_JSON, users},
    {"explain", TAKES_ACCOUNT | TAKES_FOLDER | TAKES_UID | TAKES_WHOLE | TAKES_JSON | TAKES_FILE,
     explain},
    {"status", TAKES_JSON, status},
    {"ledger",
     TAKES_ACCOUNT | TAKES_SINCE | TAKES_EXEMPT | TAKES_JSON | TAKES_WAITING | TAKES_TARGET,
     ledger},
    {"retry", TAKES_TARGET | TAKES_FILE, retry},
    {"drop", TAKES_WHY | TAKES_FILE, drop},
};

/* ---- options ---- */

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},      {"connect", no_argument, NULL, 'C'},
    {"json", no_argument, NULL, 'j'},         {"account", required_argument, NULL, 'a'},
    {"folder", required_argument, NULL, 'f'}, {"uid", required_argument, NULL, 'u'},
    {"since", required_argument, NULL, 's'},  {"whole", no_argument, NULL, 'w'},
    {"debug", no_argument, NULL, 'd'},        {"exempt", no_argument, NULL, 'e'},
    {"waiting", no_argument, NULL, 'W'},      {"target", required_argument, NULL, 't'},
    {"why", required_argument, NULL, 'y'},    {NULL, 0, NULL, 0},
};

static bool read_uid(const char *text, uint32_t *uid)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    *uid = (uint32_t)value;
    return *text >= '1' && *text <= '9' && *end == '\0' && value <= UINT32_MAX;
}

/* Handles one option; returns the bit that the command must have, 0 for -c, -1 for a mistake. */
static int handle_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'c':
        arguments->config_path = optarg;
        return 0;
    case 'C':
        arguments->connect = true;
        return TAKES_CONNECT;
    case 'j':
        arguments->json = true;
        return TAKES_JSON;
    case 'a':
        arguments->account = optarg;
        return TAKES_ACCOUNT;
    case 'f':
        arguments->folder = optarg;
        return TAKES_FOLDER;
    case 's':
        arguments->since = optarg;
        return TAKES_SINCE;
    case 'e':
        arguments->exempt = true;
        return TAKES_EXEMPT;
    case 'd':
        arguments->debug = true;
        return TAKES_DEBUG;
    case 'w':
        arguments->whole = true;
        return TAKES_WHOLE;
    case 'W':
        arguments->waiting = true;
        return TAKES_WAITING;
    case 't':
        arguments->target = optarg;
        return TAKES_TARGET;
    case 'y':
        arguments->why = optarg;
        return TAKES_WHY;
    case 'u':
        return read_uid(optarg, &arguments->uid) ? TAKES_UID : -1;
    default:
        return -1;
    }
}

/* getopt names it only in a message of its own: a long option is before optind, a short one optopt.
 */
static int wrong_option(int option, char **argv)
{
    char letter[] = {'-', (char)optopt, '\0'}, text[200];
    const char *name = strncmp(argv[optind - 1], "--", 2) == 0 ? argv[optind - 1] : letter;

    if (option == 'u')
        return usage_error("--uid requires a number from 1 to 4294967295");
    snprintf(text, sizeof(text),
             option == ':' ? "option %.100s requires an argument" : "unknown option %.100s", name);
    return usage_error(text);
}

/* -1: continue with the command; else the exit status. */
static int read_options(int argc, char **argv, struct arguments *arguments, unsigned *given)
{
    int option, taken;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return 0;
        }
        if (option == 'v') {
            printf("mailvigil %s\n", MAILVIGIL_VERSION);
            return 0;
        }
        taken = handle_option(option, arguments);
        if (taken < 0)
            return wrong_option(option, argv);
        *given |= (unsigned)taken;
    }
    return -1;
}

/* The first of options that the command does not take. */
static int invalid_option(unsigned options)
{
    static const char *const names[] = {"connect", "json",   "account", "folder", "uid",
                                        "since",   "whole",  "file",    "debug",  "exempt",
                                        "waiting", "target", "why"};
    char text[100];
    size_t i = 0;

    while ((options & (1u << i)) == 0)
        i++;
    snprintf(text, sizeof(text), "option --%s is not valid for this command", names[i]);
    return usage_error(text);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* No core file may hold a secret, and many sessions need many descriptors. */
static void set_limits(void)
{
    struct rlimit none = {0, 0}, files;

    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* A plugin has options of its own after its name: the index of that in argv; 0: another command.
 */
static int find_probe_command(int argc, char **argv, struct arguments *arguments)
{
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:h", long_options, NULL)) == 'c')
        arguments->config_path = optarg;
    return option == -1 && optind < argc && strcmp(argv[optind], "probe") == 0 ? optind : 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config_path = CONFIG_DEFAULT_PATH};
    const struct command *command;
    unsigned given = 0;
    int ended, word = find_probe_command(argc, argv, &arguments);

    signal(SIGPIPE, SIG_IGN);
    if (word > 0) {
        set_limits();
        return probe_command(arguments.config_path, argc - word, argv + word);
    }
    arguments = (struct arguments){.config_path = CONFIG_DEFAULT_PATH};
    optind = 0;
    ended = read_options(argc, argv, &arguments, &given);
    if (ended >= 0)
        return ended;
    if (optind == argc)
        return usage_error("missing command");
    command = find_command(argv[optind]);
    if (command == NULL)
        return unknown_command(argv[optind]);
    if (optind + 1 < argc && (command->takes & TAKES_FILE) != 0)
        arguments.file = argv[++optind];
    if (optind + 1 < argc)
        return usage_error("too many arguments");
    if ((given & ~command->takes) != 0)
        return invalid_option(given & ~command->takes);
    set_limits();
    return command->run(&arguments);
}
