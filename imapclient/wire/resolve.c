#include "imapclient/wire/resolve.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "imapclient/util/memory.h"

struct resolve_request {
    resolve_done *done; /* NULL: cancelled */
    void *arg;
    struct evdns_getaddrinfo_request *request; /* NULL: none, or it has been answered */
    struct event *soon; /* calls done with what follows, where the answer was there at once */
    bool is_starting, is_answered;
    int error;
    struct evutil_addrinfo *addresses;
};

static void request_free(struct resolve_request *request)
{
    if (request->soon != NULL)
        event_free(request->soon);
    if (request->addresses != NULL)
        evutil_freeaddrinfo(request->addresses);
    free(request);
}

static void call_done(struct resolve_request *request)
{
    resolve_done *done = request->done;
    void *arg = request->arg;
    int error = request->error;
    struct evutil_addrinfo *addresses = request->addresses;

    assert(done != NULL && request->is_answered && !request->is_starting);
    if (error == 0 && addresses == NULL)
        error = EVUTIL_EAI_NODATA;
    if (error == 0)
        request->addresses = NULL;
    request_free(request);
    done(arg, error, error == 0 ? addresses : NULL);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    call_done(arg);
}

static void answer(struct resolve_request *request, int error, struct evutil_addrinfo *addresses)
{
    assert(!request->is_answered);
    request->is_answered = true;
    request->request = NULL;
    request->error = error;
    request->addresses = addresses;
    if (request->done == NULL)
        request_free(request);
    else if (request->is_starting)
        event_active(request->soon, EV_TIMEOUT, 0);
    else
        call_done(request);
}

static void on_answer(int error, struct evutil_addrinfo *addresses, void *arg)
{
    answer(arg, error, addresses);
}

static void look_up(struct resolve_request *request, struct evdns_base *dns, const char *host,
                    uint16_t port, int family)
{
    struct evutil_addrinfo hints = {.ai_family = family,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
    struct evutil_addrinfo *addresses = NULL;
    struct evdns_getaddrinfo_request *started;
    char service[8];

    snprintf(service, sizeof(service), "%u", port);
    if (evutil_getaddrinfo(host, service, &hints, &addresses) == 0) {
        answer(request, 0, addresses);
        return;
    }
    if (dns == NULL) {
        answer(request, EVUTIL_EAI_FAIL, NULL);
        return;
    }
    hints.ai_flags = EVUTIL_AI_NUMERICSERV;
    if (family == AF_UNSPEC && strcasecmp(host, "localhost") != 0)
        hints.ai_flags |= EVUTIL_AI_ADDRCONFIG;
    started = evdns_getaddrinfo(dns, host, service, &hints, on_answer, request);
    if (!request->is_answered)
        request->request = started;
}

struct resolve_request *resolve_start(struct event_base *base, struct evdns_base *dns,
                                      const char *host, uint16_t port, int family,
                                      resolve_done *done, void *arg)
{
    struct resolve_request *request = xcalloc(1, sizeof(*request));

    assert(done != NULL);
    request->done = done;
    request->arg = arg;
    request->soon = memory_check(evtimer_new(base, on_soon, request));
    request->is_starting = true;
    look_up(request, dns, host, port, family);
    request->is_starting = false;
    return request;
}

void resolve_cancel(struct resolve_request *request)
{
    if (request == NULL)
        return;
    assert(request->done != NULL);
    request->done = NULL;
    if (request->is_answered) {
        request_free(request);
        return;
    }
    event_free(request->soon); /* the event loop may end before on_answer() is called */
    request->soon = NULL;
    evdns_getaddrinfo_cancel(request->request);
}

const char *resolve_error_text(int error)
{
    /* libevent's texts for these are about getaddrinfo's arguments. */
    if (error == EVUTIL_EAI_NONAME)
        return "host not found";
    if (error == EVUTIL_EAI_NODATA)
        return "no address";
    return evutil_gai_strerror(error);
}
