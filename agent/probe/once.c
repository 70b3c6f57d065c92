#include "agent/probe/once.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/roundtrip/roundtrip.h"
#include "agent/probe/run.h"
#include "agent/system/loop.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

struct once {
    struct probe_once *asked;
    size_t *left;
    struct event_base *base;
    struct probe_run *run;
    struct roundtrip *roundtrip;
    struct event *send, *give_up;
};

static void handle_result(struct once *once, struct probe_result *result)
{
    if (once->asked->result != NULL) { /* after the first verdict */
        probe_result_free(result);
        return;
    }
    once->asked->result = result;
    once->asked->verdict = probe_verdict_new(once->asked->probe, result, time(NULL), PROBE_OK);
    if (--*once->left == 0)
        event_base_loopbreak(once->base);
}

static void on_result(void *arg, struct probe_result *result)
{
    handle_result(arg, result);
}

/* A message that is not back counts against the service; any other delay is our own. */
static void on_give_up(evutil_socket_t fd, short what, void *arg)
{
    struct once *once = arg;
    const struct book_counts *counts =
        once->roundtrip != NULL ? roundtrip_counts(once->roundtrip) : NULL;
    const char *mailbox = once->roundtrip != NULL ? roundtrip_trouble(once->roundtrip) : NULL;
    struct probe_result *result;

    (void)fd;
    (void)what;
    if (once->asked->result != NULL)
        return;
    result = probe_result_new(once->asked->probe);
    if (mailbox != NULL) {
        result->trouble = xasprintf("the return mailbox: %s", mailbox);
    } else if (counts != NULL && counts->outstanding > 0) {
        result->at = (time_t)counts->last_sent;
        result->has_roundtrip = true;
        result->roundtrip.verdict = ROUNDTRIP_OUTSTANDING;
        result->roundtrip.duration = -1;
        result->roundtrip.outstanding = counts->outstanding;
        result->roundtrip.oldest_outstanding = (time_t)counts->last_sent;
    } else {
        result->trouble = xstrdup("the probe did not finish in time");
    }
    handle_result(once, result);
}

/* The mailbox is watched first, so that a fast answer is timed by its arrival. */
static void on_send(evutil_socket_t fd, short what, void *arg)
{
    struct once *once = arg;

    (void)fd;
    (void)what;
    roundtrip_send(once->roundtrip);
}

static void begin(struct once *once, struct links *links, const char *instance)
{
    const struct probe *probe = once->asked->probe;
    struct timeval patience = milliseconds(once->asked->patience), soon = {0};

    once->give_up = evtimer_new(once->base, on_give_up, once);
    evtimer_add(once->give_up, &patience);
    if (probe->type != PROBE_ROUNDTRIP) {
        once->run = probe_run_new(links, probe, on_result, once);
        return;
    }
    once->roundtrip = roundtrip_new(links, NULL, instance, probe, on_result, once);
    once->send = evtimer_new(once->base, on_send, once);
    evtimer_add(once->send, &soon);
}

static void end(struct once *once)
{
    probe_run_free(once->run);
    roundtrip_free(once->roundtrip);
    event_free(once->give_up);
    if (once->send != NULL)
        event_free(once->send);
}

static void show_waiting(evutil_socket_t fd, short what, void *arg)
{
    const size_t *left = arg;

    (void)fd;
    (void)what;
    fprintf(stderr, "\rwaiting for %zu probe%s ", *left, *left == 1 ? "" : "s");
}

void probe_once_run(struct probe_once *probes, size_t count, const char *instance)
{
    struct event_base *base = event_base_new();
    struct links *links = links_new(base);
    struct once *once = xcalloc(count, sizeof(*once));
    struct timeval second = {.tv_sec = 1};
    size_t left = count;
    struct event *waiting = event_new(base, -1, EV_PERSIST, show_waiting, &left);

    for (size_t i = 0; i < count; i++) {
        once[i] = (struct once){.asked = &probes[i], .left = &left, .base = base};
        begin(&once[i], links, instance);
    }
    if (isatty(STDERR_FILENO))
        event_add(waiting, &second);
    if (left > 0)
        event_base_dispatch(base);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    event_free(waiting);
    for (size_t i = 0; i < count; i++)
        end(&once[i]);
    free(once);
    links_free(links);
    loop_free(base);
}
