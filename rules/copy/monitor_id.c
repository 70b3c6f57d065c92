#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "rules/copy/copy.h"
#include "rules/util/buffer.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* 128 bits: 25 digits of five bits each, and one of three bits padded with zeros. */
static void base32(const unsigned char bits[16], char id[MONITOR_ID_LEN + 1])
{
    unsigned window = 0, count = 0;
    size_t used = 0;
    for (size_t i = 0; i < MONITOR_ID_LEN; i++) {
        while (count < 5) {
            window = (window << 8 | (used < 16 ? bits[used] : 0)) & 0xffff;
            used++;
            count += 8;
        }
        count -= 5;
        id[i] = alphabet[window >> count & 31];
    }
    assert(used == 17 && count == 6);
    id[MONITOR_ID_LEN] = '\0';
}

static void add_with_nul(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text) + 1);
}

void monitor_id_make(const unsigned char key[32], const char *account, const char *folder,
                     uint32_t uidvalidity, uint32_t uid, const char *target,
                     char id[MONITOR_ID_LEN + 1])
{
    struct buffer source = {0};
    char number[16];
    add_with_nul(&source, account);
    add_with_nul(&source, folder);
    snprintf(number, sizeof(number), "%lu", (unsigned long)uidvalidity);
    add_with_nul(&source, number);
    snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
    add_with_nul(&source, number);
    buffer_text(&source, target);

    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    memory_check(
        HMAC(EVP_sha256(), key, 32, (const unsigned char *)source.data, source.len, digest, &len));
    buffer_free(&source);
    base32(digest, id);
}

bool monitor_id_read(const struct header *header, char id[MONITOR_ID_LEN + 1])
{
    const struct header_field *field = header_find(header, "X-Monitor-Id", 0);
    if (field == NULL)
        return false;
    char *value = header_value(field, 100);
    bool well_formed = strlen(value) == MONITOR_ID_LEN && strspn(value, alphabet) == MONITOR_ID_LEN;
    if (well_formed)
        memcpy(id, value, MONITOR_ID_LEN + 1);
    free(value);
    return well_formed;
}
