/*
 * SHA-256 of data in pieces, by libcrypto, which fails only for lack of memory.
 */
#ifndef RULES_UTIL_SHA256_H
#define RULES_UTIL_SHA256_H

#include <openssl/evp.h>

#include "rules/util/memory.h"

static inline EVP_MD_CTX *sha256_new(void)
{
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());
    memory_require(EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    return context;
}

static inline void sha256_add(EVP_MD_CTX *context, const void *data, size_t len)
{
    memory_require(EVP_DigestUpdate(context, data, len) == 1);
}

/* Writes the digest and frees the context. */
static inline void sha256_end(EVP_MD_CTX *context, unsigned char digest[32])
{
    memory_require(EVP_DigestFinal_ex(context, digest, NULL) == 1);
    EVP_MD_CTX_free(context);
}

#endif
