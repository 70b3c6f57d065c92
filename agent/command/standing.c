#include "agent/command/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/status/control.h"
#include "rules/util/memory.h"

static void add(struct standing *standing, char *text)
{
    standing->problems =
        xrealloc(standing->problems, (standing->n + 1) * sizeof(*standing->problems));
    standing->problems[standing->n++] = text;
}

/* "WHAT\tNAME\tTEXT"; false: it is none. */
static bool read_problem(struct standing *standing, char *line, const char *account)
{
    const char *what = strsep(&line, "\t"), *name = strsep(&line, "\t");

    if (line == NULL)
        return false;
    if (account != NULL && strcmp(what, "account") == 0 && strcmp(name, account) != 0)
        return true;
    add(standing,
        *name != '\0' ? xasprintf("%s %s: %s", what, name, line) : xasprintf("%s: %s", what, line));
    return true;
}

/* status.h: status_write_unseen(). false: it is something else, or not whole. */
static bool read_answer(struct standing *standing, char *answer, const char *account)
{
    char *line = strsep(&answer, "\n");
    size_t n;

    if (sscanf(line, "problems %zu", &n) != 1)
        return false;
    for (; n > 0; n--) {
        line = strsep(&answer, "\n");
        if (line == NULL || answer == NULL || !read_problem(standing, line, account))
            return false;
    }
    return true;
}

void standing_ask(struct standing *standing, const char *state_dir, const char *account)
{
    char *why = NULL, *answer;
    bool is_running;

    *standing = (struct standing){.agent = STANDING_RUNNING};
    answer = control_request_within(state_dir, "problems", STANDING_TIMEOUT, &is_running, &why);
    if (answer == NULL && !is_running) {
        standing->agent = STANDING_STOPPED;
    } else if (answer == NULL) {
        standing->agent = STANDING_UNKNOWN;
        add(standing, xasprintf("agent: %s", why));
    } else if (!read_answer(standing, answer, account)) {
        standing->agent = STANDING_UNKNOWN;
        add(standing, xstrdup("agent: its reply is not understood; is it of another version?"));
    }
    free(answer);
    free(why);
}

void standing_clear(struct standing *standing)
{
    for (size_t i = 0; i < standing->n; i++)
        free(standing->problems[i]);
    free(standing->problems);
    *standing = (struct standing){0};
}

const char *standing_agent_name(enum standing_agent agent)
{
    static const char *const names[] = {"running", "stopped", "unknown"};

    return names[agent];
}

bool standing_is_good(const struct standing *standing)
{
    return standing->agent == STANDING_RUNNING && standing->n == 0;
}
