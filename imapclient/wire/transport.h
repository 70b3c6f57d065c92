/*
 * The octets of a session: name resolution, TCP, and TLS over it.
 *
 * Every address of the name is tried in turn until one answers. TLS is started either at once or
 * later on the same connection (STARTTLS, RFC 9051 section 6.2.1); chain and name are verified,
 * always. Without TLS only loopback addresses are spoken to: checked on the resolved address, not
 * on the name.
 *
 * Callbacks come from the event loop, never from inside a function of this header; after down no
 * callback comes any more. transport_free() is allowed inside callbacks.
 */
#ifndef IMAPCLIENT_WIRE_TRANSPORT_H
#define IMAPCLIENT_WIRE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "imapclient/wire/certificate.h"
#include "imapclient/wire/failure.h"

#define TRANSPORT_READ_MAX (64 * 1024) /* octets buffered before the reader is called */

struct transport;

struct transport_options {
    const char *host;
    uint16_t port;
    bool tls_at_once;
    bool loopback_only;
    SSL_CTX *tls;
    unsigned timeout; /* seconds for all addresses together; each gets its share */
    /* NULL: the name is resolved. Else connect to this address only (its port counts); host is then
     * only the name that the certificate must carry. Copied. */
    const struct sockaddr *address;
    int address_len;
    /* An unverified handshake is completed, its certificates are kept, and then the transport goes
     * down (TLS) without having been up: not one octet follows the handshake. */
    bool record_certificates;
};

struct transport_events {
    void (*up)(void *arg); /* connected; with TLS: secured. Again after transport_start_tls(). */
    void (*readable)(void *arg);
    void (*writable)(void *arg); /* what was queued fell below the low mark */
    /* RESOLVE, CONNECT, TLS or CLOSED; reason is borrowed. */
    void (*down)(void *arg, enum imap_failure_kind kind, const char *reason);
    /* May be NULL. RESOLVE, CONNECT (once for each address), TLS begin now. */
    void (*phase)(void *arg, enum imap_phase phase);
};

struct transport *transport_new(struct event_base *base, struct evdns_base *dns,
                                const struct transport_options *options,
                                const struct transport_events *events, void *arg);
void transport_free(struct transport *transport);
/* Begins to resolve; called once, from the event loop. */
void transport_open(struct transport *transport);
/* The phase that runs, or that failed: RESOLVE, CONNECT, TLS, then GREETING. */
enum imap_phase transport_phase(const struct transport *transport);

/* The input and output buffers; NULL before up. */
struct evbuffer *transport_input(struct transport *transport);
struct evbuffer *transport_output(struct transport *transport);
/* Adds a secret to the output; the memory that holds it is wiped once it was sent. */
void transport_write_secret(struct transport *transport, const char *data, size_t len);
/* Octets that were queued and that the peer's system has not acknowledged. */
size_t transport_unsent(struct transport *transport);
/* writable is called when no more than low octets are queued. */
void transport_set_low_mark(struct transport *transport, size_t low);
void transport_set_reading(struct transport *transport, bool on);
/* The last line before transport_free(), with its line end: sent if the connection stands, nothing
 * else is on its way and the system takes it at once. */
void transport_write_last(struct transport *transport, const char *line);

/* STARTTLS was agreed on. The caller has made sure that the input is empty. */
void transport_start_tls(struct transport *transport);
/* "TLSv1.3", "" without TLS. */
const char *transport_tls_version(const struct transport *transport);
/* With record_certificates, after a handshake was tried: kept until transport_free(). NULL: none.
 */
const struct certificate_chain *transport_certificates(const struct transport *transport);

#endif
