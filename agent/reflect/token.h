/*
 * The signed token of a round trip: what a probe message carries, and what an answer carries back.
 *
 * A token is 69 octets, written as 92 characters of base64url (RFC 4648 section 5):
 *
 *     1   version, 1
 *     6   key id: SHA-256 of the key, its first octets
 *     8   probe id: SHA-256 of "instance NUL probe", its first octets
 *    16   nonce, random
 *     6   send time, milliseconds since 1970 UTC, big-endian
 *    32   HMAC-SHA-256 over a domain word, the preceding octets, and both addresses
 *
 * An answer's stamp is 48 octets, 64 characters: the reflector's receive time and hand-over time
 * (microseconds since 1970, 8 octets each, big-endian) and an HMAC over "mailvigil return 1" NUL,
 * the whole token, both times, to NUL, reply_to NUL. So times cannot be forged, and one is never
 * mistaken for the other. A return is written "TOKEN.STAMP", 157 characters.
 *
 * Addresses are compared and signed with their domain in lower case: the probe's (`to`) and
 * the one that receives the answers (`reply_to`). They are not in the token: both sides have them
 * in their configuration.
 *
 * Where: probe: X-Mailvigil-Probe: TOKEN and Subject: mailvigil probe TOKEN
 *        answer: X-Mailvigil-Return: TOKEN.STAMP and Subject: mailvigil return TOKEN.STAMP UTC-time
 *
 * The secret file: first line signs; further ones (TOKEN_KEYS_MAX in all) are accepted too, so that
 * keys can be changed. At least 16 bytes a line, empty lines are skipped; a file that group or
 * others can read or write, or that is owned neither by this user nor root, is refused.
 *
 * Links to libcrypto only. No clock, and no I/O but token_keys_read().
 */
#ifndef AGENT_REFLECT_TOKEN_H
#define AGENT_REFLECT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_OCTETS 69
#define TOKEN_LEN 92
#define STAMP_LEN 64
#define RETURN_LEN (TOKEN_LEN + 1 + STAMP_LEN)
#define TOKEN_NONCE 16
#define TOKEN_PROBE_ID 8
#define TOKEN_KEY_ID 6
#define TOKEN_KEYS_MAX 4
#define TOKEN_KEY_MIN 16
#define TOKEN_KEY_MAX 1024
#define TOKEN_PROBE_FIELD "X-Mailvigil-Probe"
#define TOKEN_RETURN_FIELD "X-Mailvigil-Return"

struct token_key {
    unsigned char octets[TOKEN_KEY_MAX];
    size_t len;
};
struct token_keys {
    size_t count;
    struct token_key keys[TOKEN_KEYS_MAX];
};

/* false: why (of why_size) says what is wrong and what to do; keys are wiped. */
bool token_keys_read(const char *path, struct token_keys *keys, char *why, size_t why_size);
void token_keys_wipe(struct token_keys *keys);

struct probe_token {
    unsigned char octets[TOKEN_OCTETS];
};
void token_probe_id(const char *instance, const char *probe, unsigned char id[TOKEN_PROBE_ID]);
void token_make(struct probe_token *token, const struct token_key *key,
                const unsigned char probe_id[TOKEN_PROBE_ID],
                const unsigned char nonce[TOKEN_NONCE], uint64_t sent_ms, const char *to,
                const char *reply_to);
void token_write(const struct probe_token *token, char out[TOKEN_LEN + 1]);
/* Exactly TOKEN_LEN characters of the alphabet, version 1; else false. Not verified. */
bool token_read(struct probe_token *token, const char *text, size_t len);
/* Constant time. false: no key of that id, or not signed with it. */
bool token_verify(const struct probe_token *token, const struct token_keys *keys, const char *to,
                  const char *reply_to);
const unsigned char *token_nonce(const struct probe_token *token);
const unsigned char *token_probe(const struct probe_token *token);
uint64_t token_sent_ms(const struct probe_token *token);

struct stamp {
    uint64_t received_us, handed_us; /* on the reflector's clock */
};
/* Signed with the key that verifies the token, which must verify (else out is ""). */
void return_write(const struct probe_token *token, const struct token_keys *keys,
                  const struct stamp *stamp, const char *to, const char *reply_to,
                  char out[RETURN_LEN + 1]);
/* Reads and verifies both; constant time. */
bool return_verify(const char *text, size_t len, const struct token_keys *keys, const char *to,
                   const char *reply_to, struct probe_token *token, struct stamp *stamp);

#endif
