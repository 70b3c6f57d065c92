#include "rules/sample.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "rules/field_digest.h"
#include "rules/util/memory.h"

void sample_digest(const struct header *header, unsigned char digest[32])
{
    static const char *const names[] = {
        "From", "To", "Cc", "Date", "Subject", "Message-ID", "Content-Type", "In-Reply-To", NULL};
    field_digest(header, names, digest);
}

static uint64_t keyed_hash(const unsigned char key[32], const char *name,
                           const unsigned char digest[32])
{
    size_t name_len = strlen(name) + 1;
    unsigned char *data = xmalloc(name_len + 32);
    memcpy(data, name, name_len);
    memcpy(data + name_len, digest, 32);
    unsigned char code[EVP_MAX_MD_SIZE];
    memory_check(HMAC(EVP_sha256(), key, 32, data, name_len + 32, code, NULL));
    free(data);
    uint64_t hash = 0;
    for (size_t i = 0; i < 8; i++)
        hash = hash << 8 | code[i];
    return hash;
}

bool sample_includes(const unsigned char key[32], const struct rule *rule,
                     const unsigned char digest[32])
{
    if (!(rule->sample > 0))
        return false;
    double bound = rule->sample / 100 * 0x1p64;
    if (bound >= 0x1p64)
        return true;
    return keyed_hash(key, rule->name, digest) < (uint64_t)bound;
}
