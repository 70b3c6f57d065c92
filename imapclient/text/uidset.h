/*
 * A sequence-set or uid-set, RFC 9051 section 9 (sequence-set), RFC 4315 section 4.
 *
 * A list of ranges in the given order: "5:3" is stored as 3:5, but ranges are not sorted or merged
 * unless requested, because APPENDUID and COPYUID pair their sets by position.
 * Limits: a set with more than IMAP_UIDSET_MAX_RANGES ranges is rejected. "*" is UINT32_MAX.
 * Ownership: `ranges` belongs to the set and is freed by imap_uidset_clear().
 */
#ifndef IMAPCLIENT_TEXT_UIDSET_H
#define IMAPCLIENT_TEXT_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAP_UIDSET_MAX_RANGES 100000

struct imap_uidrange {
    uint32_t first, last; /* first <= last, inclusive */
};

struct imap_uidset {
    struct imap_uidrange *ranges;
    size_t count, room;
};

void imap_uidset_clear(struct imap_uidset *set);
/* Appends, extending the last range if adjacent. false: too many ranges, or 0, which is not a
 * UID. */
bool imap_uidset_add(struct imap_uidset *set, uint32_t first, uint32_t last);
/* Sorts and merges: the ranges then ascend and are not adjacent. */
void imap_uidset_normalise(struct imap_uidset *set);
bool imap_uidset_contains(const struct imap_uidset *set, uint32_t uid);
/* The number of UIDs in the set. */
uint64_t imap_uidset_size(const struct imap_uidset *set);
/* The k-th UID (from 0) in the given order, 0 if there is none. */
uint32_t imap_uidset_nth(const struct imap_uidset *set, uint64_t k);
/* Replaces *set with the set in len octets of text. false: not a set, or too long; *set is then
 * empty. */
bool imap_uidset_parse(struct imap_uidset *set, const char *text, size_t len);
/*
 * Writes at most `limit` octets of the set, starting at *range (in/out), to a new string that the
 * caller frees; NULL if nothing is left. For commands that must stay below 8 kB. At least one range
 * is written, however low the limit.
 */
char *imap_uidset_text(const struct imap_uidset *set, size_t *range, size_t limit);

#endif
