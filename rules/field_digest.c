#include "rules/field_digest.h"

#include <stdint.h>
#include <string.h>

#include "rules/util/sha256.h"

static void add_field(EVP_MD_CTX *digest, const char *name, const struct header_field *field)
{
    char *value = header_value(field, HEADER_MAX);
    size_t len = strlen(value);
    unsigned char length[8];
    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    sha256_add(digest, name, strlen(name) + 1);
    sha256_add(digest, length, sizeof(length));
    sha256_add(digest, value, len);
    free(value);
}

void field_digest(const struct header *header, const char *const *names, unsigned char digest[32])
{
    EVP_MD_CTX *context = sha256_new();
    for (; *names != NULL; names++)
        for (size_t i = 0; i < header->count; i++)
            if (header_field_is(&header->fields[i], *names))
                add_field(context, *names, &header->fields[i]);
    sha256_end(context, digest);
}
