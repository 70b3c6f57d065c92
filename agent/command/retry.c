#include "agent/command/retry.h"

#include <errno.h>
#include <event2/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/status/control.h"
#include "agent/status/service.h"
#include "agent/system/loop.h"
#include "rules/util/memory.h"

#define WORD_MAX 500 /* bytes; a line of the control socket is longer */

struct officer_request {
    const char *id, *target, *why; /* why NULL: retry */
};

static int trouble(const char *why)
{
    fprintf(stderr, "mailvigil: %s\n", why);
    return EX_TEMPFAIL;
}

/* "66 text": the status, and the text for people. */
static int report(const char *answer)
{
    char *text;
    long status = strtol(answer, &text, 10);

    if (text == answer || *text != ' ')
        return trouble("the running agent does not know this request: is it an older version?");
    fputs(text + 1, status == 0 ? stdout : stderr);
    return (int)status;
}

/* ---- by the running agent ---- */

static int ask_agent(const struct config *config, const struct officer_request *request)
{
    char *line, *answer, *why = NULL;
    int status;

    if (request->why != NULL)
        line = xasprintf("drop %s %s", request->id, request->why);
    else if (request->id != NULL)
        line = xasprintf("retry id %s", request->id);
    else if (request->target != NULL)
        line = xasprintf("retry target %s", request->target);
    else
        line = xstrdup("retry all");
    answer = control_request(config->state_dir, line, &why);
    status = answer != NULL ? report(answer) : trouble(why);
    free(line);
    free(answer);
    free(why);
    return status;
}

/* ---- without one ---- */

struct deciding {
    struct event_base *base;
    bool retry;
    char *answer;
};

static void on_decided(void *arg, size_t n, const char *why)
{
    struct deciding *deciding = arg;

    deciding->answer = decision_answer(deciding->retry, n, why);
    event_base_loopbreak(deciding->base);
}

static int change_ledger(struct ledger *ledger, struct event_base *base,
                         const struct officer_request *request)
{
    struct deciding deciding = {.base = base, .retry = request->why == NULL};
    const struct timeval tick = {.tv_usec = 100000}; /* a blocked ledger does not answer */
    int status;

    if (request->why != NULL)
        ledger_drop(ledger, request->id, request->why, on_decided, &deciding);
    else
        ledger_retry(ledger, request->id, request->target, on_decided, &deciding);
    while (deciding.answer == NULL && ledger_is_blocked(ledger, NULL) == NULL) {
        event_base_loopexit(base, &tick);
        event_base_loop(base, EVLOOP_ONCE);
    }
    status = deciding.answer != NULL ? report(deciding.answer)
                                     : trouble(ledger_is_blocked(ledger, NULL));
    free(deciding.answer);
    deciding.answer = NULL;
    return status;
}

/* What root makes in the state directory must be the service's own. */
static bool become_owner(const char *state_dir, char **why)
{
    struct stat status;
    char *database = xasprintf("%s/ledger.db", state_dir);
    bool ok = stat(database, &status) == 0;

    if (!ok)
        *why = errno == ENOENT ? xasprintf("no ledger in %s: has the agent run yet?", state_dir)
                               : xasprintf("%s cannot be read: %s", database, strerror(errno));
    free(database);
    if (ok && geteuid() == 0 && (setegid(status.st_gid) != 0 || seteuid(status.st_uid) != 0)) {
        *why = xasprintf("cannot become the owner of %s: %s", state_dir, strerror(errno));
        return false;
    }
    return ok;
}

static int change(const struct config *config, const struct officer_request *request)
{
    struct ledger_options options = {.state_dir = config->state_dir, .instance = config->instance};
    struct ledger *ledger = NULL;
    enum ledger_open_error error;
    char *why = NULL;
    int status;

    if (!become_owner(config->state_dir, &why)) {
        status = trouble(why);
        free(why);
        return status;
    }
    evthread_use_pthreads();
    struct event_base *base = event_base_new();
    error = ledger_open(base, &options, &ledger, &why);
    if (error == LEDGER_OPENED) {
        status = change_ledger(ledger, base, request);
        ledger_close(ledger);
    } else {
        status = error == LEDGER_IN_USE ? ask_agent(config, request) : trouble(why);
    }
    free(why);
    loop_free(base);
    libevent_global_shutdown();
    return status;
}

/* ---- the commands ---- */

static bool is_word(const char *text)
{
    return text[0] != '\0' && strlen(text) <= WORD_MAX && strpbrk(text, " \t\r\n") == NULL;
}

static int misuse(const char *why)
{
    fprintf(stderr, "mailvigil: %s\n", why);
    return EX_USAGE;
}

int retry_command(const struct config *config, const char *id, const char *target)
{
    struct officer_request request = {.id = id, .target = target};

    if (id != NULL && target != NULL)
        return misuse("retry: ID and --target are mutually exclusive");
    if ((id != NULL && !is_word(id)) || (target != NULL && !is_word(target)))
        return misuse("retry: not an id or a name of a target");
    return change(config, &request);
}

int drop_command(const struct config *config, const char *id, const char *why)
{
    struct officer_request request = {.id = id, .why = why};

    if (id == NULL || !is_word(id))
        return misuse("drop requires the ID of a copy; \"mailvigil ledger --waiting\" lists them");
    if (why == NULL || why[0] == '\0')
        return misuse("drop requires --why: the reason is recorded");
    if (strlen(why) > WORD_MAX || strpbrk(why, "\r\n") != NULL)
        return misuse("drop: --why must be one line of at most 500 bytes");
    return change(config, &request);
}
