#include "agent/command/probe.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/once.h"
#include "agent/status/control.h"
#include "agent/system/secret.h"
#include "agent/util/suggest.h"
#include "rules/util/memory.h"

#define TIMEOUT_MAX 86400      /* seconds that -t accepts */
#define ROUNDTRIP_PATIENCE 600 /* seconds, if crit has no upper end */
#define OWN_SHARE 100          /* milliseconds of -t reserved for ourselves */

static const char usage_text[] =
    "usage: mailvigil [-c FILE] probe [NAME] [OPTION ...]\n"
    "\n"
    "Runs the probe once (without NAME: all of them) and prints the result in Nagios plugin "
    "format.\n"
    "\n"
    "  -w RANGE, -c RANGE   WARNING or CRITICAL if the time in seconds is outside of the range:\n"
    "                       \"1\" above 1 s; \"0.5:2\" outside; \"@0:1\" inside\n"
    "  -t SECONDS           overall time limit; default: the probe's timeout, for a round trip its "
    "crit\n"
    "  -4, -6               use only this address family\n"
    "  -v                   add details after the first line\n"
    "  --json               the result as one JSON object (without NAME: an array of them)\n"
    "  --list               list the configured probes\n"
    "  --last               print the last result of the running agent; nothing is probed\n"
    "  -V, --version  -h, --help\n"
    "\n"
    "Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n";

struct request {
    const char *config_path, *name;
    struct range warn, crit;
    double timeout; /* seconds, 0: not given */
    int family, verbosity;
    bool json, list, last;
};

__attribute__((format(printf, 1, 2))) static int unknown(const char *format, ...)
{
    va_list arguments;

    fputs("PROBE UNKNOWN: ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return PROBE_UNKNOWN;
}

/* ---- options ---- */

static const struct option long_options[] = {
    {"warning", required_argument, NULL, 'w'},
    {"critical", required_argument, NULL, 'c'},
    {"timeout", required_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},
    {"use-ipv4", no_argument, NULL, '4'},
    {"use-ipv6", no_argument, NULL, '6'},
    {"json", no_argument, NULL, 'j'},
    {"list", no_argument, NULL, 'l'},
    {"last", no_argument, NULL, 'L'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"config", required_argument, NULL, 'C'},
    {NULL, 0, NULL, 0},
};

static const char *read_range(const char *text, struct range *range)
{
    return range_parse(text, true, range);
}

static bool read_timeout(const char *text, double *seconds)
{
    char *end;
    double value = strtod(text, &end);

    *seconds = value;
    return end != text && *end == '\0' && value >= 0.2 && value <= TIMEOUT_MAX;
}

/* Plugins have -c for critical; mailvigil has it for the configuration, before the command. A file
 * given here means that. */
static const char *read_critical(struct request *request)
{
    const char *expected = read_range(optarg, &request->crit);

    if (expected == NULL)
        return NULL;
    if (access(optarg, F_OK) != 0)
        return expected;
    request->config_path = optarg;
    return NULL;
}

/* NULL, or what was expected. */
static const char *handle_option(int option, struct request *request)
{
    switch (option) {
    case 'w':
        return read_range(optarg, &request->warn);
    case 'c':
        return read_critical(request);
    case 't':
        return read_timeout(optarg, &request->timeout) ? NULL : "seconds, from 0.2 to 86400";
    case 'v':
        request->verbosity++;
        break;
    case '4':
        request->family = AF_INET;
        break;
    case '6':
        request->family = AF_INET6;
        break;
    case 'j':
        request->json = true;
        break;
    case 'l':
        request->list = true;
        break;
    case 'L':
        request->last = true;
        break;
    case 'C':
        request->config_path = optarg;
        break;
    }
    return NULL;
}

/* -1: continue; else the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
    int option;

    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":w:c:t:v46Vh", long_options, NULL)) != -1) {
        const char *expected;

        if (option == 'h') {
            fputs(usage_text, stdout);
            return PROBE_UNKNOWN;
        }
        if (option == 'V') {
            printf("mailvigil %s\n", MAILVIGIL_VERSION);
            return PROBE_UNKNOWN;
        }
        if (option == ':' || option == '?')
            return unknown(
                option == ':' ? "option %.100s requires an argument; see \"mailvigil probe --help\""
                              : "unknown option %.100s; see \"mailvigil probe --help\"",
                argv[optind - 1]);
        expected = handle_option(option, request);
        if (expected != NULL)
            return unknown("-%c is \"%.100s\"; expected %s", option, optarg, expected);
    }
    if (optind < argc)
        request->name = argv[optind++];
    if (optind < argc)
        return unknown("too many arguments: expected one probe, or none for all of them");
    return -1;
}

/* ---- the configuration ---- */

static struct config *load(const struct request *request)
{
    struct config_problems problems = {0};
    struct config *config = config_load(request->config_path, &problems);
    size_t first = 0;

    if (config == NULL) {
        config_problems_print(&problems, stderr);
        while (first < problems.count && problems.problems[first].warning)
            first++;
        const struct config_problem *problem =
            first < problems.count ? &problems.problems[first] : NULL;
        unknown("invalid configuration: %s:%d: %s",
                problem != NULL && problem->file != NULL ? problem->file : request->config_path,
                problem != NULL ? problem->line : 0, problem != NULL ? problem->text : "");
    }
    config_problems_clear(&problems);
    return config;
}

static const struct probe *find_probe(const struct config *config, const char *name)
{
    const struct probe *probe = config_probe(config, name);
    struct suggestion suggestion;

    if (probe != NULL)
        return probe;
    suggest_begin(&suggestion, name);
    for (size_t i = 0; i < config->n_probes; i++)
        suggest_offer(&suggestion, config->probes[i]->name);
    if (suggestion.best != NULL)
        unknown("unknown probe \"%.100s\"; did you mean \"%s\"?", name, suggestion.best);
    else
        unknown("unknown probe \"%.100s\"; see \"mailvigil probe --list\"", name);
    return NULL;
}

static int list(const struct config *config, bool as_json)
{
    struct json json;

    if (as_json) {
        json_begin(&json, stdout);
        json_array(&json, NULL);
        for (size_t i = 0; i < config->n_probes; i++) {
            const struct probe *probe = config->probes[i];
            json_object(&json, NULL);
            json_string(&json, "name", probe->name);
            json_string(&json, "type", probe_type_text(probe->type));
            json_string(&json, "server", probe->server->name);
            json_string(&json, "endpoint", probe_endpoint(probe)->url);
            json_number(&json, "every", probe->every);
            json_object_end(&json);
        }
        json_array_end(&json);
        putchar('\n');
        return PROBE_OK;
    }
    for (size_t i = 0; i < config->n_probes; i++) {
        const struct probe *probe = config->probes[i];
        printf("%-24s %-10s every %-6us %s\n", probe->name, probe_type_text(probe->type),
               probe->every, probe_endpoint(probe)->url);
    }
    if (config->n_probes == 0)
        puts("no probe is configured");
    return PROBE_OK;
}

/* ---- running ---- */

/* By urgency: critical, unknown, warning. */
static enum probe_status worse(enum probe_status a, enum probe_status b)
{
    static const int rank[] = {
        [PROBE_OK] = 0, [PROBE_WARNING] = 1, [PROBE_UNKNOWN] = 2, [PROBE_CRITICAL] = 3};

    return rank[a] >= rank[b] ? a : b;
}

static unsigned default_seconds(const struct probe *probe)
{
    if (!probe->crit.set || probe->crit.inside || !isfinite(probe->crit.end))
        return ROUNDTRIP_PATIENCE;
    return (unsigned)ceil(probe->crit.end) + 1;
}

/* Applies the options of the command line; the copy borrows all that it points to. */
static void apply(const struct request *request, struct probe *probe, unsigned *patience)
{
    unsigned given = (unsigned)(request->timeout * 1000);
    bool sends = probe->type == PROBE_ROUNDTRIP;

    if (request->warn.set)
        probe->warn = request->warn;
    if (request->crit.set)
        probe->crit = request->crit;
    if (request->family != 0)
        probe->family = request->family;
    *patience = given;
    if (given == 0 && sends)
        *patience = default_seconds(probe) * 1000;
    if (given == 0 && !sends)
        *patience = probe->timeout + SECRET_COMMAND_TIMEOUT * 1000;
    if (given > 0 && (!sends || given < probe->timeout))
        probe->timeout = given - OWN_SHARE;
}

static void print(const struct request *request, const struct probe_once *once,
                  const char *instance)
{
    struct json json;

    if (!request->json) {
        if (request->name == NULL)
            printf("%s: ", once->probe->name);
        nagios_write(stdout, once->probe, once->verdict, request->verbosity);
        return;
    }
    json_begin(&json, stdout);
    json_object(&json, NULL);
    json_string(&json, "instance", instance);
    probe_json(&json, once->probe, once->result, once->verdict);
    json_object_end(&json);
    putchar('\n');
}

static int run(const struct request *request, const struct config *config,
               const struct probe *const *chosen, size_t count)
{
    struct probe *probes = xcalloc(count, sizeof(*probes));
    struct probe_once *once = xcalloc(count, sizeof(*once));
    enum probe_status status = PROBE_OK;

    for (size_t i = 0; i < count; i++) {
        probes[i] = *chosen[i];
        once[i].probe = &probes[i];
        apply(request, &probes[i], &once[i].patience);
    }
    probe_once_run(once, count, config->instance);
    if (request->json && request->name == NULL)
        puts("[");
    for (size_t i = 0; i < count; i++) {
        print(request, &once[i], config->instance);
        if (request->json && i + 1 < count)
            puts(",");
        status = worse(status, once[i].verdict->status);
        probe_verdict_free(once[i].verdict);
        probe_result_free(once[i].result);
    }
    if (request->json && request->name == NULL)
        puts("]");
    free(once);
    free(probes);
    return (int)status;
}

/* The agent's reply begins with the exit status. */
static int last(const struct request *request, const struct config *config,
                const struct probe *probe)
{
    char *why = NULL;
    char *line = xasprintf("probe %s %d %s", request->json ? "json" : "text", request->verbosity,
                           probe->name);
    char *answer = control_request(config->state_dir, line, &why);
    int status;

    free(line);
    if (answer == NULL) {
        status = unknown("%s", why);
        free(why);
        return status;
    }
    status = answer[0] >= '0' && answer[0] <= '3' ? answer[0] - '0' : PROBE_UNKNOWN;
    if (answer[0] >= '0' && answer[0] <= '3')
        fputs(answer + 1, stdout);
    else
        unknown("the running agent does not know this probe: has its configuration been reloaded?");
    free(answer);
    return status;
}

static int act(const struct request *request, const struct config *config)
{
    const struct probe *probe;

    if (request->list)
        return list(config, request->json);
    if (request->name == NULL && request->last)
        return unknown("--last requires the name of a probe");
    if (request->name == NULL && config->n_probes == 0)
        return unknown("no probe is configured");
    if (request->name == NULL)
        return run(request, config, (const struct probe *const *)config->probes, config->n_probes);
    probe = find_probe(config, request->name);
    if (probe == NULL)
        return PROBE_UNKNOWN;
    return request->last ? last(request, config, probe) : run(request, config, &probe, 1);
}

int probe_command(const char *config_path, int argc, char **argv)
{
    struct request request = {.config_path = config_path};
    struct config *config;
    int status = read_options(argc, argv, &request);

    if (status >= 0)
        return status;
    config = load(&request);
    if (config == NULL)
        return PROBE_UNKNOWN;
    status = act(&request, config);
    config_free(config);
    return status;
}
