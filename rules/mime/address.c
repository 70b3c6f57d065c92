#include "rules/mime/address.h"

#include <assert.h>
#include <string.h>

#include "rules/mime/encoded_word.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

/* A word, or an address being assembled. What does not fit is dropped and too_long set. */
struct candidate {
    char text[ADDRESS_MAX + 1];
    size_t len;
    size_t at;  /* position after the "@"; 0: none yet */
    size_t ats; /* how many */
    bool too_long;
    bool quoted_last;     /* ends with a quoted string */
    bool dot_after_blank; /* ends with a dot that follows a blank */
};

/* An element is the text between separators: a mailbox, if well-formed. */
struct parser {
    struct address_list *list;
    /* of this element, outside angle brackets: the first, which is mostly the only one, and those
     * after it */
    char first[ADDRESS_MAX + 1]; /* "": none */
    struct address_list bare;
    const char *c, *end;
    const char *element; /* where it starts */
    struct candidate candidate;
    size_t unread; /* of this element */
    bool in_angle;
    bool blank;                    /* preceded by white space or a comment */
    bool words;                    /* the element has text other than addresses */
    bool named;                    /* something preceded the angle bracket */
    bool quoted_at;                /* a quoted string outside of angle brackets has an "@" */
    bool angle;                    /* the element had an address in angle brackets */
    bool angle_words;              /* text other than an address in angle brackets */
    bool controls;                 /* a control character that is not white space */
    bool open_comment, open_quote; /* unterminated: such characters are ignored from here on */
};

bool address_same(const char *a, const char *b)
{
    while (*a != '\0' && octet_lower(*a) == octet_lower(*b))
        a++, b++;
    return *a == *b;
}

static bool same_start(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (octet_lower(a[i]) != octet_lower(b[i]))
            return false;
    return true;
}

bool address_belongs(const char *own, const char *address)
{
    if (address_same(own, address))
        return true;
    const char *at = strrchr(address, '@'), *own_at = strrchr(own, '@');
    if (at == NULL || own_at == NULL || !address_same(own_at, at))
        return false;
    size_t len = (size_t)(own_at - own);
    return len < (size_t)(at - address) && address[len] == '+' && same_start(own, address, len);
}

const char *address_domain(const char *address)
{
    const char *at = strrchr(address, '@');
    return at != NULL ? at + 1 : NULL;
}

/* Seeded with a memory address, so that a sender cannot choose colliding recipients. */
static size_t hash(const struct address_list *list, const char *address)
{
    uint64_t h = (uintptr_t)list->slots ^ 0x9e3779b97f4a7c15u;
    for (; *address != '\0'; address++) {
        h = (h ^ (unsigned char)octet_lower(*address)) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return (size_t)h;
}

/* The slot that holds the address, or the free slot where it belongs. */
static uint32_t *find_slot(const struct address_list *list, const char *address)
{
    /* a power of two, with a free slot, or the search would not end */
    assert(list->n_slots > list->count && (list->n_slots & (list->n_slots - 1)) == 0);
    size_t i = hash(list, address) & (list->n_slots - 1);
    while (list->slots[i] != 0 && !address_same(list->addresses[list->slots[i] - 1], address))
        i = (i + 1) & (list->n_slots - 1);
    return &list->slots[i];
}

static void grow_slots(struct address_list *list)
{
    size_t n = list->n_slots == 0 ? 16 : list->n_slots * 2;
    free(list->slots);
    list->slots = xcalloc(n, sizeof(*list->slots));
    list->n_slots = n;
    for (size_t i = 0; i < list->count; i++)
        *find_slot(list, list->addresses[i]) = (uint32_t)i + 1;
}

bool address_list_has(const struct address_list *list, const char *address)
{
    return list->n_slots > 0 && *find_slot(list, address) != 0;
}

enum insertion { ADDED, KNOWN, FULL };

static enum insertion insert(struct address_list *list, const char *address)
{
    if (address_list_has(list, address))
        return KNOWN;
    if (list->count >= ADDRESS_LIST_MAX)
        return FULL;
    if ((list->count + 1) * 2 > list->n_slots)
        grow_slots(list);
    if (list->count == list->room) {
        list->room = list->room == 0 ? 8 : list->room * 2;
        list->addresses = xreallocarray(list->addresses, list->room, sizeof(*list->addresses));
    }
    char *copy = xstrdup(address);
    char *at = strrchr(copy, '@');
    for (char *c = at; c != NULL && *c != '\0'; c++)
        *c = octet_lower(*c);
    *find_slot(list, copy) = (uint32_t)list->count + 1;
    list->addresses[list->count++] = copy;
    return ADDED;
}

bool address_list_add(struct address_list *list, const char *address)
{
    return insert(list, address) == ADDED;
}

bool address_list_daemon(const struct address_list *list, size_t from)
{
    static const char bare[] = "mailer-daemon", angle[] = "<mailer-daemon>";
    for (size_t i = from; i < list->n_unreadable; i++) {
        const char *text = list->unreadable[i];
        size_t len = strlen(text), tail = sizeof(angle) - 1;
        bool ends = len >= tail && strchr(text, '<') == text + len - tail;
        if (!address_same(text, bare) && !(ends && address_same(text + len - tail, angle)))
            return false;
    }
    return from < list->n_unreadable;
}

void address_list_clear(struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->addresses[i]);
    for (size_t i = 0; i < list->n_unreadable; i++)
        free(list->unreadable[i]);
    if (list->readings != NULL)
        address_list_clear(list->readings);
    free(list->readings);
    free(list->unreadable);
    free(list->addresses);
    free(list->slots);
    *list = (struct address_list){0};
}

/* An address that does not fit into the list is counted. */
static void add_or_count(struct address_list *list, const char *address)
{
    if (insert(list, address) != FULL)
        return;
    list->skipped++;
    list->left_out++;
}

static void start_candidate(struct candidate *candidate)
{
    candidate->len = candidate->at = candidate->ats = 0;
    candidate->too_long = candidate->quoted_last = candidate->dot_after_blank = false;
}

static void append(struct candidate *candidate, const char *text, size_t len)
{
    assert(candidate->len <= ADDRESS_MAX && candidate->at <= candidate->len);
    if (len > ADDRESS_MAX - candidate->len) {
        candidate->too_long = true;
        return;
    }
    memcpy(candidate->text + candidate->len, text, len);
    candidate->len += len;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_atom(char c)
{
    return !is_control(c) && c != ' ' && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

/* Removes the quotes of a local part that is a dot-atom. Returns its new length. */
static size_t unquote(char *local, size_t len)
{
    if (len < 3 || local[0] != '"' || local[len - 1] != '"')
        return len;
    if (local[1] == '\'' || local[1] == '=') /* would change meaning */
        return len;
    for (size_t i = 1; i + 1 < len; i++) {
        bool dot = local[i] == '.' && i > 1 && i + 2 < len && local[i - 1] != '.';
        if (!dot && !is_atom(local[i]))
            return len;
    }
    memmove(local, local + 1, len - 2);
    return len - 2;
}

static bool is_domain(const char *domain)
{
    if (*domain == '[')
        return domain[strlen(domain) - 1] == ']' && strlen(domain) > 2;
    for (const char *c = domain; *c != '\0'; c++)
        if (!is_atom(*c) && *c != '.')
            return false;
    return *domain != '\0' && *domain != '.';
}

/* Exactly one pair: more are intended, or garbage. */
static bool in_single_quotes(const char *text, size_t len)
{
    return len > 4 && text[0] == '\'' && text[1] != '\'' && text[1] != '@' &&
           text[len - 1] == '\'' && text[len - 2] != '\'';
}

static void drop_dots_at_end(struct candidate *candidate)
{
    while (candidate->len > 0 && candidate->text[candidate->len - 1] == '.')
        candidate->len--;
    candidate->text[candidate->len] = '\0';
}

/* Turns a candidate with an "@" into "local@domain"; false: not an address. */
static bool finish_address(struct candidate *candidate)
{
    if (candidate->too_long || candidate->ats != 1)
        return false;
    drop_dots_at_end(candidate);
    size_t local = candidate->at - 1;
    if (local == 0 || local >= candidate->len)
        return false;
    /* Outlook writes 'bob@example.org' where the display name is the address. */
    if (in_single_quotes(candidate->text, candidate->len)) {
        memmove(candidate->text, candidate->text + 1, candidate->len - 2);
        candidate->len -= 2;
        local--;
        drop_dots_at_end(candidate);
    }
    /* the start of an encoded word that contains a comma */
    if (candidate->text[0] == '=' && candidate->text[1] == '?')
        return false;
    size_t plain = unquote(candidate->text, local);
    memmove(candidate->text + plain, candidate->text + local, candidate->len - local + 1);
    return is_domain(candidate->text + plain + 1);
}

/* The candidate has no "@", or only within quotes. */
static void note_word(struct parser *parser)
{
    const struct candidate *candidate = &parser->candidate;
    if (candidate->len == 0 && !candidate->too_long)
        return;
    parser->words = true;
    parser->angle_words |= parser->in_angle;
    parser->quoted_at |= !parser->in_angle && memchr(candidate->text, '@', candidate->len) != NULL;
}

static void add_bare(struct parser *parser)
{
    if (*parser->first == '\0')
        memcpy(parser->first, parser->candidate.text, strlen(parser->candidate.text) + 1);
    else if (!address_same(parser->first, parser->candidate.text))
        add_or_count(&parser->bare, parser->candidate.text);
}

/* Classifies a complete candidate: address, word, or unreadable. */
static void end_candidate(struct parser *parser)
{
    struct candidate *candidate = &parser->candidate;
    if (candidate->ats == 0) {
        note_word(parser);
    } else if (!finish_address(candidate)) {
        parser->unread++;
        parser->angle |= parser->in_angle;
    } else if (parser->in_angle) {
        add_or_count(parser->list, candidate->text);
        parser->angle = true;
    } else {
        add_bare(parser);
    }
    start_candidate(candidate);
}

static bool is_unreadable(const struct parser *parser)
{
    bool found = parser->angle || *parser->first != '\0';
    if (parser->unread > 0 || parser->controls)
        return true;
    if (parser->angle)
        return parser->angle_words;
    return parser->quoted_at || (!found && (parser->words || parser->named));
}

/* The text in one line, without control characters. */
static char *clean(const char *text, size_t len)
{
    char *line = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool blank = octet_is_blank(text[i]) || text[i] == '\r' || text[i] == '\n';
        if (blank && n > 0 && line[n - 1] != ' ')
            line[n++] = ' ';
        else if (!blank && !is_control(text[i]))
            line[n++] = text[i];
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    return line;
}

static void keep_written(struct address_list *list, const char *written)
{
    if (list->n_unreadable == ADDRESS_UNREADABLE_MAX)
        return;
    if (list->n_unreadable == list->unreadable_room) {
        list->unreadable_room = list->unreadable_room == 0 ? 4 : list->unreadable_room * 2;
        list->unreadable =
            xreallocarray(list->unreadable, list->unreadable_room, sizeof(*list->unreadable));
    }
    size_t len = strnlen(written, ADDRESS_WRITTEN_MAX);
    while (len > 0 && ((unsigned char)written[len] & 0xC0) == 0x80) /* a whole character */
        len--;
    list->unreadable[list->n_unreadable++] = xstrndup(written, len);
}

/* The element from parser->element to parser->c. */
static void note_unreadable(struct parser *parser)
{
    struct address_list *list = parser->list;
    char *written = clean(parser->element, (size_t)(parser->c - parser->element));
    size_t len = strlen(written);
    char *decoded = encoded_word_decode(written, len, 3 * len);
    list->skipped += parser->unread > 0 ? parser->unread : 1;
    list->names += parser->unread == 0 && memchr(decoded, '@', strlen(decoded)) == NULL;
    keep_written(list, written);
    if (list->readings == NULL)
        list->readings = xcalloc(1, sizeof(*list->readings));
    address_list_scan(list->readings, decoded, strlen(decoded));
    free(decoded);
    free(written);
}

static void end_element(struct parser *parser)
{
    end_candidate(parser);
    if (is_unreadable(parser))
        note_unreadable(parser);
    if (*parser->first != '\0')
        add_or_count(parser->list, parser->first);
    *parser->first = '\0';
    for (size_t i = 0; i < parser->bare.count; i++)
        add_or_count(parser->list, parser->bare.addresses[i]);
    if (parser->bare.room > 0) {
        parser->list->skipped += parser->bare.skipped;
        parser->list->left_out += parser->bare.left_out;
        address_list_clear(&parser->bare);
    }
    parser->unread = 0;
    parser->in_angle = parser->words = parser->angle = parser->named = false;
    parser->quoted_at = parser->angle_words = parser->controls = false;
}

/* Ends the element at the separator at parser->c, and continues after it. */
static void next_element(struct parser *parser)
{
    end_element(parser);
    parser->element = parser->c + 1;
}

/* Skips the comment at parser->c with nested comments, or an unmatched parenthesis. */
static void skip_comment(struct parser *parser)
{
    size_t depth = 0;
    for (const char *c = parser->c; c < parser->end; c++) {
        if (*c == '\\')
            c++;
        else if (*c == '(')
            depth++;
        else if (*c == ')' && --depth == 0) {
            parser->c = c + 1;
            return;
        }
    }
    parser->open_comment = true;
    parser->c++;
}

/* The end of the quoted string at parser->c, or NULL. */
static const char *quote_end(const struct parser *parser)
{
    for (const char *c = parser->c + 1; c < parser->end; c++)
        if (*c == '\\')
            c++;
        else if (*c == '"')
            return c + 1;
    return NULL;
}

/* Whether a word after a blank continues the candidate (obsolete syntax: blanks around "." and "@")
 * or starts a new one. */
static bool joins(const struct parser *parser)
{
    const struct candidate *candidate = &parser->candidate;
    if (candidate->len == 0 || !parser->blank)
        return true;
    char last = candidate->text[candidate->len - 1];
    if (candidate->quoted_last)
        return false;
    if (last == '@' && candidate->at == candidate->len)
        return true;
    return last == '.' && (candidate->ats == 0 || parser->in_angle || candidate->dot_after_blank);
}

static void add_word(struct parser *parser, const char *word, size_t len, bool quoted)
{
    struct candidate *candidate = &parser->candidate;
    bool against_quote = candidate->len > 0 && (quoted || candidate->quoted_last) &&
                         candidate->text[candidate->len - 1] != '.' &&
                         candidate->text[candidate->len - 1] != '@';
    if (!joins(parser) || against_quote)
        end_candidate(parser);
    append(candidate, word, len);
    candidate->quoted_last = quoted;
    candidate->dot_after_blank = false;
    parser->blank = false;
}

static void read_atom(struct parser *parser)
{
    const char *c = parser->c;
    while (c < parser->end && is_atom(*c))
        c++;
    const char *start = parser->c;
    parser->c = c;
    add_word(parser, start, (size_t)(c - start), false);
}

/* White space is none, nor is the CR of a CRLF. */
static void note_control(struct parser *parser, const char *c)
{
    bool line_end = *c == '\n' || (*c == '\r' && c + 1 < parser->end && c[1] == '\n');
    parser->controls |= is_control(*c) && *c != '\t' && !line_end;
}

/* Control characters within the quotes are dropped. */
static void read_quoted(struct parser *parser)
{
    const char *close = quote_end(parser);
    if (close == NULL) {
        parser->open_quote = true;
        parser->c++;
        return;
    }
    char word[ADDRESS_MAX + 2];
    size_t len = 0;
    for (const char *c = parser->c; c < close && len <= ADDRESS_MAX; c++) {
        bool pair = *c == '\\';
        c += pair;
        if (is_control(*c)) {
            note_control(parser, c);
            continue;
        }
        if (pair)
            word[len++] = '\\';
        word[len++] = *c;
    }
    parser->c = close;
    add_word(parser, word, len, true);
}

/* The end of a domain literal, or NULL; it cannot contain the start of another address. */
static const char *literal_end(const struct parser *parser)
{
    for (const char *c = parser->c + 1; c < parser->end; c++) {
        if (*c == ']')
            return c + 1;
        if (strchr("[\\@<>,;\"(", *c) != NULL)
            return NULL;
    }
    return NULL;
}

static void read_literal(struct parser *parser)
{
    struct candidate *candidate = &parser->candidate;
    bool placed = candidate->at > 0 && candidate->at == candidate->len;
    const char *end = placed ? literal_end(parser) : NULL;
    if (end == NULL) {
        parser->blank = true;
        parser->c++;
        return;
    }
    for (const char *c = parser->c; c < end; c++)
        if (!is_control(*c) && *c != ' ')
            append(candidate, c, 1);
    parser->c = end;
    parser->blank = false;
}

static void read_at(struct parser *parser)
{
    struct candidate *candidate = &parser->candidate;
    append(candidate, "@", 1);
    candidate->at = candidate->len;
    candidate->ats++;
    candidate->quoted_last = false;
    parser->blank = false;
    parser->c++;
}

static void read_dot(struct parser *parser)
{
    append(&parser->candidate, ".", 1);
    parser->candidate.dot_after_blank = parser->blank;
    parser->candidate.quoted_last = false;
    parser->blank = false;
    parser->c++;
}

/* Whatever precedes "<" is a display name. */
static void open_angle(struct parser *parser)
{
    if (parser->in_angle)
        end_candidate(parser);
    else if (!parser->angle) {
        parser->named |= parser->words || parser->unread > 0 || *parser->first != '\0' ||
                         parser->candidate.len > 0;
        parser->unread = 0;
        *parser->first = '\0';
        address_list_clear(&parser->bare);
    }
    start_candidate(&parser->candidate);
    parser->in_angle = true;
    parser->words = false;
    parser->blank = false;
    parser->c++;
}

static void close_angle(struct parser *parser)
{
    end_candidate(parser);
    parser->in_angle = false;
    parser->blank = true;
    parser->c++;
}

/* Ends a route, a group name, or "mailto". */
static void read_colon(struct parser *parser)
{
    struct candidate *candidate = &parser->candidate;
    bool name = candidate->ats == 0 && memchr(candidate->text, '@', candidate->len) == NULL;
    if (name || (parser->in_angle && candidate->text[0] == '@'))
        start_candidate(candidate);
    else if (parser->in_angle)
        end_candidate(parser);
    else
        next_element(parser);
    parser->words = false;
    parser->blank = false;
    parser->c++;
}

static void read_separator(struct parser *parser)
{
    bool in_route = parser->in_angle && parser->candidate.len > 0 &&
                    parser->candidate.text[0] == '@' && *parser->c == ',';
    if (in_route)
        start_candidate(&parser->candidate);
    else
        next_element(parser);
    parser->blank = false;
    parser->c++;
}

static void step(struct parser *parser)
{
    char c = *parser->c;
    if (c == '(' && !parser->open_comment) {
        skip_comment(parser);
        parser->blank = true;
    } else if (c == '"' && !parser->open_quote) {
        read_quoted(parser);
    } else if (c == '[') {
        read_literal(parser);
    } else if (c == '@') {
        read_at(parser);
    } else if (c == '.') {
        read_dot(parser);
    } else if (c == '<') {
        open_angle(parser);
    } else if (c == '>') {
        close_angle(parser);
    } else if (c == ':') {
        read_colon(parser);
    } else if (c == ',' || c == ';') {
        read_separator(parser);
    } else if (is_atom(c)) {
        read_atom(parser);
    } else { /* white space, controls, and misplaced specials */
        note_control(parser, parser->c);
        parser->blank = true;
        parser->c++;
    }
}

void address_list_parse(struct address_list *list, const char *text, size_t len)
{
    struct parser parser = {.list = list, .c = text, .end = text + len, .element = text};
    while (parser.c < parser.end)
        step(&parser);
    end_element(&parser);
    assert(parser.bare.addresses == NULL && parser.bare.slots == NULL);
}

/* ---- whatever looks like an address ---- */

static bool is_local(char c)
{
    return is_atom(c) || c == '.';
}

/* Between hyphens, dots and letters, other characters are not part of a domain for any reader. */
static bool is_host(char c)
{
    char lower = octet_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || (unsigned char)c >= 0x80;
}

/* The runs of characters before and after the "@"; each character is visited at most twice. */
static void scan_at(struct address_list *list, const char *text, const char *at, const char *end)
{
    const char *local = at, *host = at + 1;
    while (local > text && is_local(local[-1]))
        local--;
    while (host < end && is_host(*host))
        host++;
    while (local < at && (*local == '.' || *local == '\'' || *local == '='))
        local++;
    while (host > at + 1 && (host[-1] == '.' || host[-1] == '-'))
        host--;
    size_t len = (size_t)(host - local);
    if (local == at || host == at + 1 || at[1] == '.')
        return;
    if (len > ADDRESS_MAX) {
        list->skipped++;
        return;
    }
    char address[ADDRESS_MAX + 1];
    memcpy(address, local, len);
    address[len] = '\0';
    add_or_count(list, address);
}

void address_list_scan(struct address_list *list, const char *text, size_t len)
{
    const char *end = text + len, *at = text;
    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL)
        scan_at(list, text, at++, end);
}
