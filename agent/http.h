/*
 * The status service: `status { listen = "127.0.0.1:8025" }`, by evhttp on the agent's loop.
 *
 *   /             a page for people, page.h
 *   /metrics      metrics.h: OpenMetrics 1.0.0 to who accepts application/openmetrics-text, else
 * the Prometheus text format 0.0.4 /status.json  status.h, as `mailvigil status --json` /healthz
 * 200 "ok" while the loop runs and the ledger commits; else 503 and why /readyz       200 once
 * every account was tried; else 503
 *
 * GET and HEAD only (405), other paths 404; bodies and long headers are refused; HTTP_CLIENTS_MAX
 * connections, each HTTP_TIMEOUT seconds. Headers: no caching, nosniff, a Content-Security-Policy
 * that allows nothing from elsewhere and no script.
 */
#ifndef AGENT_HTTP_H
#define AGENT_HTTP_H

#include <event2/event.h>

#include "agent/agent.h"

#define HTTP_CLIENTS_MAX 64
#define HTTP_TIMEOUT 15

struct http;

/* What it asks of the agent. fill calls back, maybe later, with the figures for the view; more than
 * one may wait. */
struct http_source {
    void (*figures)(void *arg, ledger_figures_done *done, void *done_arg);
    void (*view)(void *arg, struct agent_view *view);
    bool (*ready)(void *arg);
    const char *(*unhealthy)(void *arg); /* NULL: well */
    void *arg;
};

/* listen: "127.0.0.1:8025", "[::1]:8025", "localhost:8025"; port 0 takes a free one. NULL: *why
 * (caller frees). */
struct http *http_new(struct event_base *base, const char *listen, const struct http_source *source,
                      char **why);
void http_free(struct http *http);
uint16_t http_port(const struct http *http);

#endif
