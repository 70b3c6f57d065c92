/*
 * What TLS means for a mail client: TLS 1.2 or later (RFC 8314), the chain verified, the name of
 * the certificate compared with the name that was asked for (RFC 6125), and words for what failed.
 */
#ifndef IMAPCLIENT_WIRE_TLS_H
#define IMAPCLIENT_WIRE_TLS_H

#include <openssl/ssl.h>

/* A client's SSL that will accept only a certificate for host, a name or an address. */
SSL *tls_client_new(SSL_CTX *context, const char *host);
/*
 * Why the handshake failed, for a person; the caller frees. error is what the OpenSSL queue said,
 * 0 when the server simply closed the connection.
 */
char *tls_failure(const SSL *ssl, const char *host, unsigned long error);

#endif
