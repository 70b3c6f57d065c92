/*
 * Addresses from header fields, RFC 5322 section 3.4, and the malformed variants found in real
 * mail.
 *
 * Groups, nested comments, quoted pairs, quoted local parts, obsolete routes, empty list elements
 * and semicolons between addresses: the parser extracts what it can and resumes after what it
 * cannot read. It never recurses. Domains are lower-cased; a local part is kept as written but
 * compared case-insensitively. Unnecessary quotes around it are removed (RFC 5321 section 4.1.2:
 * "bob"@example.org is bob@example.org). Encoded words in display names are not decoded.
 * A display name that is itself an address (ceo@example.org <x@example.net>) is not an address.
 * Bounds: ADDRESS_LIST_MAX addresses per list; an address longer than ADDRESS_MAX octets is skipped
 * and counted.
 */
#ifndef RULES_MIME_ADDRESS_H
#define RULES_MIME_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_LIST_MAX 20000
#define ADDRESS_MAX 320

/* Start with {0}. */
struct address_list {
    char **addresses; /* "local@domain" */
    size_t count, room;
    uint32_t *slots; /* hash table of positions in addresses, plus 1; 0: free */
    size_t n_slots;
    size_t skipped; /* unreadable addresses, and those beyond a bound */
};

/* Adds all addresses in text to the list; duplicates (compared case-insensitively) are dropped. */
void address_list_parse(struct address_list *list, const char *text, size_t len);
/* false: the list is full or already has the address. */
bool address_list_add(struct address_list *list, const char *address);
bool address_list_has(const struct address_list *list, const char *address);
void address_list_clear(struct address_list *list);
bool address_same(const char *a, const char *b);
/* The part after the last "@", or NULL. */
const char *address_domain(const char *address);

#endif
