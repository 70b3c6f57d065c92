#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "imapclient/scripted_server.h"
#include "imapclient/util/memory.h"

#define DAY (24 * 3600L)

struct scripted_ca {
    struct scripted_ca *above; /* NULL: a root */
    EVP_PKEY *key;
    X509 *certificate;
    long serial;
    char file[64];
};

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    X509_add_ext(certificate, memory_check(extension), -1);
    X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *name, EVP_PKEY *key, long serial, long begin, long end)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
    X509_gmtime_adj(X509_getm_notAfter(certificate), end);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

struct scripted_ca *scripted_ca_new(void)
{
    struct scripted_ca *ca = xcalloc(1, sizeof(*ca));
    snprintf(ca->file, sizeof(ca->file), "/tmp/scripted-ca-XXXXXX");
    FILE *file = fdopen(mkstemp(ca->file), "w");
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = certificate_new(ca->file, ca->key, 1, -30 * DAY, 30 * DAY);
    X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate));
    add_extension(ca->certificate, ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(ca->certificate, ca->key, EVP_sha256());
    ca->serial = 1;
    PEM_write_X509(memory_check(file), ca->certificate);
    fclose(file);
    return ca;
}

void scripted_ca_free(struct scripted_ca *ca)
{
    if (ca->above == NULL)
        unlink(ca->file);
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    free(ca);
}

const char *scripted_ca_file(const struct scripted_ca *ca)
{
    return ca->file;
}

static X509 *issue(struct scripted_ca *ca, EVP_PKEY *key, const char *name, long begin, long end)
{
    X509 *certificate = certificate_new("scripted server", key, ++ca->serial, begin, end);
    X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate));
    add_extension(certificate, ca->certificate, NID_subject_alt_name, name);
    X509_sign(certificate, ca->key, EVP_sha256());
    return certificate;
}

struct scripted_ca *scripted_ca_intermediate(struct scripted_ca *ca, long end)
{
    struct scripted_ca *below = xcalloc(1, sizeof(*below));
    below->above = ca;
    below->key = EVP_EC_gen("P-256");
    below->certificate =
        certificate_new("scripted intermediate", below->key, ++ca->serial, -30 * DAY, end);
    X509_set_issuer_name(below->certificate, X509_get_subject_name(ca->certificate));
    add_extension(below->certificate, ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(below->certificate, ca->key, EVP_sha256());
    return below;
}

SSL_CTX *scripted_ca_server(struct scripted_ca *ca, const char *name, long begin, long end)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = issue(ca, key, name, begin, end);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    for (struct scripted_ca *above = ca; above->above != NULL; above = above->above)
        SSL_CTX_add1_chain_cert(context, above->certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return memory_check(context);
}

void scripted_ca_server_files(struct scripted_ca *ca, const char *name, const char *certificate,
                              const char *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *issued = issue(ca, pair, name, -DAY, 30 * DAY);
    FILE *file = memory_check(fopen(certificate, "w"));
    PEM_write_X509(file, issued);
    fclose(file);
    file = memory_check(fopen(key, "w"));
    PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(issued);
    EVP_PKEY_free(pair);
}
