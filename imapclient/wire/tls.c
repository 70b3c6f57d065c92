#include "imapclient/wire/tls.h"

#include <stdbool.h>
#include <stdint.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "imapclient/util/memory.h"

static char *queued_error(const char *what)
{
    unsigned long error = ERR_get_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    return xasprintf("%s: %s", what, reason != NULL ? reason : "cannot be loaded");
}

SSL_CTX *imap_tls_context_new(const char *ca_file, char **why)
{
    *why = NULL;
    SSL_CTX *context = memory_check(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* Never SSL_MODE_ENABLE_PARTIAL_WRITE: libevent's bufferevent_openssl (2.1.12) continues with
     * the next buffer after a short SSL_write() and loses the rest of the previous one. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    ERR_clear_error();
    int loaded = ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file)
                                 : SSL_CTX_set_default_verify_paths(context);
    if (loaded != 1) {
        *why = queued_error(ca_file != NULL ? ca_file : "the system's CA certificates");
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != NULL;
}

SSL *tls_client_new(SSL_CTX *context, const char *host)
{
    SSL *ssl = memory_check(SSL_new(context));
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool bound;
    if (is_address(host))
        bound = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    else
        bound = SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
    if (!bound) {
        /* Without a name to compare, any certificate would be accepted. */
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

/* The first error is the one at which an enforced handshake would have stopped. It is stored with
 * the SSL: OpenSSL's own result is that of the last check, which may be set again after an error
 * was overridden. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (!ok && SSL_get_app_data(ssl) == NULL)
        SSL_set_app_data(ssl, (void *)(intptr_t)X509_STORE_CTX_get_error(store));
    return 1;
}

void tls_record_verification(SSL *ssl)
{
    SSL_set_app_data(ssl, NULL);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
}

long tls_verify_result(const SSL *ssl)
{
    long first = (long)(intptr_t)SSL_get_app_data(ssl);
    return first != X509_V_OK ? first : SSL_get_verify_result(ssl);
}

static char *verify_failure(long result, const char *host)
{
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return xasprintf("certificate name mismatch: not valid for %s", host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return xasprintf("the server's certificate has expired");
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return xasprintf("the server's certificate is not yet valid");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return xasprintf("the server's certificate was issued by an unknown CA (%s)",
                         X509_verify_cert_error_string(result));
    default:
        return xasprintf("the server's certificate was rejected: %s",
                         X509_verify_cert_error_string(result));
    }
}

char *tls_failure(const SSL *ssl, const char *host, unsigned long error)
{
    long result = tls_verify_result(ssl);
    if (result != X509_V_OK)
        return verify_failure(result, host);
    if (error == 0)
        return xstrdup("the server closed the connection during the TLS handshake");
    if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER ||
        ERR_GET_REASON(error) == SSL_R_PACKET_LENGTH_TOO_LONG)
        return xstrdup("the server does not speak TLS on this port");
    const char *reason = ERR_reason_error_string(error);
    return xasprintf("TLS handshake: %s", reason != NULL ? reason : "failed");
}
