/*
 * What TLS means for a mail client: TLS 1.2 or later (RFC 8314), the chain verified, the name of
 * the certificate compared with the name that was asked for (RFC 6125), and words for what failed.
 */
#ifndef IMAPCLIENT_WIRE_TLS_H
#define IMAPCLIENT_WIRE_TLS_H

#include <openssl/ssl.h>

/*
 * A TLS client context: TLS 1.2 or later, chain and name verified, SSL_MODE_RELEASE_BUFFERS.
 * ca_file NULL: the system's. On failure NULL and *why (caller frees) names file and reason.
 */
SSL_CTX *imap_tls_context_new(const char *ca_file, char **why);

/* A client's SSL that will accept only a certificate for host, a name or an address. */
SSL *tls_client_new(SSL_CTX *context, const char *host);
/*
 * Why the handshake failed, for a person; the caller frees. error is what the OpenSSL queue said,
 * 0 when the server simply closed the connection.
 */
char *tls_failure(const SSL *ssl, const char *host, unsigned long error);

/* Before the handshake: verification is recorded in ssl and does not stop it. Uses the SSL's
 * application data. Whoever records has to look at the result before anything is sent. */
void tls_record_verification(SSL *ssl);
/* Recorded or enforced: the first thing that was wrong, X509_V_OK if nothing was. */
long tls_verify_result(const SSL *ssl);

#endif
