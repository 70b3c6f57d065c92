/*
 * The byte stream of a session: name resolution, TCP, and TLS on top.
 *
 * The addresses of the name are tried in turn until one accepts. TLS is started either at once or
 * later on the same connection (STARTTLS, RFC 9051 section 6.2.1); chain and name are always
 * verified. Connections without TLS are restricted to loopback addresses: the resolved address is
 * checked, not the name.
 *
 * Callbacks come from the event loop, never from inside a function of this header; none follows
 * down. transport_free() is allowed inside callbacks.
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

#define TRANSPORT_READ_MAX (64 * 1024) /* octets buffered before readable is called */

struct transport;

struct transport_options {
    const char *host;
    uint16_t port;
    bool tls_at_once;
    bool loopback_only;
    SSL_CTX *tls;
    unsigned timeout; /* seconds for all addresses together, divided among them */
    /* NULL: resolve host. Otherwise connect to this address only, with its own port; host is then
     * only the name that the certificate must be valid for. Copied. */
    const struct sockaddr *address;
    int address_len;
    /* A handshake that does not verify is completed, its certificates are stored, and the transport
     * goes down (TLS) without having been up: nothing is sent after the handshake. */
    bool record_certificates;
};

struct transport_events {
    void (*up)(void *arg); /* connected; with TLS: secured. Again after transport_start_tls(). */
    void (*readable)(void *arg);
    void (*writable)(void *arg); /* the queue fell to the low mark */
    /* RESOLVE, CONNECT, TLS or CLOSED; reason is borrowed. */
    void (*down)(void *arg, enum imap_failure_kind kind, const char *reason);
    /* May be NULL. RESOLVE, CONNECT (once per address) or TLS begins. */
    void (*phase)(void *arg, enum imap_phase phase);
};

struct transport *transport_new(struct event_base *base, struct evdns_base *dns,
                                const struct transport_options *options,
                                const struct transport_events *events, void *arg);
void transport_free(struct transport *transport);
/* Starts resolving; called once, from the event loop. */
void transport_open(struct transport *transport);
/* The current phase, or the one that failed: RESOLVE, CONNECT, TLS, then GREETING. */
enum imap_phase transport_phase(const struct transport *transport);

/* The input and output buffers; NULL before up. */
struct evbuffer *transport_input(struct transport *transport);
struct evbuffer *transport_output(struct transport *transport);
/* Adds a secret to the output; its memory is wiped once it was sent. */
void transport_write_secret(struct transport *transport, const char *data, size_t len);
/* Octets queued here or in the kernel, which the peer has not acknowledged. */
size_t transport_unsent(struct transport *transport);
/* writable is called when at most low octets are queued. */
void transport_set_low_mark(struct transport *transport, size_t low);
void transport_set_reading(struct transport *transport, bool on);
/* While on, the connection ends with RST, also if the process is killed: what our kernel has not
 * sent by then is dropped. What the server's has received, the server still reads. */
void transport_set_abrupt(struct transport *transport, bool on);
/* A last line, with its CRLF, before transport_free(): sent if the connection is up, nothing else
 * is queued and the kernel accepts it at once. */
void transport_write_last(struct transport *transport, const char *line);

/* The server accepted STARTTLS. The input must be empty. */
void transport_start_tls(struct transport *transport);
/* "TLSv1.3", "" without TLS. */
const char *transport_tls_version(const struct transport *transport);
/* With record_certificates, after a handshake was attempted; until transport_free(). NULL: none. */
const struct certificate_chain *transport_certificates(const struct transport *transport);

#endif
