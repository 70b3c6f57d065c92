#include "imapclient/wire/certificate.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "imapclient/text/printable.h"
#include "imapclient/util/memory.h"
#include "imapclient/wire/tls.h"

static time_t seconds(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

/* XN_FLAG_RFC2253 escapes control characters and everything beyond ASCII. */
static void put_name(char *out, size_t room, const X509_NAME *name)
{
    BIO *text = memory_check(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253);
    int len = BIO_read(text, out, (int)room - 1);
    out[len > 0 ? len : 0] = '\0';
    BIO_free(text);
    ERR_clear_error();
    text_printable(out, PRINTABLE_ASCII);
}

static void put_fingerprint(char out[65], const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    out[0] = '\0';
    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
        return;
    for (unsigned i = 0; i < len && i < 32; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static void fill(struct certificate *member, const X509 *certificate)
{
    member->not_before = seconds(X509_get0_notBefore(certificate));
    member->not_after = seconds(X509_get0_notAfter(certificate));
    put_name(member->subject, sizeof(member->subject), X509_get_subject_name(certificate));
    put_name(member->issuer, sizeof(member->issuer), X509_get_issuer_name(certificate));
    put_fingerprint(member->sha256, certificate);
}

static time_t earliest_expiry(const STACK_OF(X509) * certificates)
{
    time_t earliest = 0;
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        time_t expiry = seconds(X509_get0_notAfter(sk_X509_value(certificates, i)));
        if (i == 0 || expiry < earliest)
            earliest = expiry;
    }
    return earliest;
}

struct certificate_chain *certificate_chain_new(const SSL *ssl, const char *host)
{
    const STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
    if (sent == NULL || sk_X509_num(sent) <= 0)
        return NULL;
    struct certificate_chain *chain = xcalloc(1, sizeof(*chain));
    chain->sent = (size_t)sk_X509_num(sent);
    chain->count = chain->sent < CERTIFICATE_CHAIN_MAX ? chain->sent : CERTIFICATE_CHAIN_MAX;
    for (size_t i = 0; i < chain->count; i++)
        fill(&chain->members[i], sk_X509_value(sent, (int)i));
    chain->earliest_expiry = earliest_expiry(sent);
    const STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
    if (tls_verify_result(ssl) != X509_V_OK) {
        char *error = tls_failure(ssl, host, 0);
        snprintf(chain->error, sizeof(chain->error), "%s", error);
        free(error);
    } else if (verified == NULL || sk_X509_num(verified) <= 0) {
        snprintf(chain->error, sizeof(chain->error), "the server's certificate was not verified");
    } else {
        chain->verified = true;
        chain->verified_expiry = earliest_expiry(verified);
    }
    return chain;
}
