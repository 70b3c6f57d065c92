#include "imapclient/grammar/private.h"

#include <string.h>

bool grammar_status_word(struct scan *scan, enum imap_status *status)
{
    static const struct {
        const char *name;
        enum imap_status status;
    } table[] = {
        {"OK", IMAP_OK},   {"NO", IMAP_NO},           {"BAD", IMAP_BAD},
        {"BYE", IMAP_BYE}, {"PREAUTH", IMAP_PREAUTH},
    };
    struct scan ahead = *scan;
    struct span word;
    if (!scan_word(&ahead, &word))
        return false;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (span_is(word, table[i].name)) {
            *status = table[i].status;
            *scan = ahead;
            return true;
        }
    }
    return false;
}

/* What follows the name of a code. */
enum argument {
    ARGUMENT_ANY,       /* or nothing; stored in code_text */
    ARGUMENT_LIST,      /* stored in code_text without its parentheses */
    ARGUMENT_UID,       /* a number from 1 to 2^32-1 */
    ARGUMENT_MODSEQ,    /* a number up to 2^63-1, RFC 7162 section 7 */
    ARGUMENT_APPENDUID, /* uidvalidity SP uid-set */
    ARGUMENT_COPYUID,   /* uidvalidity SP uid-set SP uid-set */
};

struct code {
    const char *name;
    enum imap_code code;
    enum argument argument;
};

static const struct code codes[] = {
    {"ALERT", IMAP_CODE_ALERT, ARGUMENT_ANY},
    {"CAPABILITY", IMAP_CODE_CAPABILITY, ARGUMENT_ANY},
    {"UIDVALIDITY", IMAP_CODE_UIDVALIDITY, ARGUMENT_UID},
    {"UIDNEXT", IMAP_CODE_UIDNEXT, ARGUMENT_UID},
    {"HIGHESTMODSEQ", IMAP_CODE_HIGHESTMODSEQ, ARGUMENT_MODSEQ},
    {"NOMODSEQ", IMAP_CODE_NOMODSEQ, ARGUMENT_ANY},
    {"APPENDUID", IMAP_CODE_APPENDUID, ARGUMENT_APPENDUID},
    {"COPYUID", IMAP_CODE_COPYUID, ARGUMENT_COPYUID},
    {"PERMANENTFLAGS", IMAP_CODE_PERMANENTFLAGS, ARGUMENT_LIST},
    {"READ-ONLY", IMAP_CODE_READ_ONLY, ARGUMENT_ANY},
    {"READ-WRITE", IMAP_CODE_READ_WRITE, ARGUMENT_ANY},
    {"TRYCREATE", IMAP_CODE_TRYCREATE, ARGUMENT_ANY},
    {"NONEXISTENT", IMAP_CODE_NONEXISTENT, ARGUMENT_ANY},
    {"AUTHENTICATIONFAILED", IMAP_CODE_AUTHENTICATIONFAILED, ARGUMENT_ANY},
    {"AUTHORIZATIONFAILED", IMAP_CODE_AUTHORIZATIONFAILED, ARGUMENT_ANY},
    {"EXPIRED", IMAP_CODE_EXPIRED, ARGUMENT_ANY},
    {"UNAVAILABLE", IMAP_CODE_UNAVAILABLE, ARGUMENT_ANY},
    {"INUSE", IMAP_CODE_INUSE, ARGUMENT_ANY},
    {"LIMIT", IMAP_CODE_LIMIT, ARGUMENT_ANY},
    {"OVERQUOTA", IMAP_CODE_OVERQUOTA, ARGUMENT_ANY},
    {"TOOBIG", IMAP_CODE_TOOBIG, ARGUMENT_ANY},
    {"CLOSED", IMAP_CODE_CLOSED, ARGUMENT_ANY},
    {"MAILBOXID", IMAP_CODE_MAILBOXID, ARGUMENT_LIST},
    {"NOTIFICATIONOVERFLOW", IMAP_CODE_NOTIFICATIONOVERFLOW, ARGUMENT_ANY},
    {"BADEVENT", IMAP_CODE_BADEVENT, ARGUMENT_ANY},
    {"BADCHARSET", IMAP_CODE_BADCHARSET, ARGUMENT_ANY},
    {"UNKNOWN-CTE", IMAP_CODE_UNKNOWN_CTE, ARGUMENT_ANY},
    {"THROTTLED", IMAP_CODE_THROTTLED, ARGUMENT_ANY},
    {"SERVERBUG", IMAP_CODE_SERVERBUG, ARGUMENT_ANY},
    {"NOPERM", IMAP_CODE_NOPERM, ARGUMENT_ANY},
    {"CANNOT", IMAP_CODE_CANNOT, ARGUMENT_ANY},
    {"ALREADYEXISTS", IMAP_CODE_ALREADYEXISTS, ARGUMENT_ANY},
};

static const struct code *find_code(struct span name)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (span_is(name, codes[i].name))
            return &codes[i];
    return NULL;
}

/* A set without "*", which is not allowed in a reply. */
static bool read_set(struct scan *scan, struct imap_uidset *set)
{
    struct span word;
    return scan_spaces(scan) && scan_word(scan, &word) && memchr(word.at, '*', word.len) == NULL &&
           imap_uidset_parse(set, word.at, word.len);
}

static bool read_uid_sets(struct scan *arguments, enum argument kind, struct imap_text *text)
{
    uint64_t uidvalidity;
    if (!scan_number(arguments, UINT32_MAX, &uidvalidity) || uidvalidity == 0)
        return false;
    text->uidvalidity = (uint32_t)uidvalidity;
    /* The second set of COPYUID replaces the first. */
    return read_set(arguments, &text->uids) &&
           (kind == ARGUMENT_APPENDUID || read_set(arguments, &text->uids));
}

static bool read_list(struct grammar *grammar, struct scan *arguments, struct imap_text *text)
{
    struct span list;
    if (!scan_value(arguments, &list) || list.len < 2 || list.at[0] != '(')
        return false;
    text->code_text = span_printable((struct span){list.at + 1, list.len - 2}, &grammar->arena);
    return true;
}

static bool read_argument(struct grammar *grammar, struct scan arguments, enum argument kind,
                          struct imap_text *text)
{
    bool read = false;
    switch (kind) {
    case ARGUMENT_ANY:
        return true;
    case ARGUMENT_LIST:
        read = read_list(grammar, &arguments, text);
        break;
    case ARGUMENT_UID:
        read = scan_number(&arguments, UINT32_MAX, &text->number) && text->number != 0;
        break;
    case ARGUMENT_MODSEQ:
        read = scan_number(&arguments, INT64_MAX, &text->number);
        break;
    case ARGUMENT_APPENDUID:
    case ARGUMENT_COPYUID:
        read = read_uid_sets(&arguments, kind, text);
        break;
    }
    return read && scan_is_done(&arguments);
}

/* A malformed code becomes IMAP_CODE_OTHER, without numbers. */
static void read_code(struct grammar *grammar, struct span inside, struct imap_text *text)
{
    struct scan scan = {inside.at, inside.at + inside.len};
    struct span name = {0};
    scan_spaces(&scan);
    if (!scan_word(&scan, &name))
        return;
    scan_spaces(&scan);
    struct span rest = {scan.at, (size_t)(scan.end - scan.at)};
    text->code_text = span_printable(rest, &grammar->arena);
    const struct code *known = find_code(name);
    text->code = known != NULL ? known->code : IMAP_CODE_OTHER;
    if (known == NULL || read_argument(grammar, scan, known->argument, text))
        return;
    text->code = IMAP_CODE_OTHER;
    text->number = 0;
    text->uidvalidity = 0;
    imap_uidset_clear(&text->uids);
}

/* The "]" of a code, which may contain lists and strings with brackets in them; if those are not
 * closed, the first "]". NULL: there is none. */
static const char *code_end(const char *at, const char *end)
{
    struct scan scan = {at, end};
    while (scan.at < end && *scan.at != ']') {
        struct span passed;
        if (*scan.at != '(' && *scan.at != '"')
            scan.at++;
        else if (!scan_value(&scan, &passed))
            break;
    }
    if (scan.at < end && *scan.at == ']')
        return scan.at;
    return memchr(at, ']', (size_t)(end - at));
}

void grammar_text(struct grammar *grammar, struct scan *scan, struct imap_text *text)
{
    text->code = IMAP_CODE_NONE;
    text->code_text = text->text = "";
    scan_spaces(scan);
    if (scan->at < scan->end && *scan->at == '[') {
        const char *inside = scan->at + 1, *close = code_end(inside, scan->end);
        if (close != NULL) {
            read_code(grammar, (struct span){inside, (size_t)(close - inside)}, text);
            scan->at = close + 1;
            scan_spaces(scan);
        }
    }
    struct span rest = {scan->at, (size_t)(scan->end - scan->at)};
    text->text = span_printable(rest, &grammar->arena);
}
