/*
 * The certificates that a server sent in a TLS handshake, accepted or not, and what was wrong with
 * them.
 *
 * A recorded handshake is completed even if the chain or the name does not verify, so that dates
 * can be reported; the connection is then closed before any protocol data or secret is sent
 * (transport.h). Times are seconds since 1970. Texts are for display: RFC 2253 names, control
 * characters replaced, truncated to their fields.
 */
#ifndef IMAPCLIENT_WIRE_CERTIFICATE_H
#define IMAPCLIENT_WIRE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/ssl.h>

#define CERTIFICATE_CHAIN_MAX 10 /* further ones are counted but not stored */
#define CERTIFICATE_NAME_MAX 160

struct certificate {
    time_t not_before, not_after;
    char subject[CERTIFICATE_NAME_MAX], issuer[CERTIFICATE_NAME_MAX];
    char sha256[65]; /* fingerprint, hex */
};

struct certificate_chain {
    size_t count;                                      /* stored; 0: the server sent none */
    size_t sent;                                       /* by the server */
    struct certificate members[CERTIFICATE_CHAIN_MAX]; /* the server's own first */
    time_t earliest_expiry;                            /* of all that were sent */
    time_t verified_expiry; /* earliest of the verified chain, 0: not verified */
    bool verified;          /* chain, dates and name */
    char error[200];        /* "the server's certificate has expired" ...; "" when verified */
};

/* After the handshake or its failure: a new chain, to be freed with free(); NULL: no certificate.
 */
struct certificate_chain *certificate_chain_new(const SSL *ssl, const char *host);

#endif
