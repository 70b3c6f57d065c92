#include "rules/mime/body.h"

#include <assert.h>
#include <strings.h>

#include "rules/mime/body_content.h"
#include "rules/mime/body_decode.h"
#include "rules/mime/charset.h"
#include "rules/util/buffer.h"

/* Lines are processed in chunks of this size, however the input is split. */
#define CHUNK 4096
#define FIELD_MAX (16 * 1024)
#define PARTS_MAX 10000
#define TEXT_PARTS_MAX 1000 /* each may need a converter of its own */
#define BOUNDARY_MAX 250    /* RFC 2046 section 5.1.1 allows 70 */

enum state {
    IN_HEADER,
    IN_TEXT,  /* of a part whose text is collected */
    IN_OTHER, /* preamble, epilogue, and parts whose content is ignored */
};

enum field { CONTENT_TYPE, CONTENT_DISPOSITION, CONTENT_ENCODING, FIELDS, NO_FIELD = FIELDS };

static const char *const field_names[FIELDS] = {"Content-Type", "Content-Disposition",
                                                "Content-Transfer-Encoding"};

/* A multipart, or an embedded message (without boundary). */
struct level {
    char boundary[BOUNDARY_MAX + 1];
    size_t len;
    bool digest; /* parts default to message/rfc822, RFC 2046 section 5.1.5 */
};

struct body_scan {
    enum state state;
    bool want_text;
    char line[CHUNK];
    size_t line_len;
    bool in_line; /* the next chunk continues a line */
    struct level levels[BODY_DEPTH_MAX];
    size_t depth;
    size_t parts, text_parts;
    struct buffer fields[FIELDS]; /* of the current entity, including names */
    bool has_field[FIELDS];
    enum field field; /* that a folded line continues */
    struct body_decoder *decoder;
    struct buffer text;
    struct body_facts *facts;
};

/* The relevant fields of an entity's header. */
struct entity {
    struct content type, disposition;
    char *encoding;
    char *name;
};

static void doubt(struct body_scan *scan, unsigned what, const char *why)
{
    scan->facts->doubt |= what;
    if (scan->facts->doubt_why == NULL)
        scan->facts->doubt_why = why;
}

#define DOUBT_ALL (BODY_DOUBT_ATTACHMENTS | BODY_DOUBT_TEXT)

struct body_scan *body_scan_new(bool want_text)
{
    struct body_scan *scan = xcalloc(1, sizeof(*scan));
    scan->want_text = want_text;
    scan->field = NO_FIELD;
    scan->facts = xcalloc(1, sizeof(*scan->facts));
    return scan;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

static void field_value(struct body_scan *scan, enum field field, const char **value, size_t *len)
{
    const struct buffer *text = &scan->fields[field];
    const char *colon = text->len > 0 ? memchr(text->data, ':', text->len) : NULL;
    *value = colon != NULL ? colon + 1 : "";
    *len = colon != NULL ? text->len - (size_t)(*value - text->data) : 0;
}

static bool in_digest(const struct body_scan *scan)
{
    return scan->depth > 0 && scan->levels[scan->depth - 1].digest;
}

/* RFC 2045 section 5.2: without a valid type an entity is plain text. */
static void default_type(const struct body_scan *scan, struct content *type)
{
    const char *slash = strchr(type->value, '/');
    if (slash != NULL && slash != type->value && slash[1] != '\0')
        return;
    free(type->value);
    type->value = xstrdup(in_digest(scan) ? "message/rfc822" : "text/plain");
}

static void read_entity(struct body_scan *scan, struct entity *entity)
{
    const char *value;
    size_t len;
    field_value(scan, CONTENT_TYPE, &value, &len);
    content_parse(&entity->type, value, len);
    default_type(scan, &entity->type);
    field_value(scan, CONTENT_DISPOSITION, &value, &len);
    content_parse(&entity->disposition, value, len);
    struct content encoding;
    field_value(scan, CONTENT_ENCODING, &value, &len);
    content_parse(&encoding, value, len);
    entity->encoding = xstrdup(encoding.value);
    content_clear(&encoding);
    if (entity->type.more || entity->disposition.more)
        doubt(scan, DOUBT_ALL, "a field has too many parameters");

    entity->name = content_parameter_decoded(&entity->disposition, "filename");
    if (entity->name == NULL)
        entity->name = content_parameter_decoded(&entity->type, "name");
}

static void entity_clear(struct entity *entity)
{
    content_clear(&entity->type);
    content_clear(&entity->disposition);
    free(entity->encoding);
    free(entity->name);
}

/* A signature with a usual name is not an attachment; a file merely declared to be a signature is.
 */
static bool is_signature(const struct entity *entity)
{
    const char *type = entity->type.value, *name = entity->name;
    bool typed = strcmp(type, "application/pgp-signature") == 0 ||
                 strcmp(type, "application/pkcs7-signature") == 0 ||
                 strcmp(type, "application/x-pkcs7-signature") == 0;
    bool named = name == NULL || *name == '\0' || ends_with(name, ".p7s") ||
                 ends_with(name, ".asc") || ends_with(name, ".sig") || ends_with(name, ".pgp");
    return typed && named;
}

static bool is_attachment(const struct entity *entity, bool leaf)
{
    if (is_signature(entity))
        return false;
    if (strcmp(entity->disposition.value, "attachment") == 0 || entity->name != NULL)
        return true;
    return leaf && !starts_with(entity->type.value, "text/") &&
           !starts_with(entity->type.value, "multipart/");
}

static void note_attachment(struct body_scan *scan, const struct entity *entity)
{
    struct body_facts *facts = scan->facts;
    const char *name = entity->name != NULL ? entity->name : "";
    if (facts->count == BODY_ATTACHMENTS_MAX) {
        doubt(scan, BODY_DOUBT_ATTACHMENTS, "there are too many attachments");
        return;
    }
    if ((facts->count & (facts->count - 1)) == 0)
        facts->attachments =
            xreallocarray(facts->attachments, facts->count == 0 ? 1 : facts->count * 2,
                          sizeof(*facts->attachments));
    facts->attachments[facts->count++] = (struct attachment){
        .type = xstrndup(entity->type.value, CONTENT_NAME_MAX), .name = xstrdup(name)};
}

static void note_tnef(struct body_scan *scan, const struct entity *entity)
{
    const char *type = entity->type.value;
    if (strcmp(type, "application/ms-tnef") == 0 || strcmp(type, "application/vnd.ms-tnef") == 0 ||
        (entity->name != NULL && strcasecmp(entity->name, "winmail.dat") == 0))
        scan->facts->tnef = true;
}

/* false: nested too deeply, or without a usable boundary. */
static bool enter_multipart(struct body_scan *scan, const struct entity *entity)
{
    char *boundary = content_parameter_decoded(&entity->type, "boundary");
    const char *raw = content_parameter(&entity->type, "boundary");
    if (raw != NULL) { /* verbatim: it is compared, not displayed */
        free(boundary);
        boundary = xstrdup(raw);
    }
    size_t len = boundary != NULL ? strlen(boundary) : 0;
    while (len > 0 && (boundary[len - 1] == ' ' || boundary[len - 1] == '\t'))
        len--;
    bool entered = len > 0 && len <= BOUNDARY_MAX && scan->depth < BODY_DEPTH_MAX;
    if (entered) {
        struct level *level = &scan->levels[scan->depth++];
        memcpy(level->boundary, boundary, len);
        level->len = len;
        level->digest = strcmp(entity->type.value, "multipart/digest") == 0;
    } else if (len > 0) {
        doubt(scan, DOUBT_ALL, "a boundary is too long, or parts are nested too deeply");
    }
    free(boundary);
    return entered;
}

static bool is_message(const struct entity *entity)
{
    return strcmp(entity->type.value, "message/rfc822") == 0 ||
           strcmp(entity->type.value, "message/global") == 0;
}

/* false: nested too deeply, or encoded, which RFC 2046 section 5.2.1 forbids. */
static bool enter_message(struct body_scan *scan, const struct entity *entity)
{
    bool encoded = strcmp(entity->encoding, "base64") == 0 ||
                   strcmp(entity->encoding, "quoted-printable") == 0;
    if (encoded || scan->depth == BODY_DEPTH_MAX) {
        doubt(scan, DOUBT_ALL, "an enclosed message is encoded, or nested too deeply");
        return false;
    }
    scan->levels[scan->depth].len = 0;
    scan->levels[scan->depth++].digest = false;
    return true;
}

static void start_header(struct body_scan *scan)
{
    for (size_t i = 0; i < FIELDS; i++) {
        scan->fields[i].len = 0;
        scan->has_field[i] = false;
    }
    scan->field = NO_FIELD;
    scan->state = IN_HEADER;
}

static void start_text(struct body_scan *scan, const struct entity *entity)
{
    bool full = scan->text.len >= BODY_TEXT_MAX || scan->text_parts++ >= TEXT_PARTS_MAX;
    if (scan->want_text && full)
        doubt(scan, BODY_DOUBT_TEXT, "there is too much text");
    if (!scan->want_text || full)
        return;
    if (scan->text.len > 0)
        buffer_char(&scan->text, '\n');
    char *charset = content_parameter_decoded(&entity->type, "charset");
    scan->decoder = body_decoder_new(entity->encoding, charset);
    free(charset);
    scan->state = IN_TEXT;
}

static void cut_text(struct body_scan *scan)
{
    if (scan->text.len <= BODY_TEXT_MAX)
        return;
    scan->text.len = utf8_cut(scan->text.data, scan->text.len, BODY_TEXT_MAX);
    doubt(scan, BODY_DOUBT_TEXT, "there is too much text");
}

static void end_text(struct body_scan *scan)
{
    body_decoder_end(scan->decoder, &scan->text);
    scan->decoder = NULL;
    cut_text(scan);
}

static void end_header(struct body_scan *scan)
{
    struct entity entity;
    read_entity(scan, &entity);
    scan->state = IN_OTHER;
    bool multipart = starts_with(entity.type.value, "multipart/");
    bool entered_multipart = multipart && enter_multipart(scan, &entity);
    bool entered_message = is_message(&entity) && enter_message(scan, &entity);
    note_tnef(scan, &entity);
    if (is_attachment(&entity, !entered_message))
        note_attachment(scan, &entity);
    if (entered_message)
        start_header(scan);
    else if (starts_with(entity.type.value, "text/") || (multipart && !entered_multipart))
        start_text(scan, &entity);
    entity_clear(&entity);
}

static enum field find_field(const char *line, size_t len)
{
    for (size_t i = 0; i < FIELDS; i++) {
        size_t n = strlen(field_names[i]);
        if (len <= n || strncasecmp(line, field_names[i], n) != 0)
            continue;
        while (n < len && (line[n] == ' ' || line[n] == '\t'))
            n++;
        if (n < len && line[n] == ':')
            return (enum field)i;
    }
    return NO_FIELD;
}

static void read_header_chunk(struct body_scan *scan, const char *chunk, size_t len, bool starts)
{
    bool empty = chunk[0] == '\n' || (len > 1 && chunk[0] == '\r' && chunk[1] == '\n');
    if (starts && empty) {
        end_header(scan);
        return;
    }
    if (starts && chunk[0] != ' ' && chunk[0] != '\t') {
        scan->field = find_field(chunk, len);
        if (scan->field != NO_FIELD && scan->has_field[scan->field]) {
            if (scan->field == CONTENT_TYPE) /* readers differ on which counts */
                doubt(scan, DOUBT_ALL, "Content-Type is repeated");
            scan->field = NO_FIELD;
        }
        if (scan->field != NO_FIELD)
            scan->has_field[scan->field] = true;
    }
    if (scan->field == NO_FIELD)
        return;
    struct buffer *field = &scan->fields[scan->field];
    if (field->len + len > FIELD_MAX) {
        scan->field = NO_FIELD;
        doubt(scan, DOUBT_ALL, "a field is too long");
        return;
    }
    buffer_add(field, chunk, len);
}

/* The number (from 1) of the level whose boundary the line is; 0: not a boundary. RFC 2046 section
 * 5.1.1: the line need only start with it; if one boundary is a prefix of another, the longer one
 * matches. */
static size_t find_boundary(const struct body_scan *scan, const char *line, size_t len)
{
    if (len < 3 || line[0] != '-' || line[1] != '-')
        return 0;
    size_t found = 0, longest = 0;
    for (size_t i = scan->depth; i-- > 0;) {
        const struct level *level = &scan->levels[i];
        if (level->len > longest && level->len <= len - 2 &&
            memcmp(line + 2, level->boundary, level->len) == 0) {
            longest = level->len;
            found = i + 1;
        }
    }
    return found;
}

static void end_part(struct body_scan *scan, size_t depth, const char *line, size_t len)
{
    assert(depth > 0 && depth <= scan->depth);
    if (scan->state == IN_HEADER)
        end_header(scan);
    if (scan->decoder != NULL)
        end_text(scan);
    size_t end = 2 + scan->levels[depth - 1].len;
    bool closing = len >= end + 2 && line[end] == '-' && line[end + 1] == '-';
    scan->depth = closing ? depth - 1 : depth;
    scan->state = IN_OTHER;
    if (closing)
        return;
    if (scan->parts++ < PARTS_MAX) {
        start_header(scan);
    } else {
        doubt(scan, DOUBT_ALL, "there are too many parts");
        scan->depth = 0;
    }
}

static void read_chunk(struct body_scan *scan, const char *chunk, size_t len, bool ends)
{
    assert((scan->state == IN_TEXT) == (scan->decoder != NULL));
    bool starts = !scan->in_line;
    scan->in_line = !ends;
    size_t depth = starts ? find_boundary(scan, chunk, len) : 0;
    if (depth > 0) {
        end_part(scan, depth, chunk, len);
    } else if (scan->state == IN_HEADER) {
        read_header_chunk(scan, chunk, len, starts);
    } else if (scan->state == IN_TEXT && scan->text.len < BODY_TEXT_MAX) {
        body_decoder_feed(scan->decoder, chunk, len, &scan->text);
        cut_text(scan);
    } else if (scan->state == IN_TEXT) {
        doubt(scan, BODY_DOUBT_TEXT, "there is too much text");
    }
}

void body_scan_feed(struct body_scan *scan, const char *data, size_t len)
{
    while (len > 0) {
        assert(scan->line_len < CHUNK);
        size_t room = CHUNK - scan->line_len;
        size_t look = len < room ? len : room;
        const char *feed = memchr(data, '\n', look);
        size_t take = feed != NULL ? (size_t)(feed - data) + 1 : look;
        bool complete = feed != NULL || take == room;
        if (complete && scan->line_len == 0) {
            read_chunk(scan, data, take, feed != NULL);
        } else {
            memcpy(scan->line + scan->line_len, data, take);
            scan->line_len += take;
            if (complete) {
                size_t chunk_len = scan->line_len;
                scan->line_len = 0;
                read_chunk(scan, scan->line, chunk_len, feed != NULL);
            }
        }
        data += take;
        len -= take;
    }
}

struct body_facts *body_scan_end(struct body_scan *scan)
{
    if (scan->line_len > 0)
        read_chunk(scan, scan->line, scan->line_len, false);
    if (scan->state == IN_HEADER)
        end_header(scan);
    if (scan->decoder != NULL)
        end_text(scan);
    struct body_facts *facts = scan->facts;
    facts->text_len = scan->text.len;
    facts->text = buffer_take(&scan->text);
    facts->text[facts->text_len] = '\0';
    scan->facts = NULL;
    body_scan_free(scan);
    return facts;
}

void body_scan_free(struct body_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < FIELDS; i++)
        buffer_free(&scan->fields[i]);
    body_decoder_end(scan->decoder, &scan->text);
    buffer_free(&scan->text);
    body_facts_free(scan->facts);
    free(scan);
}

void body_facts_free(struct body_facts *facts)
{
    if (facts == NULL)
        return;
    for (size_t i = 0; i < facts->count; i++) {
        free(facts->attachments[i].type);
        free(facts->attachments[i].name);
    }
    free(facts->attachments);
    free(facts->text);
    free(facts);
}
