#include "imapclient/wire/framing.h"

#include <assert.h>
#include <ctype.h>

#include "imapclient/util/memory.h"

#define WORD_MAX 16 /* longer than any word that is compared */

/* What the next octet is. */
enum state {
    STATE_LINE,
    STATE_CR,       /* after a CR that is not yet in the unit */
    STATE_COUNT,    /* the digits after "{" */
    STATE_BRACE,    /* after the "}" */
    STATE_BRACE_CR, /* after the "}" CR */
    STATE_LITERAL,  /* `left` octets of a literal that belongs to the unit */
    STATE_BODY,     /* `left` octets of a body literal */
};

/* The syntax of the line. Human text has no strings, literals or depth, whatever it looks like:
 * "A1 NO no such folder: (((" is one line. */
enum line {
    LINE_BEGINS,
    LINE_TEXT, /* tagged, "+", or untagged OK, NO, BAD, BYE, PREAUTH */
    LINE_DATA,
    LINE_FETCH,
};

struct framing {
    struct framing_sink sink;
    void *arg;
    uint64_t body_max;
    const char *reason;
    bool stop, delivering, shrink_wanted;

    char *unit;
    size_t len, room;

    enum state state;
    enum line line;
    unsigned words;          /* finished ones, while LINE_BEGINS */
    char word[WORD_MAX + 1]; /* the word being read, in upper case */
    size_t word_len;         /* may exceed WORD_MAX: then word is truncated */
    unsigned depth;
    bool quoted, escaped;
    bool section;   /* inside the brackets of BODY[...] */
    bool body_next; /* a literal now would be a body */

    size_t literal_at;     /* position of its "{" or "~{" in the unit */
    uint64_t literal_size; /* UINT64_MAX: the number was too large */
    bool literal_plus;
    unsigned literals;
    uint64_t left;
};

struct framing *framing_new(const struct framing_sink *sink, void *arg, uint64_t body_max)
{
    struct framing *framing = xcalloc(1, sizeof(*framing));
    framing->sink = *sink;
    framing->arg = arg;
    framing->body_max = body_max;
    return framing;
}

void framing_free(struct framing *framing)
{
    if (framing == NULL)
        return;
    assert(!framing->delivering);
    free(framing->unit);
    free(framing);
}

void framing_stop(struct framing *framing)
{
    framing->stop = true;
}

const char *framing_reason(const struct framing *framing)
{
    return framing->reason != NULL ? framing->reason : "";
}

bool framing_is_between_units(const struct framing *framing)
{
    return framing->state == STATE_LINE && framing->len == 0;
}

void framing_shrink(struct framing *framing)
{
    if (framing->delivering) {
        framing->shrink_wanted = true;
        return;
    }
    if (!framing_is_between_units(framing))
        return;
    free(framing->unit);
    framing->unit = NULL;
    framing->room = 0;
}

static void break_frame(struct framing *framing, const char *reason)
{
    framing->reason = reason;
}

/* Makes room for more octets and a NUL. false: the unit is too long, the frame is broken. */
static bool make_room(struct framing *framing, size_t more)
{
    if (more > FRAMING_UNIT_MAX - framing->len) {
        break_frame(framing, "response longer than 1 MiB");
        return false;
    }
    size_t wanted = framing->len + more + 1;
    if (wanted <= framing->room)
        return true;
    size_t room = framing->room == 0 ? 256 : framing->room;
    while (room < wanted)
        room *= 2;
    framing->unit = xrealloc(framing->unit, room);
    framing->room = room;
    return true;
}

static void append(struct framing *framing, const void *octets, size_t len)
{
    if (!make_room(framing, len))
        return;
    assert(framing->len + len < framing->room);
    memcpy(framing->unit + framing->len, octets, len);
    framing->len += len;
}

static void append_octet(struct framing *framing, unsigned char octet)
{
    if (framing->len + 1 >= framing->room || framing->len >= FRAMING_UNIT_MAX) {
        if (!make_room(framing, 1))
            return;
    }
    framing->unit[framing->len++] = (char)octet;
}

/* ---- the end of a line ---- */

static void begin_unit(struct framing *framing)
{
    framing->len = 0;
    framing->state = STATE_LINE;
    framing->line = LINE_BEGINS;
    framing->words = framing->depth = framing->literals = 0;
    framing->word_len = 0;
    framing->quoted = framing->escaped = framing->section = framing->body_next = false;
}

static void finish_unit(struct framing *framing)
{
    if (!make_room(framing, 0))
        return;
    size_t len = framing->len;
    framing->unit[len] = '\0';
    begin_unit(framing);
    framing->delivering = true;
    framing->sink.unit(framing->arg, framing->unit, len);
    framing->delivering = false;
    if (framing->shrink_wanted) {
        framing->shrink_wanted = false;
        framing_shrink(framing);
    }
}

static void begin_body(struct framing *framing)
{
    if (framing->body_max != 0 && framing->literal_size > framing->body_max) {
        break_frame(framing, "message larger than the limit");
        return;
    }
    assert(framing->literal_at < framing->len);
    /* The "{n}" is removed from the unit; finish_body() adds NIL. */
    framing->len = framing->literal_at;
    size_t head = framing->len;
    while (head > 0 && framing->unit[head - 1] == ' ')
        head--;
    framing->unit[framing->len] = '\0';
    framing->state = STATE_BODY;
    framing->left = framing->literal_size;
    framing->sink.body_begin(framing->arg, framing->unit, head, framing->literal_size);
}

static void finish_body(struct framing *framing)
{
    assert(framing->state == STATE_BODY && framing->left == 0 && framing->len > 0);
    framing->state = STATE_LINE;
    framing->body_next = false;
    framing->word_len = 0;
    append(framing, " NIL", framing->unit[framing->len - 1] == ' ' ? 0 : 1);
    append(framing, "NIL", 3);
    framing->sink.body_end(framing->arg);
}

static void begin_unit_literal(struct framing *framing)
{
    if (framing->literal_size > FRAMING_UNIT_MAX ||
        framing->literal_size > FRAMING_UNIT_MAX - framing->len) {
        break_frame(framing, "literal too large outside a message body");
        return;
    }
    append(framing, "\r\n", 2);
    framing->state = STATE_LITERAL;
    framing->left = framing->literal_size;
}

static void begin_literal(struct framing *framing)
{
    if (framing->literal_size == UINT64_MAX) {
        break_frame(framing, "literal size out of range");
        return;
    }
    if (++framing->literals > FRAMING_LITERALS_MAX) {
        break_frame(framing, "too many literals in one response");
        return;
    }
    framing->word_len = 0;
    if (framing->body_next)
        begin_body(framing);
    else
        begin_unit_literal(framing);
}

/* ---- the octets of a line ---- */

static bool word_is(const struct framing *framing, const char *text)
{
    return framing->word_len <= WORD_MAX && strcmp(framing->word, text) == 0;
}

static bool word_is_number(const struct framing *framing)
{
    return framing->word_len <= WORD_MAX &&
           strspn(framing->word, "0123456789") == framing->word_len;
}

static bool word_is_status(const struct framing *framing)
{
    return word_is(framing, "OK") || word_is(framing, "NO") || word_is(framing, "BAD") ||
           word_is(framing, "BYE") || word_is(framing, "PREAUTH");
}

/* The first words determine the syntax of the line: "* OK", "* 12 FETCH", "* LIST", "A1". */
static void classify(struct framing *framing)
{
    unsigned word = framing->words++;
    if (word == 0)
        framing->line = word_is(framing, "*") ? LINE_BEGINS : LINE_TEXT;
    else if (word == 1 && word_is_status(framing))
        framing->line = LINE_TEXT;
    else if (word == 2 && word_is(framing, "FETCH"))
        framing->line = LINE_FETCH;
    else if (word == 2 || !word_is_number(framing))
        framing->line = LINE_DATA;
}

static void end_word(struct framing *framing)
{
    if (framing->word_len == 0)
        return;
    framing->word[framing->word_len <= WORD_MAX ? framing->word_len : WORD_MAX] = '\0';
    if (framing->line == LINE_BEGINS)
        classify(framing);
    else if (framing->line == LINE_FETCH && framing->depth == 1)
        framing->body_next = word_is(framing, "RFC822") || word_is(framing, "RFC822.TEXT") ||
                             word_is(framing, "RFC822.HEADER") ||
                             (framing->body_next && framing->word[0] == '<');
    framing->word_len = 0;
}

static void extend_word(struct framing *framing, unsigned char octet)
{
    if (framing->word_len < WORD_MAX)
        framing->word[framing->word_len] = (char)toupper(octet);
    if (framing->word_len <= WORD_MAX)
        framing->word_len++;
}

static void open_list(struct framing *framing)
{
    end_word(framing);
    framing->body_next = false;
    if (framing->line == LINE_BEGINS)
        framing->line = framing->words == 0 ? LINE_TEXT : LINE_DATA;
    if (framing->line != LINE_TEXT && ++framing->depth > FRAMING_DEPTH_MAX)
        break_frame(framing, "lists nested too deeply");
}

static void close_list(struct framing *framing)
{
    end_word(framing);
    framing->body_next = false;
    if (framing->depth > (framing->section ? 2 : 0))
        framing->depth--;
}

/* Only the brackets of BODY[...] and BINARY[...] nest: users may choose mailbox names and keywords
 * that contain "[". */
static bool opens_section(struct framing *framing)
{
    if (framing->line != LINE_FETCH || framing->depth != 1 || framing->word_len > WORD_MAX)
        return false;
    framing->word[framing->word_len] = '\0';
    return word_is(framing, "BODY") || word_is(framing, "BINARY");
}

static void open_section(struct framing *framing)
{
    framing->word_len = 0;
    framing->section = true;
    framing->depth = 2;
}

static void close_section(struct framing *framing)
{
    framing->word_len = 0;
    framing->section = false;
    framing->depth = 1;
    framing->body_next = true;
}

static void open_quoted(struct framing *framing)
{
    end_word(framing);
    framing->body_next = false;
    if (framing->line == LINE_BEGINS)
        framing->line = framing->words == 0 ? LINE_TEXT : LINE_DATA;
    framing->quoted = framing->line != LINE_TEXT;
}

static bool begins_literal(const struct framing *framing)
{
    return (framing->line == LINE_DATA || framing->line == LINE_FETCH) &&
           (framing->word_len == 0 || (framing->word_len == 1 && framing->word[0] == '~'));
}

static void open_count(struct framing *framing)
{
    framing->state = STATE_COUNT;
    framing->literal_at = framing->len - 1 - framing->word_len;
    framing->literal_size = 0;
    framing->literal_plus = false;
    framing->word_len = WORD_MAX + 1; /* if not a literal, then not a known word either */
}

static void quoted_octet(struct framing *framing, unsigned char octet)
{
    if (framing->escaped)
        framing->escaped = false;
    else if (octet == '\\')
        framing->escaped = true;
    else if (octet == '"')
        framing->quoted = false;
}

/* An octet of a line other than its end, already added to the unit. */
static void line_octet(struct framing *framing, unsigned char octet)
{
    if (framing->line == LINE_TEXT)
        return;
    if (framing->quoted) {
        quoted_octet(framing, octet);
        return;
    }
    if (octet == ' ')
        end_word(framing);
    else if (octet == '(')
        open_list(framing);
    else if (octet == ')')
        close_list(framing);
    else if (octet == '"')
        open_quoted(framing);
    else if (octet == '[' && opens_section(framing))
        open_section(framing);
    else if (octet == ']' && framing->section && framing->depth == 2)
        close_section(framing);
    else if (octet == '{' && begins_literal(framing))
        open_count(framing);
    else
        extend_word(framing, octet);
}

static void process_in_line(struct framing *framing, unsigned char octet)
{
    if (octet == '\r') {
        framing->state = STATE_CR;
    } else if (octet == '\n') {
        finish_unit(framing);
    } else if (octet == '\0') {
        break_frame(framing, "NUL in a response");
    } else {
        append_octet(framing, octet);
        line_octet(framing, octet);
    }
}

/* A CR without LF is an octet of the line like any other. */
static void process_after_cr(struct framing *framing, unsigned char octet)
{
    framing->state = STATE_LINE;
    if (octet != '\n') {
        append_octet(framing, '\r');
        line_octet(framing, '\r');
    }
    if (framing->reason == NULL)
        process_in_line(framing, octet);
}

static void process_count(struct framing *framing, unsigned char octet)
{
    if (octet >= '0' && octet <= '9' && !framing->literal_plus) {
        uint64_t digit = (uint64_t)(octet - '0');
        if (framing->literal_size > (INT64_MAX - digit) / 10)
            framing->literal_size = UINT64_MAX;
        else
            framing->literal_size = framing->literal_size * 10 + digit;
        append_octet(framing, octet);
        return;
    }
    bool has_digits = framing->unit[framing->len - 1] != '{';
    if (octet == '+' && has_digits && !framing->literal_plus) {
        framing->literal_plus = true;
        append_octet(framing, octet);
    } else if (octet == '}' && has_digits) {
        framing->state = STATE_BRACE;
        append_octet(framing, octet);
    } else {
        framing->state = STATE_LINE;
        process_in_line(framing, octet);
    }
}

static void process_after_brace(struct framing *framing, unsigned char octet)
{
    if (octet == '\n') {
        begin_literal(framing);
    } else if (octet == '\r' && framing->state == STATE_BRACE) {
        framing->state = STATE_BRACE_CR;
    } else if (framing->state == STATE_BRACE_CR) {
        process_after_cr(framing, octet);
    } else {
        framing->state = STATE_LINE;
        process_in_line(framing, octet);
    }
}

static void process_octet(struct framing *framing, unsigned char octet)
{
    switch (framing->state) {
    case STATE_LINE:
        process_in_line(framing, octet);
        break;
    case STATE_CR:
        process_after_cr(framing, octet);
        break;
    case STATE_COUNT:
        process_count(framing, octet);
        break;
    case STATE_BRACE:
    case STATE_BRACE_CR:
        process_after_brace(framing, octet);
        break;
    case STATE_LITERAL:
    case STATE_BODY:
        assert(false); /* handled by process_literal() */
        break;
    }
}

/* Consumes octets of a literal, or ends it, which needs none. Returns how many were consumed. */
static size_t process_literal(struct framing *framing, const unsigned char *data, size_t len)
{
    size_t part = framing->left < len ? (size_t)framing->left : len;
    if (framing->left == 0) {
        if (framing->state == STATE_BODY)
            finish_body(framing);
        else
            framing->state = STATE_LINE;
        return 0;
    }
    framing->left -= part;
    if (framing->state == STATE_BODY)
        framing->sink.body_data(framing->arg, data, part);
    else
        append(framing, data, part);
    return part;
}

static bool in_literal(const struct framing *framing)
{
    return framing->state == STATE_LITERAL || framing->state == STATE_BODY;
}

enum framing_result framing_feed(struct framing *framing, const unsigned char *data, size_t len,
                                 size_t *used)
{
    assert(!framing->delivering);
    size_t at = 0;
    framing->stop = false;
    while (framing->reason == NULL && !framing->stop) {
        bool ends_literal = in_literal(framing) && framing->left == 0;
        if (at == len && !ends_literal)
            break;
        if (in_literal(framing))
            at += process_literal(framing, data + at, len - at);
        else
            process_octet(framing, data[at++]);
    }
    *used = at;
    return framing->reason == NULL ? FRAMING_OK : FRAMING_BROKEN;
}
