/*
 * Header facts that several rules need, extracted once per message and only on first use: the
 * addresses in a group of fields, their decoded texts, and when the message arrived.
 */
#ifndef RULES_FACTS_H
#define RULES_FACTS_H

#include "rules/dates.h"
#include "rules/mime/address.h"
#include "rules/mime/header.h"

/* Octets of a field's text that are matched against patterns. */
#define FACTS_TEXT_MAX (1024 * 1024)

enum facts_group {
    FACTS_FROM,    /* From, Sender */
    FACTS_TO,      /* To, Cc, Bcc */
    FACTS_EXEMPT,  /* those, and all other fields that name a sender or recipient */
    FACTS_SUBJECT, /* texts only */
    FACTS_GROUPS
};

struct field_facts {
    bool gathered;
    bool doubt; /* incomplete: an address is unreadable, or a bound was reached */
    struct address_list addresses;
    char **texts; /* one per field, decoded to UTF-8 */
    size_t count, room;
};

struct facts {
    const struct header *header;
    struct field_facts groups[FACTS_GROUPS];
    bool has_sample_digest, has_dates;
    struct date_readings dates;
    unsigned char sample_digest[32];
};

/* Start with {.header = header}. */
const struct field_facts *facts_get(struct facts *facts, enum facts_group group);
/* sample.h's digest of the header. */
const unsigned char *facts_sample_digest(struct facts *facts);
/* When the message arrived; always of the same message. */
const struct date_readings *facts_dates(struct facts *facts, const struct message *message);
void facts_clear(struct facts *facts);

#endif
