/*
 * Addresses from header fields, RFC 5322 section 3.4, and what people send instead.
 *
 * Groups, comments (nested, up to a bound), quoted pairs, quoted local parts, obsolete routes,
 * missing commas' remains and semicolons between addresses: the parser takes what it can and goes
 * on after what it cannot. It never recurses. Domains are lower-cased; a local part is kept as
 * written but compared without case (quotes that it does not need are taken off, RFC 5321 section
 * 4.1.2: "bob"@example.org is bob@example.org). Encoded words in display names are left alone.
 * A display name that is itself an address (ceo@example.org <x@example.net>) is no address.
 * Bounds: ADDRESS_LIST_MAX addresses a list; an address over ADDRESS_MAX octets is skipped and
 * counted.
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
    uint32_t *slots; /* a hash table of positions in addresses, plus 1 */
    size_t n_slots;
    size_t skipped; /* what looked like an address and could not be read, or went beyond a bound */
};

/* Adds all addresses in text to the list; duplicates are kept out (compared without case). */
void address_list_parse(struct address_list *list, const char *text, size_t len);
/* false: the list is full or the address is already there. */
bool address_list_add(struct address_list *list, const char *address);
bool address_list_has(const struct address_list *list, const char *address);
void address_list_clear(struct address_list *list);
bool address_same(const char *a, const char *b);
/* The part behind the last "@", or NULL. */
const char *address_domain(const char *address);

#endif
