#include "rules/mime/body.h"

#include <assert.h>
#include <strings.h>

#include "rules/mime/body_boundary.h"
#include "rules/mime/body_decode.h"
#include "rules/mime/body_entity.h"
#include "rules/mime/body_uu.h"
#include "rules/mime/text.h"
#include "rules/util/buffer.h"

/* Lines are processed in chunks of this size, however the input is split. */
#define CHUNK 4096
#define BOUNDARY_SURE 250 /* longer ones are read, but not by all; RFC 2046 allows 70 */
#define TYPE_MAX 1000     /* octets kept of an attachment's type */

static_assert(BODY_DEPTH_MAX == BOUNDARY_LEVELS_MAX, "a level is a boundary or a message");
static_assert(BOUNDARY_MAX + 6 < CHUNK, "a delimiter fits into a chunk");

static const struct body_bounds default_bounds = {
    .depth = BODY_DEPTH_MAX,
    .attachments = BODY_ATTACHMENTS_MAX,
    .parts = 10000,
    .name_octets = 1024 * 1024, /* of all attachments */
};

#define BARE_CR "there is a CR that is not part of a line end"
#define DOUBT_ALL (BODY_DOUBT_ATTACHMENTS | BODY_DOUBT_TEXT)

enum state {
    IN_HEADER,
    IN_TEXT,  /* of a part whose text is read */
    IN_OTHER, /* preamble, epilogue, and parts whose content is ignored */
};

/* A multipart, or an embedded message. */
struct level {
    bool digest;    /* parts default to message/rfc822, RFC 2046 section 5.1.5 */
    bool is_signed; /* multipart/signed, RFC 1847 */
    bool encoded;   /* declared so, against RFC 2045 section 6.4; read as it stands */
    size_t parts;   /* begun so far */
};

struct body_scan {
    struct body_bounds bounds;
    enum state state;
    char line[CHUNK];
    size_t line_len;
    bool in_line;   /* the next chunk continues a line */
    bool in_cr;     /* at a CR, or at what may count after one */
    bool in_base64; /* the content of the current part is base64 */
    bool text_cr;   /* the last octet of text is a CR */
    bool wide;      /* an octet is not a character in its charset */
    char after_cr[8];
    size_t after_cr_len;
    struct boundaries *boundaries;
    struct level levels[BODY_DEPTH_MAX]; /* as many as there are boundaries */
    size_t parts, names_octets;
    struct entity_header *header;
    struct body_decoder *decoder;
    struct buffer octets; /* decoded; empty between chunks */
    struct uu_scan uu;
    size_t armor_len;         /* of the first line of an OpenPGP message, seen so far */
    struct text_reader *text; /* NULL: none is wanted */
    struct body_facts *facts;
};

struct body_scan *body_scan_new(bool want_text)
{
    struct body_scan *scan = xcalloc(1, sizeof(*scan));
    scan->bounds = default_bounds;
    scan->boundaries = boundaries_new();
    scan->header = entity_header_new();
    entity_header_begin(scan->header, true);
    scan->text = want_text ? text_reader_new() : NULL;
    scan->facts = xcalloc(1, sizeof(*scan->facts));
    return scan;
}

void body_scan_lower(struct body_scan *scan, const struct body_bounds *bounds)
{
    assert(bounds->depth <= default_bounds.depth && bounds->parts <= default_bounds.parts);
    assert(bounds->attachments <= default_bounds.attachments);
    assert(bounds->name_octets <= default_bounds.name_octets);
    scan->bounds = *bounds;
}

/* The first reason of each kind is kept. */
static void doubt(struct body_scan *scan, unsigned what, const char *why)
{
    struct body_facts *facts = scan->facts;
    if ((what & BODY_DOUBT_TEXT) != 0 && scan->text == NULL)
        what &= ~(unsigned)BODY_DOUBT_TEXT;
    if ((what & BODY_DOUBT_ATTACHMENTS) != 0 && facts->doubt_why == NULL)
        facts->doubt_why = why;
    if ((what & BODY_DOUBT_TEXT) != 0 && facts->text_doubt_why == NULL)
        facts->text_doubt_why = why;
    facts->doubt |= what;
}

static void leave_levels(struct body_scan *scan, size_t depth)
{
    for (size_t i = depth; i < boundaries_depth(scan->boundaries); i++)
        if (scan->levels[i].encoded && scan->levels[i].parts == 0)
            doubt(scan, DOUBT_ALL, "a multipart is encoded");
    boundaries_pop(scan->boundaries, depth);
}

static struct level *innermost(struct body_scan *scan)
{
    size_t depth = boundaries_depth(scan->boundaries);
    return depth > 0 ? &scan->levels[depth - 1] : NULL;
}

/* ---- attachments ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

static bool is_signature_name(const char *name)
{
    return ends_with(name, ".p7s") || ends_with(name, ".asc") || ends_with(name, ".sig") ||
           ends_with(name, ".pgp");
}

/* The signature of a multipart/signed, with usual names; not a file merely declared to be one. */
static bool is_signature(struct body_scan *scan, const struct entity *entity)
{
    const struct level *level = innermost(scan);
    const char *type = entity->types[0];
    bool typed = strcmp(type, "application/pgp-signature") == 0 ||
                 strcmp(type, "application/pkcs7-signature") == 0 ||
                 strcmp(type, "application/x-pkcs7-signature") == 0;
    if (!typed || entity->n_types > 1 || entity->nameless || level == NULL || !level->is_signed ||
        level->parts != 2)
        return false;
    for (size_t i = 0; i < entity->names.count; i++)
        if (!is_signature_name(entity->names.list[i]))
            return false;
    return true;
}

static bool is_shown_as_text(const char *type)
{
    return strcmp(type, "text/plain") == 0 || strcmp(type, "text/html") == 0 ||
           strncmp(type, "multipart/", strlen("multipart/")) == 0;
}

static char **copy_names(struct body_scan *scan, const struct names *names, size_t *count)
{
    char **copy = xcalloc(names->count + 1, sizeof(*copy));
    *count = 0;
    for (size_t i = 0; i < names->count; i++) {
        scan->names_octets += strlen(names->list[i]);
        if (scan->names_octets > scan->bounds.name_octets) {
            doubt(scan, BODY_DOUBT_ATTACHMENTS, "there are too many names");
            break;
        }
        copy[(*count)++] = xstrdup(names->list[i]);
    }
    return copy;
}

static void note_attachment(struct body_scan *scan, const char *type, const struct names *names)
{
    struct body_facts *facts = scan->facts;
    if (facts->count == scan->bounds.attachments) {
        doubt(scan, BODY_DOUBT_ATTACHMENTS, "there are too many attachments");
        return;
    }
    if ((facts->count & (facts->count - 1)) == 0)
        facts->attachments =
            xreallocarray(facts->attachments, facts->count == 0 ? 1 : facts->count * 2,
                          sizeof(*facts->attachments));
    struct attachment *attachment = &facts->attachments[facts->count++];
    attachment->type = xstrndup(type, TYPE_MAX);
    attachment->names = copy_names(scan, names, &attachment->n_names);
}

/* As each of its types, if some have several. */
static void note_attachments(struct body_scan *scan, const struct entity *entity)
{
    if (is_signature(scan, entity))
        return;
    for (size_t i = 0; i < entity->n_types; i++)
        if (!is_shown_as_text(entity->types[i]) || (entity->attachment && i == 0))
            note_attachment(scan, entity->types[i], &entity->names);
}

static void note_tnef(struct body_scan *scan, const struct entity *entity)
{
    for (size_t i = 0; i < entity->n_types; i++)
        if (strcmp(entity->types[i], "application/ms-tnef") == 0 ||
            strcmp(entity->types[i], "application/vnd.ms-tnef") == 0)
            scan->facts->tnef = true;
    for (size_t i = 0; i < entity->names.count; i++)
        if (strcasecmp(entity->names.list[i], "winmail.dat") == 0)
            scan->facts->tnef = true;
}

/* RFC 8551 section 3.2.1 has ".p7m" for programs that do not keep the type. */
static void note_encryption(struct body_scan *scan, const struct entity *entity)
{
    scan->facts->encrypted |= entity->encrypted;
    if (entity->opaque)
        doubt(scan, DOUBT_ALL, "an S/MIME message is not opened");
    for (size_t i = 0; i < entity->names.count; i++) {
        const char *name = entity->names.list[i];
        if ((ends_with(name, ".p7m") && !entity->opaque) || ends_with(name, ".pgp") ||
            ends_with(name, ".gpg"))
            scan->facts->encrypted = true;
    }
}

/* Looks for the first line of an OpenPGP message; text may be split anywhere. */
static void find_armor(struct body_scan *scan, const char *text, size_t len)
{
    static const char armor[] = "-----BEGIN PGP MESSAGE-----";
    for (size_t i = 0; i < len && !scan->facts->encrypted; i++) {
        if (text[i] == armor[scan->armor_len])
            scan->armor_len++;
        else if (text[i] != '-')
            scan->armor_len = 0;
        else if (scan->armor_len != 5) /* which a sixth dash does not end */
            scan->armor_len = 1;
        scan->facts->encrypted = scan->armor_len == sizeof(armor) - 1;
    }
}

static void on_file_in_text(void *arg, const char *name, size_t len, bool whole)
{
    struct body_scan *scan = arg;
    struct names names = {.count = 0};
    names_add_octets(&names, name, len);
    note_attachment(scan, "application/octet-stream", &names);
    if (!whole)
        doubt(scan, BODY_DOUBT_ATTACHMENTS, "a name is too long");
    names_clear(&names);
}

/* ---- structure ---- */

static void push_level(struct body_scan *scan, const struct names *boundaries, const char *type)
{
    static const struct names none = {.count = 0};
    const struct names *values = boundaries != NULL ? boundaries : &none;
    if (boundaries_depth(scan->boundaries) == scan->bounds.depth) {
        doubt(scan, DOUBT_ALL, "parts are nested too deeply");
        return;
    }
    if (!boundaries_push(scan->boundaries, values->list, values->count)) {
        doubt(scan, DOUBT_ALL, "a boundary is unusable");
        return;
    }
    for (size_t i = 0; i < values->count; i++)
        if (strlen(values->list[i]) > BOUNDARY_SURE)
            doubt(scan, DOUBT_ALL | BODY_DOUBT_READINGS,
                  "a boundary is longer than some programs compare");
    *innermost(scan) = (struct level){.digest = strcmp(type, "multipart/digest") == 0,
                                      .is_signed = strcmp(type, "multipart/signed") == 0};
}

/* false: nested too deeply, or without a usable boundary. */
static bool enter_multipart(struct body_scan *scan, const struct entity *entity)
{
    size_t depth = boundaries_depth(scan->boundaries);
    if (entity->encoding == ENCODING_UNKNOWN)
        doubt(scan, DOUBT_ALL, "a multipart is encoded");
    if (entity->boundaries.count > 0)
        push_level(scan, &entity->boundaries, entity->types[0]);
    else
        doubt(scan, DOUBT_ALL, "a multipart has no boundary");
    if (boundaries_depth(scan->boundaries) == depth)
        return false;
    innermost(scan)->encoded = entity->encoding != ENCODING_IDENTITY;
    return true;
}

/* false: nested too deeply, or encoded, which RFC 2046 section 5.2.1 forbids. */
static bool enter_message(struct body_scan *scan, const struct entity *entity)
{
    size_t depth = boundaries_depth(scan->boundaries);
    const char *type = entity->types[0];
    if (strcmp(type, "message/partial") == 0 || strcmp(type, "message/external-body") == 0)
        doubt(scan, DOUBT_ALL, "part of the message is elsewhere");
    if (entity->encoding != ENCODING_IDENTITY)
        doubt(scan, DOUBT_ALL, "an enclosed message is encoded");
    else
        push_level(scan, NULL, type);
    return boundaries_depth(scan->boundaries) > depth;
}

static void start_header(struct body_scan *scan, bool message)
{
    entity_header_begin(scan->header, message);
    scan->in_base64 = false;
    scan->state = IN_HEADER;
}

static bool is_wide(const char *charset)
{
    static const char *const wide[] = {"utf-16", "utf16",     "utf-32", "utf32",
                                       "ucs",    "iso-10646", "unicode"};
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++)
        if (strncasecmp(charset, wide[i], strlen(wide[i])) == 0)
            return true;
    return false;
}

static void start_text(struct body_scan *scan, const struct entity *entity)
{
    const char *charset = entity->charsets.count > 0 ? entity->charsets.list[0] : NULL;
    const char *slash = strchr(entity->types[0], '/');
    const struct text_part part = {
        .subtype = entity->kind == ENTITY_TEXT && slash != NULL ? slash + 1 : "plain",
        .charset = charset,
        .charset_len = charset != NULL ? strcspn(charset, " \t(") : 0,
        .delsp = entity->delsp,
    };
    if (entity->text_doubt != NULL)
        doubt(scan, BODY_DOUBT_TEXT, entity->text_doubt);
    if (scan->text != NULL)
        text_reader_begin(scan->text, &part);
    scan->decoder = body_decoder_new(entity->encoding);
    scan->wide = part.charset_len > 0 && is_wide(part.charset);
    scan->text_cr = false;
    scan->uu = (struct uu_scan){.len = 0};
    scan->armor_len = 0;
    scan->state = IN_TEXT;
}

/* A CR, of which the charset reader knows nothing, is a line feed unless another or LF follows. */
static void feed_text(struct body_scan *scan, char *text, size_t len)
{
    if (scan->text == NULL)
        return;
    if (scan->text_cr && text[0] != '\r' && text[0] != '\n')
        text_reader_feed(scan->text, "\n", 1);
    scan->text_cr = !scan->wide && text[len - 1] == '\r';
    char *last = text + len - 1;
    for (char *cr = text; !scan->wide && cr < last; cr++) {
        cr = memchr(cr, '\r', (size_t)(last - cr));
        if (cr == NULL)
            break;
        if (cr[1] != '\r' && cr[1] != '\n')
            *cr = '\n';
    }
    text_reader_feed(scan->text, text, len);
}

static void read_octets(struct body_scan *scan)
{
    struct buffer *octets = &scan->octets;
    if (octets->len == 0)
        return;
    find_armor(scan, octets->data, octets->len);
    uu_scan_feed(&scan->uu, octets->data, octets->len, on_file_in_text, scan);
    feed_text(scan, octets->data, octets->len);
    octets->len = 0;
}

static void end_text(struct body_scan *scan)
{
    if (body_decoder_is_odd(scan->decoder))
        doubt(scan, BODY_DOUBT_TEXT, "base64 is padded where it does not end");
    body_decoder_end(scan->decoder, &scan->octets);
    scan->decoder = NULL;
    read_octets(scan);
    uu_scan_end(&scan->uu, on_file_in_text, scan);
}

static void end_header(struct body_scan *scan)
{
    struct level *level = innermost(scan);
    struct entity entity;
    entity_read(&entity, scan->header,
                level != NULL && level->digest ? "message/rfc822" : "text/plain",
                scan->names_octets > scan->bounds.name_octets);
    if (entity.doubt != NULL)
        doubt(scan, DOUBT_ALL | (entity.two_readings ? BODY_DOUBT_READINGS : 0), entity.doubt);
    if (entity.name_doubt != NULL)
        doubt(scan, BODY_DOUBT_ATTACHMENTS, entity.name_doubt);
    scan->state = IN_OTHER;
    scan->in_base64 = entity.encoding == ENCODING_BASE64;
    note_tnef(scan, &entity);
    note_encryption(scan, &entity);
    note_attachments(scan, &entity);
    bool multipart = entity.kind == ENTITY_MULTIPART && enter_multipart(scan, &entity);
    if (entity.kind == ENTITY_MESSAGE && enter_message(scan, &entity))
        start_header(scan, true);
    else if (entity.kind == ENTITY_TEXT || (entity.kind == ENTITY_MULTIPART && !multipart))
        start_text(scan, &entity);
    entity_clear(&entity);
}

static void end_part(struct body_scan *scan)
{
    if (scan->state == IN_HEADER)
        end_header(scan);
    if (scan->decoder != NULL)
        end_text(scan);
    scan->state = IN_OTHER;
    scan->in_base64 = false;
}

static void read_delimiter(struct body_scan *scan, const struct delimiter *delimiter)
{
    assert(delimiter->depth > 0 && delimiter->depth <= boundaries_depth(scan->boundaries));
    if (scan->state == IN_HEADER && !entity_header_is_empty(scan->header))
        doubt(scan, DOUBT_ALL, "a part ends within its header");
    bool closes = delimiter->kind == DELIMITER_CLOSE;
    if (closes && scan->state == IN_HEADER && entity_header_is_empty(scan->header) &&
        delimiter->depth == boundaries_depth(scan->boundaries))
        doubt(scan, DOUBT_ALL, "a delimiter that ends a multipart follows one that begins a part");
    end_part(scan);
    leave_levels(scan, closes ? delimiter->depth - 1 : delimiter->depth);
    if (closes)
        return;
    innermost(scan)->parts++;
    if (scan->parts++ < scan->bounds.parts) {
        start_header(scan, false);
    } else {
        doubt(scan, DOUBT_ALL, "there are too many parts");
        leave_levels(scan, 0);
    }
}

/* ---- lines ---- */

/* What follows a CR and counts if the CR ends a line: a delimiter, or a file in text. */
static const char *const after_cr[] = {"--", "begin ", "begin-", "=ybegin"};

/* Whether c goes on with what counts; at its end there is doubt. */
static bool goes_on_after_cr(struct body_scan *scan, char c)
{
    bool goes_on = false;
    scan->after_cr[scan->after_cr_len++] = c;
    for (size_t i = 0; i < sizeof(after_cr) / sizeof(*after_cr); i++) {
        size_t len = strlen(after_cr[i]);
        if (scan->after_cr_len > len ||
            memcmp(scan->after_cr, after_cr[i], scan->after_cr_len) != 0)
            continue;
        if (scan->after_cr_len == len)
            doubt(scan, DOUBT_ALL, BARE_CR);
        else
            goes_on = true;
    }
    return goes_on;
}

/* CR without LF ends a line to some: in a header always, elsewhere if what follows counts. In
 * base64 it says nothing unless a delimiter may follow. */
static void check_cr(struct body_scan *scan, char next)
{
    if (next == '\n' || (scan->in_base64 && next != '-'))
        return;
    scan->facts->bare_cr = true;
    if (scan->state == IN_HEADER)
        doubt(scan, DOUBT_ALL, BARE_CR);
}

static void look_for_bare_cr(struct body_scan *scan, const char *chunk, size_t len)
{
    const char *end = chunk + len;
    for (const char *c = chunk; c < end; c++) {
        if (!scan->in_cr) {
            c = memchr(c, '\r', (size_t)(end - c));
            if (c == NULL)
                return;
            scan->in_cr = true;
            scan->after_cr_len = 0;
            continue;
        }
        if (scan->after_cr_len == 0)
            check_cr(scan, *c);
        scan->in_cr = *c == '\r' || goes_on_after_cr(scan, *c);
        if (*c == '\r')
            scan->after_cr_len = 0;
    }
}

static void read_header_chunk(struct body_scan *scan, const char *chunk, size_t len, bool starts)
{
    bool empty = chunk[0] == '\n' || (len > 1 && chunk[0] == '\r' && chunk[1] == '\n');
    if (starts && empty)
        end_header(scan);
    else
        entity_header_line(scan->header, chunk, len, starts);
}

static void read_chunk(struct body_scan *scan, const char *chunk, size_t len, bool ends)
{
    assert((scan->state == IN_TEXT) == (scan->decoder != NULL));
    bool starts = !scan->in_line;
    struct delimiter delimiter = {.kind = DELIMITER_NONE};
    scan->in_line = !ends;
    look_for_bare_cr(scan, chunk, len);
    if (starts)
        delimiter = boundaries_match(scan->boundaries, chunk, len, ends);
    if (delimiter.doubt != NULL)
        doubt(scan, DOUBT_ALL, delimiter.doubt);
    if (delimiter.kind != DELIMITER_NONE) {
        read_delimiter(scan, &delimiter);
    } else if (scan->state == IN_HEADER) {
        read_header_chunk(scan, chunk, len, starts);
    } else if (scan->state == IN_TEXT) {
        body_decoder_feed(scan->decoder, chunk, len, &scan->octets);
        read_octets(scan);
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
    struct body_facts *facts = scan->facts;
    if (scan->line_len > 0)
        read_chunk(scan, scan->line, scan->line_len, true);
    if (scan->in_cr && scan->after_cr_len == 0)
        check_cr(scan, '\0');
    end_part(scan);
    leave_levels(scan, 0);
    if (scan->text != NULL) {
        facts->text = text_reader_end(scan->text);
        if (facts->text.doubt != NULL)
            doubt(scan, BODY_DOUBT_TEXT, facts->text.doubt);
        scan->text = NULL;
    }
    scan->facts = NULL;
    body_scan_free(scan);
    return facts;
}

bool body_header_encrypted(const char *text, size_t len)
{
    struct body_scan *scan = body_scan_new(false);
    body_scan_feed(scan, text, len);
    body_scan_feed(scan, "\r\n\r\n", 4);
    struct body_facts *facts = body_scan_end(scan);
    bool encrypted = facts->encrypted;
    body_facts_free(facts);
    return encrypted;
}

void body_scan_free(struct body_scan *scan)
{
    if (scan == NULL)
        return;
    boundaries_free(scan->boundaries);
    entity_header_free(scan->header);
    body_decoder_end(scan->decoder, &scan->octets);
    buffer_free(&scan->octets);
    text_reader_free(scan->text);
    body_facts_free(scan->facts);
    free(scan);
}

void body_facts_free(struct body_facts *facts)
{
    if (facts == NULL)
        return;
    for (size_t i = 0; i < facts->count; i++) {
        for (size_t name = 0; name < facts->attachments[i].n_names; name++)
            free(facts->attachments[i].names[name]);
        free(facts->attachments[i].names);
        free(facts->attachments[i].type);
    }
    free(facts->attachments);
    readings_clear(&facts->text);
    free(facts);
}
