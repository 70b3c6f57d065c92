#include "imapclient/grammar/grammar.h"

#include "imapclient/grammar/etpan.h"
#include "imapclient/grammar/private.h"
#include "imapclient/util/memory.h"

struct grammar *grammar_new(void)
{
    struct grammar *grammar = xcalloc(1, sizeof(*grammar));
    grammar->etpan = etpan_new();
    return grammar;
}

/* Frees the last response. */
static void reset_response(struct grammar *grammar)
{
    imap_uidset_clear(&grammar->response.text.uids);
    imap_uidset_clear(&grammar->response.untagged.text.uids);
    imap_uidset_clear(&grammar->response.untagged.uids);
    arena_reset(&grammar->arena);
    memset(&grammar->response, 0, sizeof(grammar->response));
    memset(&grammar->inline_body, 0, sizeof(grammar->inline_body));
}

void grammar_free(struct grammar *grammar)
{
    if (grammar == NULL)
        return;
    reset_response(grammar);
    arena_free(&grammar->arena);
    etpan_free(grammar->etpan);
    free(grammar);
}

/* ---- words ---- */

static void set_words(struct grammar *grammar, const struct words *words)
{
    grammar->response.untagged.words = words->words;
    grammar->response.untagged.n_words = words->count;
}

static bool read_words(struct grammar *grammar, struct scan *scan)
{
    struct words words = {0};
    struct span word;
    while (scan_spaces(scan), scan_word(scan, &word))
        words_add(&words, &grammar->arena, arena_copy(&grammar->arena, word.at, word.len));
    set_words(grammar, &words);
    return scan_is_done(scan);
}

/* ---- simple enough without libetpan ---- */

static bool read_flags(struct grammar *grammar, struct scan *scan)
{
    struct words words = {0};
    struct span word;
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return false;
    while (scan_spaces(scan), scan_word(scan, &word))
        if (words.count < GRAMMAR_FLAGS_MAX)
            words_add(&words, &grammar->arena, arena_copy(&grammar->arena, word.at, word.len));
    set_words(grammar, &words);
    return scan_char(scan, ')') && scan_is_done(scan);
}

/* "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP number ")"], RFC 7162 section 3.1.5. */
static bool read_search(struct grammar *grammar, struct scan *scan)
{
    struct imap_uidset *uids = &grammar->response.untagged.uids;
    uint64_t number;
    struct span modseq;
    while (scan_spaces(scan), scan_number(scan, UINT32_MAX, &number))
        if (!imap_uidset_add(uids, (uint32_t)number, (uint32_t)number))
            return false;
    if (scan->at < scan->end && *scan->at == '(' && !scan_value(scan, &modseq))
        return false;
    return scan_is_done(scan);
}

/* "VANISHED" [SP "(EARLIER)"] SP known-uids, RFC 7162 section 3.2.10. */
static bool read_vanished(struct grammar *grammar, struct scan *scan)
{
    struct imap_untagged *untagged = &grammar->response.untagged;
    struct span word;
    scan_spaces(scan);
    if (scan_char(scan, '(')) {
        scan_spaces(scan);
        if (!scan_word(scan, &word) || !span_is(word, "EARLIER"))
            return false;
        scan_spaces(scan);
        if (!scan_char(scan, ')'))
            return false;
        untagged->earlier = true;
        scan_spaces(scan);
    }
    return scan_word(scan, &word) && memchr(word.at, '*', word.len) == NULL &&
           imap_uidset_parse(&untagged->uids, word.at, word.len) && scan_is_done(scan);
}

/* "ID" SP ("NIL" / "(" *(string SP nstring) ")"), RFC 2971; a value of NIL becomes "". */
static bool read_id(struct grammar *grammar, struct scan *scan)
{
    struct words words = {0};
    struct span text;
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return scan_word(scan, &text) && span_is(text, "NIL");
    for (;;) {
        scan_spaces(scan);
        if (scan_char(scan, ')'))
            break;
        bool is_string = scan->at < scan->end && *scan->at == '"';
        if (!scan_astring(scan, &grammar->arena, &text))
            return false;
        if (!is_string && span_is(text, "NIL"))
            text.len = 0;
        words_add(&words, &grammar->arena, span_printable(text, &grammar->arena));
    }
    set_words(grammar, &words);
    return words.count % 2 == 0 && scan_is_done(scan);
}

static bool read_untagged_text(struct grammar *grammar, struct scan *scan)
{
    grammar_text(grammar, scan, &grammar->response.untagged.text);
    return true;
}

/* ---- untagged responses ---- */

struct reader {
    const char *name;
    enum imap_untagged_kind kind;
    bool (*read)(struct grammar *grammar, struct scan *scan);
};

static const struct reader readers[] = {
    {"CAPABILITY", IMAP_UNTAGGED_CAPABILITY, read_words},
    {"ENABLED", IMAP_UNTAGGED_ENABLED, read_words},
    {"FLAGS", IMAP_UNTAGGED_FLAGS, read_flags},
    {"ID", IMAP_UNTAGGED_ID, read_id},
    {"LIST", IMAP_UNTAGGED_LIST, grammar_list},
    {"LSUB", IMAP_UNTAGGED_LIST, grammar_list},
    {"NAMESPACE", IMAP_UNTAGGED_NAMESPACE, grammar_namespace},
    {"QUOTA", IMAP_UNTAGGED_QUOTA, grammar_quota},
    {"SEARCH", IMAP_UNTAGGED_SEARCH, read_search},
    {"STATUS", IMAP_UNTAGGED_STATUS_DATA, grammar_mailbox_status},
    {"VANISHED", IMAP_UNTAGGED_VANISHED, read_vanished},
};

static bool read_named(struct grammar *grammar, struct scan *scan)
{
    struct imap_untagged *untagged = &grammar->response.untagged;
    struct span name;
    untagged->kind = IMAP_UNTAGGED_STATUS;
    if (grammar_status_word(scan, &untagged->text.status))
        return read_untagged_text(grammar, scan);
    if (!scan_word(scan, &name))
        return false;
    for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++) {
        if (span_is(name, readers[i].name)) {
            untagged->kind = readers[i].kind;
            return readers[i].read(grammar, scan);
        }
    }
    return false;
}

/* number SP ("EXISTS" / "RECENT" / "EXPUNGE" / "FETCH" ...); DavMail sends two spaces before it. */
static bool read_numbered(struct grammar *grammar, struct scan *scan, uint64_t number,
                          bool body_streamed)
{
    struct imap_untagged *untagged = &grammar->response.untagged;
    struct span name;
    untagged->number = (uint32_t)number;
    if (!scan_spaces(scan) || !scan_word(scan, &name))
        return false;
    if (span_is(name, "FETCH")) {
        untagged->kind = IMAP_UNTAGGED_FETCH;
        untagged->fetch.seq = (uint32_t)number;
        return number != 0 && grammar_fetch(grammar, scan, body_streamed);
    }
    if (span_is(name, "EXISTS"))
        untagged->kind = IMAP_UNTAGGED_EXISTS;
    else if (span_is(name, "RECENT"))
        untagged->kind = IMAP_UNTAGGED_RECENT;
    else if (span_is(name, "EXPUNGE") && number != 0)
        untagged->kind = IMAP_UNTAGGED_EXPUNGE;
    else
        return false;
    return scan_is_done(scan);
}

static bool read_untagged(struct grammar *grammar, struct scan *scan, bool body_streamed)
{
    uint64_t number;
    grammar->response.kind = IMAP_RESPONSE_UNTAGGED;
    if (!scan_spaces(scan))
        return false;
    if (scan_number(scan, UINT32_MAX, &number))
        return read_numbered(grammar, scan, number, body_streamed);
    return read_named(grammar, scan);
}

/* ---- the other two kinds ---- */

/* "+" [SP text]; some servers omit the space. */
static bool read_continuation(struct grammar *grammar, struct scan *scan)
{
    struct imap_response *response = &grammar->response;
    response->kind = IMAP_RESPONSE_CONTINUE;
    scan_spaces(scan);
    struct span text = {scan->at, (size_t)(scan->end - scan->at)};
    response->text.code_text = "";
    response->text.text = span_printable(text, &grammar->arena);
    return true;
}

/* tag SP ("OK" / "NO" / "BAD") SP resp-text. */
static bool read_tagged(struct grammar *grammar, struct scan *scan)
{
    struct imap_response *response = &grammar->response;
    struct span tag;
    if (!scan_word(scan, &tag) || !span_is_atom(tag) || !scan_spaces(scan) ||
        !grammar_status_word(scan, &response->text.status) || response->text.status > IMAP_BAD)
        return false;
    response->kind = IMAP_RESPONSE_TAGGED;
    response->tag = arena_copy(&grammar->arena, tag.at, tag.len);
    grammar_text(grammar, scan, &response->text);
    return true;
}

static bool read_response(struct grammar *grammar, struct scan *scan, bool body_streamed)
{
    if (scan_char(scan, '*'))
        return read_untagged(grammar, scan, body_streamed);
    if (scan_char(scan, '+'))
        return read_continuation(grammar, scan);
    return read_tagged(grammar, scan);
}

const struct imap_response *grammar_parse(struct grammar *grammar, const char *unit, size_t len,
                                          bool body_streamed,
                                          const struct imap_inline_body **inline_body)
{
    struct scan scan = {unit, unit + len};
    reset_response(grammar);
    bool understood = read_response(grammar, &scan, body_streamed);
    if (!understood) {
        reset_response(grammar);
        grammar->response.kind = IMAP_RESPONSE_UNTAGGED;
        grammar->response.untagged.kind = IMAP_UNTAGGED_OTHER;
    }
    if (inline_body != NULL)
        *inline_body = grammar->inline_body.data != NULL ? &grammar->inline_body : NULL;
    return &grammar->response;
}
