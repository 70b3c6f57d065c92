/*
 * The header of one entity, RFC 2045: of the message, a part or an enclosed message, in every
 * reading. Private to this room.
 *
 * Repeated fields are all read. A line that is no field (some programs end the header there), a
 * repeated Content-Type that differs, a field over FIELD_MAX octets and the like are doubt.
 */
#ifndef RULES_MIME_BODY_ENTITY_H
#define RULES_MIME_BODY_ENTITY_H

#include "rules/mime/body_decode.h"
#include "rules/mime/body_name.h"

#define FIELD_MAX (16 * 1024)
#define ENTITY_FIELDS_MAX 16 /* Content-* fields that we read, repeated ones included */

struct entity_header;

struct entity_header *entity_header_new(void);
void entity_header_free(struct entity_header *header);
/* Starts over. message: of a message, which an mbox line may precede. */
void entity_header_begin(struct entity_header *header, bool message);
/* A line or a piece of one; starts: it begins a line. The empty line is not for here. */
void entity_header_line(struct entity_header *header, const char *data, size_t len, bool starts);
bool entity_header_is_empty(const struct entity_header *header);

enum entity_kind { ENTITY_TEXT, ENTITY_MULTIPART, ENTITY_MESSAGE, ENTITY_LEAF };

struct entity {
    char *types[ENTITY_FIELDS_MAX]; /* "text/plain", lower case, the one that is read first */
    size_t n_types;
    enum entity_kind kind;
    bool attachment; /* its disposition says so, or it has a name */
    struct names names, boundaries, charsets;
    enum transfer_encoding encoding;
    bool nameless;                               /* names were not asked for */
    bool delsp;                                  /* format=flowed; delsp=yes */
    bool encrypted;                              /* by type or name: S/MIME or OpenPGP */
    bool opaque;                                 /* S/MIME that is not encrypted but is not read */
    const char *doubt, *text_doubt, *name_doubt; /* static; NULL: none */
    bool two_readings;                           /* programs disagree on what it is at all */
};

/* default_type: of an entity without a Content-Type. nameless: its names are not read. */
void entity_read(struct entity *entity, const struct entity_header *header,
                 const char *default_type, bool nameless);
void entity_clear(struct entity *entity);

#endif
