#include "agent/reflect/token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/util/memory.h"
#include "rules/util/octet.h"

#define DIGEST 32
#define TIME 6
#define STAMP_TIME 8
#define STAMP_OCTETS (2 * STAMP_TIME + DIGEST)
#define VERSION 1

/* Where each part of a token begins. */
enum {
    AT_KEY_ID = 1,
    AT_PROBE_ID = AT_KEY_ID + TOKEN_KEY_ID,
    AT_NONCE = AT_PROBE_ID + TOKEN_PROBE_ID,
    AT_TIME = AT_NONCE + TOKEN_NONCE,
    AT_HMAC = AT_TIME + TIME
};
_Static_assert(AT_HMAC + DIGEST == TOKEN_OCTETS, "the parts make up a token");
_Static_assert(TOKEN_OCTETS % 3 == 0 && TOKEN_OCTETS / 3 * 4 == TOKEN_LEN, "no padding");
_Static_assert(STAMP_OCTETS % 3 == 0 && STAMP_OCTETS / 3 * 4 == STAMP_LEN, "no padding");

/* With their NUL: what is signed for one purpose never verifies for the other. */
static const char probe_word[] = "mailvigil probe 1";
static const char return_word[] = "mailvigil return 1";

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- base64url of whole groups ---- */

static void base64url_write(const unsigned char *octets, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3, out += 4) {
        unsigned group =
            (unsigned)octets[i] << 16 | (unsigned)octets[i + 1] << 8 | (unsigned)octets[i + 2];

        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = alphabet[group >> 6 & 63];
        out[3] = alphabet[group & 63];
    }
    *out = '\0';
}

static bool base64url_read(const char *text, size_t len, unsigned char *octets)
{
    for (size_t i = 0; i < len; i += 4, octets += 3) {
        unsigned group = 0;

        for (size_t j = 0; j < 4; j++) {
            const char *found = memchr(alphabet, text[i + j], sizeof(alphabet) - 1);
            if (found == NULL)
                return false;
            group = group << 6 | (unsigned)(found - alphabet);
        }
        octets[0] = (unsigned char)(group >> 16);
        octets[1] = (unsigned char)(group >> 8);
        octets[2] = (unsigned char)group;
    }
    return true;
}

static void number_write(uint64_t number, unsigned char *out, size_t len)
{
    for (size_t i = len; i-- > 0; number >>= 8)
        out[i] = (unsigned char)number;
}

static uint64_t number_read(const unsigned char *octets, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | octets[i];
    return number;
}

/* ---- libcrypto, which can only fail here when out of memory ---- */

static void must(int ok)
{
    if (ok != 1)
        memory_exhausted();
}

static void sha256(const void *data, size_t len, const void *more, size_t more_len,
                   unsigned char digest[DIGEST])
{
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());

    must(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    must(EVP_DigestUpdate(context, data, len));
    if (more_len > 0)
        must(EVP_DigestUpdate(context, more, more_len));
    must(EVP_DigestFinal_ex(context, digest, NULL));
    EVP_MD_CTX_free(context);
}

static EVP_MAC_CTX *mac_begin(const struct token_key *key, const char *word, size_t word_size)
{
    EVP_MAC *hmac = memory_check(EVP_MAC_fetch(NULL, "HMAC", NULL));
    EVP_MAC_CTX *mac = memory_check(EVP_MAC_CTX_new(hmac));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    EVP_MAC_free(hmac); /* the context has a reference */
    must(EVP_MAC_init(mac, key->octets, key->len, parameters));
    must(EVP_MAC_update(mac, (const unsigned char *)word, word_size));
    return mac;
}

/* With its NUL, its domain in lower case. */
static void mac_address(EVP_MAC_CTX *mac, const char *address)
{
    const char *at = strrchr(address, '@');
    size_t local = at != NULL ? (size_t)(at - address) : strlen(address);
    const char *c = address + local;

    must(EVP_MAC_update(mac, (const unsigned char *)address, local));
    do {
        unsigned char octet = (unsigned char)octet_lower(*c);
        must(EVP_MAC_update(mac, &octet, 1));
    } while (*c++ != '\0');
}

static void mac_end(EVP_MAC_CTX *mac, const char *to, const char *reply_to,
                    unsigned char out[DIGEST])
{
    size_t len;

    mac_address(mac, to);
    mac_address(mac, reply_to);
    must(EVP_MAC_final(mac, out, &len, DIGEST));
    EVP_MAC_CTX_free(mac);
}

static void sign_token(const unsigned char octets[TOKEN_OCTETS], const struct token_key *key,
                       const char *to, const char *reply_to, unsigned char out[DIGEST])
{
    EVP_MAC_CTX *mac = mac_begin(key, probe_word, sizeof(probe_word));

    must(EVP_MAC_update(mac, octets, AT_HMAC));
    mac_end(mac, to, reply_to, out);
}

static void sign_stamp(const struct probe_token *token, const unsigned char times[2 * STAMP_TIME],
                       const struct token_key *key, const char *to, const char *reply_to,
                       unsigned char out[DIGEST])
{
    EVP_MAC_CTX *mac = mac_begin(key, return_word, sizeof(return_word));

    must(EVP_MAC_update(mac, token->octets, TOKEN_OCTETS));
    must(EVP_MAC_update(mac, times, 2 * STAMP_TIME));
    mac_end(mac, to, reply_to, out);
}

/* ---- keys ---- */

static void key_id(const struct token_key *key, unsigned char id[TOKEN_KEY_ID])
{
    unsigned char digest[DIGEST];

    sha256(key->octets, key->len, NULL, 0, digest);
    memcpy(id, digest, TOKEN_KEY_ID);
}

void token_keys_wipe(struct token_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof(*keys));
}

static bool keys_may_be_read(int fd, const char *path, char *why, size_t why_size)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        snprintf(why, why_size, "%s is not a regular file", path);
    else if ((st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0)
        snprintf(why, why_size, "%s can be read or written by others (mode %04o): chmod 400 it",
                 path, (unsigned)(st.st_mode & 07777));
    else if (st.st_uid != 0 && st.st_uid != geteuid())
        snprintf(why, why_size, "%s is owned by user id %u; expected root or user id %u", path,
                 (unsigned)st.st_uid, (unsigned)geteuid());
    else
        return true;
    return false;
}

/* NULL: added; else what is wrong with the line. */
static const char *key_add(struct token_keys *keys, const char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0)
        return NULL;
    if (memchr(line, '\0', len) != NULL)
        return "contains a NUL byte";
    if (len < TOKEN_KEY_MIN)
        return "is too short: at least 16 bytes, 32 random bytes are recommended";
    if (len > TOKEN_KEY_MAX)
        return "is too long: at most 1024 bytes";
    if (keys->count == TOKEN_KEYS_MAX)
        return "is one too many: at most four keys";
    struct token_key *key = &keys->keys[keys->count++];
    memcpy(key->octets, line, len);
    key->len = len;
    return NULL;
}

static bool keys_take(struct token_keys *keys, const char *path, const char *text, size_t len,
                      char *why, size_t why_size)
{
    unsigned number = 1;

    for (const char *line = text, *end = text + len; line < end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline != NULL ? newline : end;
        const char *fault = key_add(keys, line, (size_t)(stop - line));

        if (fault != NULL) {
            snprintf(why, why_size, "%s: the key on line %u %s", path, number, fault);
            return false;
        }
        line = stop + 1;
    }
    if (keys->count == 0)
        snprintf(why, why_size, "%s is empty: put a key of 32 random bytes in its first line",
                 path);
    return keys->count > 0;
}

static bool keys_read_open(int fd, const char *path, struct token_keys *keys, char *why,
                           size_t why_size)
{
    char text[(TOKEN_KEYS_MAX + 1) * (TOKEN_KEY_MAX + 2)];
    size_t len = 0;
    ssize_t got;
    bool good = false;

    if (!keys_may_be_read(fd, path, why, why_size))
        return false;
    do {
        got = read(fd, text + len, sizeof(text) - len);
        len += got > 0 ? (size_t)got : 0;
    } while (len < sizeof(text) && (got > 0 || (got < 0 && errno == EINTR)));
    if (got < 0)
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    else if (len == sizeof(text))
        snprintf(why, why_size, "%s is too large for a key file", path);
    else
        good = keys_take(keys, path, text, len, why, why_size);
    OPENSSL_cleanse(text, sizeof(text));
    return good;
}

bool token_keys_read(const char *path, struct token_keys *keys, char *why, size_t why_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool good;

    memset(keys, 0, sizeof(*keys));
    if (fd < 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    good = keys_read_open(fd, path, keys, why, why_size);
    close(fd);
    if (!good)
        token_keys_wipe(keys);
    return good;
}

/* ---- tokens ---- */

void token_probe_id(const char *instance, const char *probe, unsigned char id[TOKEN_PROBE_ID])
{
    unsigned char digest[DIGEST];

    sha256(instance, strlen(instance) + 1, probe, strlen(probe), digest);
    memcpy(id, digest, TOKEN_PROBE_ID);
}

void token_make(struct probe_token *token, const struct token_key *key,
                const unsigned char probe_id[TOKEN_PROBE_ID],
                const unsigned char nonce[TOKEN_NONCE], uint64_t sent_ms, const char *to,
                const char *reply_to)
{
    unsigned char *octets = token->octets;

    octets[0] = VERSION;
    key_id(key, octets + AT_KEY_ID);
    memcpy(octets + AT_PROBE_ID, probe_id, TOKEN_PROBE_ID);
    memcpy(octets + AT_NONCE, nonce, TOKEN_NONCE);
    number_write(sent_ms, octets + AT_TIME, TIME);
    sign_token(octets, key, to, reply_to, octets + AT_HMAC);
}

void token_write(const struct probe_token *token, char out[TOKEN_LEN + 1])
{
    base64url_write(token->octets, TOKEN_OCTETS, out);
}

bool token_read(struct probe_token *token, const char *text, size_t len)
{
    return len == TOKEN_LEN && base64url_read(text, len, token->octets) &&
           token->octets[0] == VERSION;
}

/* The key that the token verifies under; NULL: none. Key ids are not secret, digests are. */
static const struct token_key *token_signer(const struct probe_token *token,
                                            const struct token_keys *keys, const char *to,
                                            const char *reply_to)
{
    unsigned char id[TOKEN_KEY_ID], digest[DIGEST];

    for (size_t i = 0; i < keys->count; i++) {
        key_id(&keys->keys[i], id);
        if (memcmp(id, token->octets + AT_KEY_ID, TOKEN_KEY_ID) != 0)
            continue;
        sign_token(token->octets, &keys->keys[i], to, reply_to, digest);
        if (CRYPTO_memcmp(digest, token->octets + AT_HMAC, DIGEST) == 0)
            return &keys->keys[i];
    }
    return NULL;
}

bool token_verify(const struct probe_token *token, const struct token_keys *keys, const char *to,
                  const char *reply_to)
{
    return token_signer(token, keys, to, reply_to) != NULL;
}

const unsigned char *token_nonce(const struct probe_token *token)
{
    return token->octets + AT_NONCE;
}

const unsigned char *token_probe(const struct probe_token *token)
{
    return token->octets + AT_PROBE_ID;
}

uint64_t token_sent_ms(const struct probe_token *token)
{
    return number_read(token->octets + AT_TIME, TIME);
}

/* ---- returns ---- */

void return_write(const struct probe_token *token, const struct token_keys *keys,
                  const struct stamp *stamp, const char *to, const char *reply_to,
                  char out[RETURN_LEN + 1])
{
    const struct token_key *key = token_signer(token, keys, to, reply_to);
    unsigned char octets[STAMP_OCTETS];

    out[0] = '\0';
    if (key == NULL)
        return;
    number_write(stamp->received_us, octets, STAMP_TIME);
    number_write(stamp->handed_us, octets + STAMP_TIME, STAMP_TIME);
    sign_stamp(token, octets, key, to, reply_to, octets + (size_t)2 * STAMP_TIME);
    token_write(token, out);
    out[TOKEN_LEN] = '.';
    base64url_write(octets, STAMP_OCTETS, out + TOKEN_LEN + 1);
}

bool return_verify(const char *text, size_t len, const struct token_keys *keys, const char *to,
                   const char *reply_to, struct probe_token *token, struct stamp *stamp)
{
    unsigned char octets[STAMP_OCTETS], digest[DIGEST];
    const struct token_key *key;

    if (len != RETURN_LEN || text[TOKEN_LEN] != '.' || !token_read(token, text, TOKEN_LEN) ||
        !base64url_read(text + TOKEN_LEN + 1, STAMP_LEN, octets))
        return false;
    key = token_signer(token, keys, to, reply_to);
    if (key == NULL)
        return false;
    sign_stamp(token, octets, key, to, reply_to, digest);
    if (CRYPTO_memcmp(digest, octets + (size_t)2 * STAMP_TIME, DIGEST) != 0)
        return false;
    stamp->received_us = number_read(octets, STAMP_TIME);
    stamp->handed_us = number_read(octets + STAMP_TIME, STAMP_TIME);
    return true;
}
