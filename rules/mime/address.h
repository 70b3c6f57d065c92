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
 *
 * Nothing is dropped without a word. A list element that is no mailbox, or contains more than one
 * (<"bob@example.org">, a@b@c, an encoded word as local part, a control character, a name without
 * a domain) is unreadable: it is counted, kept as written, and the addresses that another program
 * may find in it are its readings. An empty group and <> are nothing.
 *
 * Bounds: ADDRESS_LIST_MAX addresses per list, what is beyond is counted in `left_out`; an address
 * longer than ADDRESS_MAX octets is unreadable; ADDRESS_UNREADABLE_MAX unreadable elements are
 * kept, each cut to ADDRESS_WRITTEN_MAX octets.
 * Cost: linear.
 */
#ifndef RULES_MIME_ADDRESS_H
#define RULES_MIME_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_LIST_MAX 20000
#define ADDRESS_MAX 320
#define ADDRESS_UNREADABLE_MAX 100
#define ADDRESS_WRITTEN_MAX 200

/* Start with {0}. */
struct address_list {
    char **addresses; /* "local@domain" */
    size_t count, room;
    uint32_t *slots; /* hash table of positions in addresses, plus 1; 0: free */
    size_t n_slots;
    size_t skipped;    /* what is unreadable, and what was left out */
    size_t left_out;   /* readable, but the list was full */
    size_t names;      /* unreadable elements without an "@" in any reading */
    char **unreadable; /* as written: one line, without control characters */
    size_t n_unreadable, unreadable_room;
    struct address_list *readings; /* of unreadable elements; NULL: none */
};

/* Adds all addresses in text to the list; duplicates (compared case-insensitively) are dropped. */
void address_list_parse(struct address_list *list, const char *text, size_t len);
/* Whether all that is unreadable from that number on is MAILER-DAEMON, which programs show as the
 * author of mail with a null reverse-path (RFC 5321 section 4.5.5): nobody, like <>. */
bool address_list_daemon(const struct address_list *list, size_t from);
/* Adds whatever looks like an address anywhere in text, in quotes, comments and display names too:
 * what a reader may take for one. */
void address_list_scan(struct address_list *list, const char *text, size_t len);
/* false: the list is full or already has the address. */
bool address_list_add(struct address_list *list, const char *address);
bool address_list_has(const struct address_list *list, const char *address);
void address_list_clear(struct address_list *list);
bool address_same(const char *a, const char *b);
/* Whether `address` is `own`, or a sub-address of it: user+tag@domain (RFC 5233). */
bool address_belongs(const char *own, const char *address);
/* The part after the last "@", or NULL. */
const char *address_domain(const char *address);

#endif
