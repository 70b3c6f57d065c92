/*
 * The status service: `status { listen = "127.0.0.1:8025" }`, by evhttp on the agent's loop.
 *
 *   /             a page for people, page.h
 *   /metrics      metrics.h: OpenMetrics 1.0.0 if the client accepts application/openmetrics-text,
 * else the Prometheus text format 0.0.4 /status.json  status.h, as `mailvigil status --json`
 *   /healthz      200 "ok" while the loop runs and the ledger commits; else 503 and why
 *   /readyz       200 once every account was tried; else 503
 *
 * GET and HEAD only (405), other paths 404; bodies (413) and long headers (400) are refused. One
 * request a connection; HTTP_CLIENTS_MAX connections, others wait in the kernel's line;
 * HTTP_TIMEOUT seconds for each from its first to its last octet, however slow the client is.
 * Figures that have not come after HTTP_PATIENCE are not waited for (503).
 * Headers: no caching, nosniff, a Content-Security-Policy that allows nothing from elsewhere and no
 * script.
 */
#ifndef AGENT_STATUS_HTTP_H
#define AGENT_STATUS_HTTP_H

#include <event2/event.h>

#include "agent/status/snapshot.h"

#define HTTP_CLIENTS_MAX 64
#define HTTP_TIMEOUT 15
#define HTTP_PATIENCE 10
#define HTTP_HEADERS_MAX 8192 /* octets */

struct http;

/* What it asks of the agent. figures calls done once, maybe at once, maybe later; it is not asked
 * again before that. forget_figures: done is not called any more for done_arg. */
struct http_source {
    void (*figures)(void *arg, ledger_figures_done *done, void *done_arg);
    void (*forget_figures)(void *arg, const void *done_arg);
    void (*snapshot)(void *arg, struct snapshot *snapshot);
    bool (*ready)(void *arg);
    const char *(*unhealthy)(void *arg); /* NULL: healthy */
    void *arg;
};

/* listen: "127.0.0.1:8025", "[::1]:8025", "localhost:8025"; port 0 takes a free one. NULL: *why
 * (caller frees). */
struct http *http_new(struct event_base *base, const char *listen, const struct http_source *source,
                      char **why);
void http_free(struct http *http);
uint16_t http_port(const struct http *http);

/* Whether an Accept field prefers OpenMetrics; NULL: there is none. */
bool http_accepts_openmetrics(const char *accept);

#endif
