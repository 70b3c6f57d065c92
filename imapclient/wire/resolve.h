/*
 * One look-up of a host name: a numeric address needs no look-up, anything else is asked of evdns
 * (which knows /etc/hosts, too).
 *
 * evdns calls back late, even when its request was cancelled; that is hidden here: after
 * resolve_cancel() nothing is called. There is no time limit but that of evdns.
 * Ownership: a request is valid until its done is called or it is cancelled. The
 * memory of one that was cancelled is freed by the event loop, once evdns has let go of it.
 */
#ifndef IMAPCLIENT_WIRE_RESOLVE_H
#define IMAPCLIENT_WIRE_RESOLVE_H

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdint.h>

struct resolve_request;

/* error 0: addresses, stream sockets only, one at least; the callee frees them with
 * evutil_freeaddrinfo(). Else addresses is NULL and error is for resolve_error_text(). */
typedef void resolve_done(void *arg, int error, struct evutil_addrinfo *addresses);

/* done is called once, from the loop, never from inside of this function. family: AF_UNSPEC,
 * AF_INET or AF_INET6. With AF_UNSPEC a family for which this machine has no route is left out,
 * except for "localhost". dns NULL: only numeric addresses are resolved. */
struct resolve_request *resolve_start(struct event_base *base, struct evdns_base *dns,
                                      const char *host, uint16_t port, int family,
                                      resolve_done *done, void *arg);
/* At any time before done, in callbacks of others too. NULL: no effect. */
void resolve_cancel(struct resolve_request *request);

/* For people: "host not found". */
const char *resolve_error_text(int error);

#endif
