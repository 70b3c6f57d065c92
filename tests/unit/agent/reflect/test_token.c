#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config_files.h"
#include "agent/reflect/token.h"

/*
 * The vectors, made by another program:
 *
 *   import hmac, hashlib, base64, struct
 *   key = b"0123456789abcdef0123456789abcdef"  # the second: b"another key of the rotation, 40 ..."
 *   to, back = b"Scout@company.test\0", b"probe@example.org\0"
 *   head = (b"\1" + hashlib.sha256(key).digest()[:6]
 *           + hashlib.sha256(b"example.org\0loop").digest()[:8]
 *           + bytes(range(16)) + struct.pack(">Q", 1767225600123)[2:])
 *   sign = lambda octets: hmac.new(key, octets + to + back, hashlib.sha256).digest()
 *   token = head + sign(b"mailvigil probe 1\0" + head)
 *   times = struct.pack(">QQ", 1767225601000002, 1767225601000777)
 *   stamp = times + sign(b"mailvigil return 1\0" + token + times)
 *   print(base64.urlsafe_b64encode(token), base64.urlsafe_b64encode(stamp))
 */
#define KEY_1 "0123456789abcdef0123456789abcdef"
#define KEY_2 "another key of the rotation, 40 octets.."
#define TO "Scout@company.test"
#define REPLY_TO "probe@example.org"
#define SENT 1767225600123
static const struct stamp stamp = {1767225601000002, 1767225601000777};
static const char token_1[] = "AT6xvUOZR8AW2qiJyk33AAECAwQFBgcICQoLDA0ODwGbdtqoewtLcjuErMNeqD8I39e9"
                              "k5KYx75YKombfWpSL8C1XlCg";
static const char stamp_1[] = "AAZHSEYvgkIABkdIRi-FSf2ZbKWl7V0SDmjkvmoNqurIyNKV8-QRxPeM6cJB9YDM";
static const char token_2[] = "Ae_91PH0CsAW2qiJyk33AAECAwQFBgcICQoLDA0ODwGbdtqoe-nT2vM9Q9rgDcsiR65K"
                              "KfMvzfGh5jgaXuuhOhnpCLT0";
static const char stamp_2[] = "AAZHSEYvgkIABkdIRi-FSS47j4tuRAC0bL89CazHPFnwaMyiUVHmJ6Eh_XGvpv2e";

static const unsigned char nonce[TOKEN_NONCE] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                 8, 9, 10, 11, 12, 13, 14, 15};

static struct token_keys keys_of(const char *first, const char *second)
{
    const char *const texts[] = {first, second};
    struct token_keys keys = {0};

    for (size_t i = 0; i < 2 && texts[i] != NULL; i++, keys.count++) {
        keys.keys[i].len = strlen(texts[i]);
        memcpy(keys.keys[i].octets, texts[i], keys.keys[i].len);
    }
    return keys;
}

static struct probe_token make(const char *key)
{
    struct token_keys keys = keys_of(key, NULL);
    unsigned char probe[TOKEN_PROBE_ID];
    struct probe_token token;

    token_probe_id("example.org", "loop", probe);
    token_make(&token, &keys.keys[0], probe, nonce, SENT, TO, REPLY_TO);
    return token;
}

static struct probe_token read_token(const char *text)
{
    struct probe_token token;

    assert_true(token_read(&token, text, strlen(text)));
    return token;
}

static void test_vectors(void **state)
{
    static const struct {
        const char *key, *token, *stamp;
    } cases[] = {{KEY_1, token_1, stamp_1}, {KEY_2, token_2, stamp_2}};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct token_keys keys = keys_of(cases[i].key, NULL);
        struct probe_token token = make(cases[i].key);
        char text[TOKEN_LEN + 1], answer[RETURN_LEN + 1];

        token_write(&token, text);
        assert_string_equal(text, cases[i].token);
        return_write(&token, &keys, &stamp, TO, REPLY_TO, answer);
        assert_memory_equal(answer, cases[i].token, TOKEN_LEN);
        assert_int_equal(answer[TOKEN_LEN], '.');
        assert_string_equal(answer + TOKEN_LEN + 1, cases[i].stamp);
    }
}

static void test_parts(void **state)
{
    struct probe_token token = read_token(token_1);
    unsigned char probe[TOKEN_PROBE_ID], other[TOKEN_PROBE_ID];
    (void)state;

    token_probe_id("example.org", "loop", probe);
    assert_memory_equal(token_probe(&token), probe, TOKEN_PROBE_ID);
    assert_memory_equal(token_nonce(&token), nonce, TOKEN_NONCE);
    assert_int_equal(token_sent_ms(&token), SENT);
    token_probe_id("example.orgl", "oop", other);
    assert_memory_not_equal(probe, other, TOKEN_PROBE_ID);
}

static void test_time_is_cut_to_six_octets(void **state)
{
    struct token_keys keys = keys_of(KEY_1, NULL);
    struct probe_token token;
    (void)state;

    token_make(&token, &keys.keys[0], nonce, nonce, (UINT64_C(1) << 48) - 1, TO, REPLY_TO);
    assert_int_equal(token_sent_ms(&token), (UINT64_C(1) << 48) - 1);
    assert_true(token_verify(&token, &keys, TO, REPLY_TO));
}

static void test_verify(void **state)
{
    static const struct {
        const char *keys[2], *to, *reply_to;
        bool good;
    } cases[] = {
        {{KEY_1, NULL}, TO, REPLY_TO, true},
        {{KEY_2, KEY_1}, TO, REPLY_TO, true}, /* a rotated key is accepted */
        {{KEY_1, NULL}, "Scout@COMPANY.Test", "probe@Example.ORG", true},
        {{KEY_1, NULL}, "scout@company.test", REPLY_TO, false},
        {{KEY_1, NULL}, TO, "Probe@example.org", false},
        {{KEY_1, NULL}, REPLY_TO, TO, false},
        {{KEY_1, NULL}, "Scout@company.testp", "robe@example.org", false},
        {{KEY_1, NULL}, "", "", false},
        {{KEY_2, NULL}, TO, REPLY_TO, false},
        {{KEY_1 "x", NULL}, TO, REPLY_TO, false},
        {{NULL, NULL}, TO, REPLY_TO, false},
    };
    struct probe_token token = read_token(token_1);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct token_keys keys = keys_of(cases[i].keys[0], cases[i].keys[1]);
        struct probe_token again;
        struct stamp read;
        char answer[RETURN_LEN + 1];

        if (token_verify(&token, &keys, cases[i].to, cases[i].reply_to) != cases[i].good)
            fail_msg("case %zu", i);
        return_write(&token, &keys, &stamp, cases[i].to, cases[i].reply_to, answer);
        assert_int_equal(strlen(answer), cases[i].good ? RETURN_LEN : 0);
        assert_int_equal(return_verify(answer, strlen(answer), &keys, cases[i].to,
                                       cases[i].reply_to, &again, &read),
                         cases[i].good);
        if (cases[i].good) {
            assert_memory_equal(&again, &token, sizeof(token));
            assert_memory_equal(&read, &stamp, sizeof(stamp));
        }
    }
}

/* Every bit of a token and of a return is signed. */
static void test_each_bit_counts(void **state)
{
    struct token_keys keys = keys_of(KEY_1, NULL);
    struct probe_token token = read_token(token_1);
    struct stamp read;
    char answer[RETURN_LEN + 1];
    (void)state;

    for (size_t bit = 0; bit < sizeof(token.octets) * 8; bit++) {
        struct probe_token forged = token;
        forged.octets[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_false(token_verify(&forged, &keys, TO, REPLY_TO));
    }
    return_write(&token, &keys, &stamp, TO, REPLY_TO, answer);
    for (size_t i = 0; i < RETURN_LEN; i++) {
        char kept = answer[i];
        answer[i] = kept == 'A' ? 'B' : 'A';
        assert_false(return_verify(answer, RETURN_LEN, &keys, TO, REPLY_TO, &token, &read));
        answer[i] = kept;
    }
    assert_true(return_verify(answer, RETURN_LEN, &keys, TO, REPLY_TO, &token, &read));
}

/* A stamp belongs to its token and to its key. */
static void test_a_stamp_of_another_token(void **state)
{
    struct token_keys keys = keys_of(KEY_1, KEY_2);
    struct probe_token token;
    struct stamp read;
    char text[RETURN_LEN + 1];
    (void)state;

    snprintf(text, sizeof(text), "%s.%s", token_1, stamp_1);
    assert_true(return_verify(text, RETURN_LEN, &keys, TO, REPLY_TO, &token, &read));
    snprintf(text, sizeof(text), "%s.%s", token_2, stamp_2);
    assert_true(return_verify(text, RETURN_LEN, &keys, TO, REPLY_TO, &token, &read));
    snprintf(text, sizeof(text), "%s.%s", token_1, stamp_2);
    assert_false(return_verify(text, RETURN_LEN, &keys, TO, REPLY_TO, &token, &read));
}

static void test_read(void **state)
{
    char text[TOKEN_LEN + 2];
    struct probe_token token;
    struct stamp read;
    struct token_keys keys = keys_of(KEY_1, NULL);
    static const char wrong[] = {'=', '+', '/', '.', ' ', '\0', '\n', '\r', '\x80', '\xff'};
    (void)state;

    assert_false(token_read(&token, token_1, TOKEN_LEN - 1));
    assert_false(token_read(&token, "", 0));
    snprintf(text, sizeof(text), "%sA", token_1);
    assert_false(token_read(&token, text, TOKEN_LEN + 1));
    for (size_t i = 0; i < TOKEN_LEN; i += 13) {
        for (size_t j = 0; j < sizeof(wrong); j++) {
            memcpy(text, token_1, TOKEN_LEN);
            text[i] = wrong[j];
            assert_false(token_read(&token, text, TOKEN_LEN));
        }
    }
    memcpy(text, token_1, TOKEN_LEN);
    memcpy(text, "Ag", 2); /* version 2 */
    assert_false(token_read(&token, text, TOKEN_LEN));
    assert_false(return_verify(token_1, TOKEN_LEN, &keys, TO, REPLY_TO, &token, &read));
}

/* ---- keys ---- */

static void test_keys(void **state)
{
    static const struct {
        const char *text;
        size_t len; /* 0: strlen */
        mode_t mode;
        size_t count;     /* 0: refused */
        const char *word; /* of why */
    } cases[] = {
        {KEY_1, 0, 0600, 1, NULL},
        {KEY_1 "\n", 0, 0400, 1, NULL},
        {KEY_1 "\r\n" KEY_2 "\r\n", 0, 0400, 2, NULL},
        {"\n" KEY_1 "\n\n" KEY_2 "\n\n", 0, 0400, 2, NULL},
        {KEY_1 "1\n" KEY_1 "2\n" KEY_1 "3\n" KEY_1 "4\n", 0, 0400, 4, NULL},
        {KEY_1 "1\n" KEY_1 "2\n" KEY_1 "3\n" KEY_1 "4\n" KEY_1 "5\n", 0, 0400, 0, "line 5"},
        {KEY_1 "\nshort", 0, 0400, 0, "line 2"},
        {"15 octets long.\n", 0, 0400, 0, "too short"},
        {KEY_1 "\0" KEY_1 "\n", 66, 0400, 0, "NUL"},
        {"", 0, 0400, 0, "empty"},
        {"\r\n\n", 0, 0400, 0, "empty"},
        {KEY_1, 0, 0440, 0, "0440"},
        {KEY_1, 0, 0404, 0, "0404"},
        {KEY_1, 0, 0620, 0, "0620"},
        {KEY_1, 0, 0602, 0, "0602"},
    };
    struct config_files files;
    (void)state;

    config_files_begin(&files);
    char *path = config_files_path(&files, "key");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct token_keys keys;
        char why[300] = "";

        unlink(path);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fwrite(cases[i].text, 1, cases[i].len > 0 ? cases[i].len : strlen(cases[i].text), out);
        fclose(out);
        assert_int_equal(chmod(path, cases[i].mode), 0);
        if (token_keys_read(path, &keys, why, sizeof(why)) != (cases[i].count > 0))
            fail_msg("case %zu: %s", i, why);
        assert_int_equal(keys.count, cases[i].count);
        if (cases[i].word != NULL &&
            (strstr(why, cases[i].word) == NULL || strstr(why, path) != why))
            fail_msg("case %zu: %s", i, why);
    }
    free(path);
    config_files_end(&files);
}

static void test_key_lengths(void **state)
{
    struct config_files files;
    struct token_keys keys;
    char *text = xcalloc(1, 8 * TOKEN_KEY_MAX), why[300];
    (void)state;

    config_files_begin(&files);
    char *path = config_files_path(&files, "key");
    memset(text, 'k', TOKEN_KEY_MAX);
    config_files_write(&files, "key", text, 0600);
    assert_true(token_keys_read(path, &keys, why, sizeof(why)));
    assert_int_equal(keys.keys[0].len, TOKEN_KEY_MAX);
    memset(text, 'k', TOKEN_KEY_MAX + 1);
    config_files_write(&files, "key", text, 0600);
    assert_false(token_keys_read(path, &keys, why, sizeof(why)));
    assert_non_null(strstr(why, "too long"));
    memset(text, 'k', 8 * TOKEN_KEY_MAX - 1);
    config_files_write(&files, "key", text, 0600);
    assert_false(token_keys_read(path, &keys, why, sizeof(why)));
    assert_non_null(strstr(why, "too large"));
    free(text);
    free(path);
    config_files_end(&files);
}

static void test_keys_are_no_file(void **state)
{
    static const char *const paths[] = {"/dev/zero", "/", "/nonexistent/key"};
    struct token_keys keys;
    char why[300];
    (void)state;

    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        why[0] = '\0';
        assert_false(token_keys_read(paths[i], &keys, why, sizeof(why)));
        assert_true(strlen(why) > strlen(paths[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_time_is_cut_to_six_octets),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_each_bit_counts),
        cmocka_unit_test(test_a_stamp_of_another_token),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_lengths),
        cmocka_unit_test(test_keys_are_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
