#include "rules/mime/body_entity.h"

#include <strings.h>

#include "rules/mime/body_content.h"
#include "rules/util/octet.h"

enum field { CONTENT_TYPE, CONTENT_DISPOSITION, CONTENT_ENCODING, FIELDS, NO_FIELD = FIELDS };

static const char *const field_names[FIELDS] = {"Content-Type", "Content-Disposition",
                                                "Content-Transfer-Encoding"};

struct field_text {
    enum field field;
    struct buffer text; /* from after the colon, not unfolded */
};

struct entity_header {
    struct field_text fields[ENTITY_FIELDS_MAX];
    size_t count;
    struct buffer *current; /* that a folded line continues; NULL: another field */
    bool message, empty;
    const char *doubt;
};

struct entity_header *entity_header_new(void)
{
    return xcalloc(1, sizeof(struct entity_header));
}

void entity_header_free(struct entity_header *header)
{
    if (header == NULL)
        return;
    for (size_t i = 0; i < ENTITY_FIELDS_MAX; i++)
        buffer_free(&header->fields[i].text);
    free(header);
}

void entity_header_begin(struct entity_header *header, bool message)
{
    header->count = 0;
    header->current = NULL;
    header->message = message;
    header->empty = true;
    header->doubt = NULL;
}

bool entity_header_is_empty(const struct entity_header *header)
{
    return header->empty;
}

static void set_doubt(struct entity_header *header, const char *why)
{
    if (header->doubt == NULL)
        header->doubt = why;
}

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static enum field find_field(const char *name, size_t len)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (len == strlen(field_names[i]) && strncasecmp(name, field_names[i], len) == 0)
            return (enum field)i;
    return NO_FIELD;
}

static void add(struct entity_header *header, const char *data, size_t len)
{
    if (header->current == NULL)
        return;
    if (header->current->len + len > FIELD_MAX) {
        header->current = NULL;
        set_doubt(header, "a field is too long");
        return;
    }
    buffer_add(header->current, data, len);
}

static void begin_field(struct entity_header *header, enum field field)
{
    header->current = NULL;
    if (field == NO_FIELD)
        return;
    if (header->count == ENTITY_FIELDS_MAX) {
        set_doubt(header, "a field is repeated too often");
        return;
    }
    struct field_text *text = &header->fields[header->count++];
    text->field = field;
    text->text.len = 0;
    header->current = &text->text;
}

void entity_header_line(struct entity_header *header, const char *data, size_t len, bool starts)
{
    bool first = header->empty;
    header->empty = false;
    if (starts && octet_is_blank(data[0]) && first)
        set_doubt(header, "a header begins with a folded line");
    if (!starts || octet_is_blank(data[0])) {
        add(header, data, len);
        return;
    }
    const char *colon = memchr(data, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - data) : len;
    bool blank = false;
    for (; name > 0 && octet_is_blank(data[name - 1]); name--)
        blank = true;
    bool mbox = first && header->message && len > 5 && memcmp(data, "From ", 5) == 0;
    if (!mbox && (colon == NULL || blank || !is_name(data, name)))
        set_doubt(header, "a line in a header is no field");
    begin_field(header, colon != NULL ? find_field(data, name) : NO_FIELD);
    if (colon != NULL)
        add(header, colon + 1, len - (size_t)(colon + 1 - data));
}

/* ---- reading ---- */

/* "type/subtype", with something on both sides. */
static bool is_whole(const char *type)
{
    const char *slash = strchr(type, '/');
    return slash != NULL && slash != type && slash[1] != '\0';
}

static bool is_word(const char *type, const char *word)
{
    size_t len = strlen(word);
    return strncmp(type, word, len) == 0 && (type[len] == '/' || type[len] == '\0');
}

/* "text" and "multipart" alone are malformed, but some programs read them. */
static enum entity_kind kind_of(const char *type)
{
    if (is_word(type, "text"))
        return ENTITY_TEXT;
    if (is_word(type, "multipart"))
        return ENTITY_MULTIPART;
    return is_word(type, "message") && is_whole(type) ? ENTITY_MESSAGE : ENTITY_LEAF;
}

static void doubt(struct entity *entity, const char *why)
{
    if (entity->doubt == NULL)
        entity->doubt = why;
}

static bool is_token(const char *text)
{
    return text[strcspn(text, "()<>@,;:\\\"[]?=*'%")] == '\0';
}

/* A type that both ways read alike, whatever comments follow. */
static void check_type(struct entity *entity, const char *grammar, const char *plain)
{
    const char *slash = strchr(grammar, '/');
    size_t len = strlen(grammar);
    if (!is_whole(grammar) || !is_token(grammar) || strchr(slash + 1, '/') != NULL)
        doubt(entity, "a Content-Type is malformed");
    else if (strncmp(plain, grammar, len) != 0 || strchr(" \t(", plain[len]) == NULL)
        doubt(entity, "a Content-Type has two readings");
}

static bool is_parameter(const char *name, const char *parameter)
{
    size_t len = strlen(parameter);
    return strncmp(name, parameter, len) == 0 && (name[len] == '\0' || name[len] == '*');
}

static bool has_name(const struct content *content)
{
    for (size_t i = 0; i < content->count; i++)
        if (is_parameter(content->parameters[i].name, "filename") ||
            is_parameter(content->parameters[i].name, "name"))
            return true;
    return false;
}

static void read_parameters(struct entity *entity, const struct content *content)
{
    if (content->doubt != NULL)
        doubt(entity, content->doubt);
    entity->attachment |= has_name(content);
    if (entity->nameless)
        return;
    names_read(&entity->names, content, "filename");
    names_read(&entity->names, content, "name");
}

static bool has_parameter(const struct content *content, const char *name, const char *value)
{
    for (size_t i = 0; i < content->count; i++)
        if (strcmp(content->parameters[i].name, name) == 0 &&
            strcasecmp(content->parameters[i].value, value) == 0)
            return true;
    return false;
}

/* RFC 8551 section 3.2: an S/MIME type may be that of a signed message, which has its content in it
 * but is not encrypted. RFC 3156 and RFC 1847: OpenPGP, and multipart/encrypted of any kind. */
static void read_encryption(struct entity *entity, const struct content *content)
{
    static const char *const plain[] = {"signed-data", "signed-receipt", "certs-only",
                                        "compressed-data"};
    const char *type = content->value;
    if (strcmp(type, "multipart/encrypted") == 0 || strcmp(type, "application/pgp-encrypted") == 0)
        entity->encrypted = true;
    if (strcmp(type, "application/pkcs7-mime") != 0 &&
        strcmp(type, "application/x-pkcs7-mime") != 0)
        return;
    bool opaque = false;
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        opaque |= has_parameter(content, "smime-type", plain[i]);
    entity->opaque |= opaque;
    entity->encrypted |= !opaque;
}

static void read_type(struct entity *entity, const struct buffer *text)
{
    struct content content[CONTENT_WAYS];
    for (enum content_way way = 0; way < CONTENT_WAYS; way++) {
        content_parse(&content[way], way, text->data, text->len);
        read_parameters(entity, &content[way]);
        names_read_verbatim(&entity->boundaries, &content[way], "boundary");
        names_read_verbatim(&entity->charsets, &content[way], "charset");
        read_encryption(entity, &content[way]);
        entity->delsp |= has_parameter(&content[way], "delsp", "yes") &&
                         has_parameter(&content[way], "format", "flowed");
    }
    check_type(entity, content[CONTENT_BY_GRAMMAR].value, content[CONTENT_AT_SEMICOLONS].value);
    entity->types[entity->n_types++] = xstrdup(content[CONTENT_BY_GRAMMAR].value);
    for (enum content_way way = 0; way < CONTENT_WAYS; way++)
        content_clear(&content[way]);
}

static void read_disposition(struct entity *entity, const struct buffer *text)
{
    for (enum content_way way = 0; way < CONTENT_WAYS; way++) {
        struct content content;
        content_parse(&content, way, text->data, text->len);
        read_parameters(entity, &content);
        /* RFC 2183 section 2.8: what is not known is an attachment */
        if (*content.value != '\0' && strcmp(content.value, "inline") != 0)
            entity->attachment = true;
        if (strchr(content.value, '=') != NULL)
            doubt(entity, "a Content-Disposition is malformed");
        content_clear(&content);
    }
}

static void read_encoding(struct entity *entity, const struct buffer *text, bool repeated)
{
    struct content content;
    content_parse(&content, CONTENT_BY_GRAMMAR, text->data, text->len);
    enum transfer_encoding encoding = transfer_encoding_find(content.value);
    bool malformed = content.doubt != NULL;
    for (size_t i = 0; i < content.count; i++)
        malformed |= *content.parameters[i].name != '\0';
    content_clear(&content);
    if (malformed)
        entity->text_doubt = "a Content-Transfer-Encoding is malformed";
    if (repeated && encoding != entity->encoding)
        entity->text_doubt = "Content-Transfer-Encoding is repeated";
    else
        entity->encoding = encoding;
    if (encoding == ENCODING_UNKNOWN)
        entity->text_doubt = "a transfer encoding is unknown";
}

/* The order in which types are preferred: what has parts, then a message, then the first. */
static int rank(const char *type)
{
    enum entity_kind kind = kind_of(type);
    return kind == ENTITY_MULTIPART ? 2 : kind == ENTITY_MESSAGE ? 1 : 0;
}

static void choose_type(struct entity *entity, const char *default_type)
{
    if (entity->n_types == 0)
        entity->types[entity->n_types++] = xstrdup(default_type);
    for (size_t i = 0; i < entity->n_types; i++) {
        if (*entity->types[i] != '\0' && *entity->types[i] != '/')
            continue;
        free(entity->types[i]);
        entity->types[i] = xstrdup(default_type);
    }
    for (size_t i = 1; i < entity->n_types; i++) {
        if (rank(entity->types[i]) <= rank(entity->types[0]))
            continue;
        char *first = entity->types[0];
        entity->types[0] = entity->types[i];
        entity->types[i] = first;
    }
    entity->kind = kind_of(entity->types[0]);
}

static bool differs(const struct entity_header *header, size_t i)
{
    const struct buffer *one = &header->fields[i].text;
    for (size_t k = 0; k < i; k++) {
        const struct buffer *other = &header->fields[k].text;
        if (header->fields[k].field == header->fields[i].field)
            return one->len != other->len ||
                   (one->len > 0 && memcmp(one->data, other->data, one->len) != 0);
    }
    return false;
}

void entity_read(struct entity *entity, const struct entity_header *header,
                 const char *default_type, bool nameless)
{
    bool has_encoding = false;
    *entity = (struct entity){.doubt = header->doubt, .nameless = nameless};
    for (size_t i = 0; i < header->count; i++) /* first, because its name is the one shown */
        if (header->fields[i].field == CONTENT_DISPOSITION)
            read_disposition(entity, &header->fields[i].text);
    for (size_t i = 0; i < header->count; i++) {
        const struct field_text *field = &header->fields[i];
        if (field->field == CONTENT_TYPE) {
            read_type(entity, &field->text);
            if (differs(header, i)) {
                doubt(entity, "Content-Type is repeated");
                entity->two_readings = true;
            }
        } else if (field->field == CONTENT_ENCODING) {
            read_encoding(entity, &field->text, has_encoding);
            has_encoding = true;
        }
    }
    choose_type(entity, default_type);
    entity->attachment |= entity->names.given;
    entity->name_doubt = entity->names.doubt;
    if (entity->boundaries.doubt != NULL)
        doubt(entity, entity->boundaries.doubt);
    if (entity->boundaries.given && entity->kind != ENTITY_MULTIPART)
        doubt(entity, "what is no multipart has a boundary");
    if (entity->charsets.count > 1 || entity->charsets.doubt != NULL)
        entity->text_doubt = "a charset has two readings";
}

void entity_clear(struct entity *entity)
{
    for (size_t i = 0; i < entity->n_types; i++)
        free(entity->types[i]);
    names_clear(&entity->names);
    names_clear(&entity->boundaries);
    names_clear(&entity->charsets);
}
