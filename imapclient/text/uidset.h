/*
 * A sequence-set or uid-set, RFC 9051 section 9 (sequence-set), RFC 4315 section 4.
 *
 * An ordered list of ranges as given: "5:3" is kept as 3:5, but ranges are neither sorted nor
 * merged unless asked, because APPENDUID and COPYUID pair their sets by position.
 * Bounds: a set from a server is refused beyond IMAP_UIDSET_MAX_RANGES ranges. "*" is UINT32_MAX.
 * Ownership: `ranges` belongs to the set and is freed by imap_uidset_clear().
 */
#ifndef IMAPCLIENT_TEXT_UIDSET_H
#define IMAPCLIENT_TEXT_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAP_UIDSET_MAX_RANGES 100000

struct imap_uidrange {
    uint32_t first, last; /* first <= last, both included */
};

struct imap_uidset {
    struct imap_uidrange *ranges;
    size_t count, room;
};

void imap_uidset_clear(struct imap_uidset *set);
/* Appends; grows the last range when it follows it directly. false: too many ranges, or 0, which
 * is no UID. */
bool imap_uidset_add(struct imap_uidset *set, uint32_t first, uint32_t last);
/* Sorts and merges: afterwards ranges ascend and do not touch. */
void imap_uidset_normalise(struct imap_uidset *set);
bool imap_uidset_contains(const struct imap_uidset *set, uint32_t uid);
/* How many numbers it holds. */
uint64_t imap_uidset_size(const struct imap_uidset *set);
/* The k-th number in the given order, 0 if there is none. */
uint32_t imap_uidset_nth(const struct imap_uidset *set, uint64_t k);
/* Reads a set from len octets of text in place of what *set held. false: not a set, or too long;
 * *set is then empty. */
bool imap_uidset_parse(struct imap_uidset *set, const char *text, size_t len);
/*
 * Writes at most `limit` octets of the set, starting at *range (in/out), to a new string that the
 * caller frees; returns NULL when nothing is left. For commands that must stay below 8 kB. At least
 * one range is written, however low the limit.
 */
char *imap_uidset_text(const struct imap_uidset *set, size_t *range, size_t limit);

#endif
