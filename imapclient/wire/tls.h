/*
 * TLS for a mail client: TLS 1.2 or later (RFC 8314), the chain verified, the certificate's name
 * compared with the requested name (RFC 6125), and descriptions of failures.
 */
#ifndef IMAPCLIENT_WIRE_TLS_H
#define IMAPCLIENT_WIRE_TLS_H

#include <openssl/ssl.h>

/*
 * A TLS client context: TLS 1.2 or later, chain and name verified, SSL_MODE_RELEASE_BUFFERS.
 * ca_file NULL: the system's CAs. On failure NULL, and *why (caller frees) gives file and reason.
 */
SSL_CTX *imap_tls_context_new(const char *ca_file, char **why);

/* A client's SSL that accepts only a certificate for host, a name or an address. */
SSL *tls_client_new(SSL_CTX *context, const char *host);
/*
 * Why the handshake failed, in plain text; the caller frees. error is from OpenSSL's error queue, 0
 * if the server just closed the connection.
 */
char *tls_failure(const SSL *ssl, const char *host, unsigned long error);

/* Before the handshake: verification failures are recorded in ssl and do not stop it. Uses the
 * SSL's application data. The caller must check the result before sending anything. */
void tls_record_verification(SSL *ssl);
/* Recorded or enforced: the first verification error, X509_V_OK if there was none. */
long tls_verify_result(const SSL *ssl);

#endif
