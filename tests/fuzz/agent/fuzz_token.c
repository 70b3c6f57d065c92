/* What is read as a token is written as it was; nothing verifies that was not signed; and a file
 * of keys is read or refused with a reason, whatever is in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/reflect/token.h"
#include "rules/util/memory.h"

#define TO "scout@company.test"
#define REPLY_TO "probe@example.org"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_signed(const struct token_keys *keys)
{
    const unsigned char id[TOKEN_PROBE_ID] = {1}, nonce[TOKEN_NONCE] = {2};
    const struct stamp stamp = {3, 4};
    struct probe_token token, again;
    struct stamp read;
    char text[RETURN_LEN + 1];

    for (size_t i = 0; i < keys->count; i++) {
        token_make(&token, &keys->keys[i], id, nonce, 5, TO, REPLY_TO);
        check(token_verify(&token, keys, TO, REPLY_TO));
        return_write(&token, keys, &stamp, TO, REPLY_TO, text);
        check(return_verify(text, strlen(text), keys, TO, REPLY_TO, &again, &read));
        check(memcmp(&token, &again, sizeof(token)) == 0 && read.handed_us == 4);
    }
}

static void check_keys(const uint8_t *data, size_t size)
{
    struct token_keys keys;
    char path[64], why[300] = "";
    int fd = memfd_create("keys", MFD_CLOEXEC);

    check(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (token_keys_read(path, &keys, why, sizeof(why))) {
        check(keys.count > 0 && keys.count <= TOKEN_KEYS_MAX);
        check_signed(&keys);
    } else {
        check(why[0] != '\0' && keys.count == 0);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct token_keys keys = {.count = 1, .keys = {{"0123456789abcdef", 16}}};
    char *text = xmemdup0(data, size), again[TOKEN_LEN + 1];
    struct probe_token token;
    struct stamp stamp;

    if (token_read(&token, text, size)) {
        token_write(&token, again);
        check(size == TOKEN_LEN && memcmp(text, again, TOKEN_LEN) == 0);
        check(!token_verify(&token, &keys, TO, "nobody@example.org"));
    }
    if (return_verify(text, size, &keys, TO, REPLY_TO, &token, &stamp))
        check(token_verify(&token, &keys, TO, REPLY_TO));
    check_keys(data, size);
    free(text);
    return 0;
}
