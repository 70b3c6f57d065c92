#include "rules/field_digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "rules/util/memory.h"

static void add(EVP_MD_CTX *digest, const void *data, size_t len)
{
    if (EVP_DigestUpdate(digest, data, len) != 1)
        memory_exhausted();
}

static void add_field(EVP_MD_CTX *digest, const char *name, const struct header_field *field)
{
    char *value = header_value(field, HEADER_MAX);
    size_t len = strlen(value);
    unsigned char length[8];
    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    add(digest, name, strlen(name) + 1);
    add(digest, length, sizeof(length));
    add(digest, value, len);
    free(value);
}

void field_digest(const struct header *header, const char *const *names, unsigned char digest[32])
{
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        memory_exhausted();
    for (; *names != NULL; names++)
        for (size_t i = 0; i < header->count; i++)
            if (header_field_is(&header->fields[i], *names))
                add_field(context, *names, &header->fields[i]);
    if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
        memory_exhausted();
    EVP_MD_CTX_free(context);
}
