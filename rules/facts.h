/*
 * Header facts that several rules need, extracted once per message and only on first use: the
 * addresses in a group of fields, what else in them a program may show as an address, their decoded
 * texts, and when the message arrived. All readings of the header count (header_read()).
 */
#ifndef RULES_FACTS_H
#define RULES_FACTS_H

#include "rules/dates.h"
#include "rules/mime/address.h"
#include "rules/mime/header.h"
#include "rules/text/charset_text.h"

enum facts_group {
    FACTS_FROM,    /* From, Sender */
    FACTS_TO,      /* To, Cc, Bcc, Resent-To, Resent-Cc, Resent-Bcc */
    FACTS_SUBJECT, /* texts only */
    FACTS_GROUPS
};

struct field_facts {
    bool gathered;
    bool doubt; /* incomplete: an address is unreadable, or a bound was reached */
    /* Recipients without a domain, as in "To: root" or the unquoted "To: Dane, Carol <c@x.test>":
     * plain words, all of them in addresses.unreadable. */
    bool names;
    struct address_list addresses;
    /* In display names, comments, encoded words, and in what is unreadable: address_list_scan(). */
    struct address_list shown;
    const char **texts; /* all readings of each field, see facts_field() */
    const char **hows;
    size_t count, room;
    const char *text_doubt; /* why there may be other readings; NULL: there are none */
};

struct facts {
    const struct header *header;
    struct field_facts groups[FACTS_GROUPS];
    struct readings **fields; /* of each of header_read(); NULL: not read yet */
    struct charset_cache charsets;
    bool has_sample_digest, has_dates;
    struct date_readings dates;
    unsigned char sample_digest[32];
};

/* Start with {.header = header}. */
const struct field_facts *facts_get(struct facts *facts, enum facts_group group);
/* All readings of the field of that number in header_read(). */
const struct readings *facts_field(struct facts *facts, size_t number);
/* sample.h's digest of the header. */
const unsigned char *facts_sample_digest(struct facts *facts);
/* When the message arrived; always of the same message. */
const struct date_readings *facts_dates(struct facts *facts, const struct message *message);
void facts_clear(struct facts *facts);

#endif
