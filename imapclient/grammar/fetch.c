/*
 * FETCH: the response is split into items first. Only well-formed items that libetpan knows are
 * passed to it, so that an unknown or malformed item does not affect the others.
 */
#include "imapclient/grammar/private.h"

#include <string.h>

#include "imapclient/grammar/etpan.h"

enum item {
    ITEM_NONE = 0,
    ITEM_UID = 1 << 0,
    ITEM_FLAGS = 1 << 1,
    ITEM_INTERNALDATE = 1 << 2,
    ITEM_SIZE = 1 << 3,
    ITEM_MODSEQ = 1 << 4,
    ITEM_EMAILID = 1 << 5,
    ITEM_BODY = 1 << 6, /* any BODY[...], BINARY[...], RFC822, RFC822.HEADER, RFC822.TEXT */
};

struct fetch {
    struct grammar *grammar;
    struct imap_fetch *result;
    struct words flags;
    struct span date;   /* as received, with its quotes; len 0: none */
    bool body_streamed; /* then NIL is only a placeholder */
    unsigned seen;      /* of enum item: only the first of each counts, which bounds their number */
    bool for_etpan;     /* something was added to its line */
};

static void add_item(struct fetch *fetch, const char *name, struct span value)
{
    struct etpan *etpan = fetch->grammar->etpan;
    if (fetch->for_etpan)
        etpan_add(etpan, " ", 1);
    etpan_add(etpan, name, strlen(name));
    etpan_add(etpan, " ", 1);
    etpan_add(etpan, value.at, value.len);
    fetch->for_etpan = true;
}

/* ---- what is safe to pass to libetpan ---- */

/* libetpan's numbers overflow silently. */
static bool is_number(struct span value, uint64_t max)
{
    struct scan scan = {value.at, value.at + value.len};
    uint64_t number;
    return scan_number(&scan, max, &number) && number != 0 && scan_is_done(&scan);
}

static bool is_modseq(struct span value)
{
    if (value.len < 3 || value.at[0] != '(' || value.at[value.len - 1] != ')')
        return false;
    return is_number((struct span){value.at + 1, value.len - 2}, INT64_MAX);
}

/* The characters of a date-time, RFC 9051; libetpan parses it. */
static bool is_date(struct span value)
{
    if (value.len < 3 || value.len > 32 || value.at[0] != '"' || value.at[value.len - 1] != '"')
        return false;
    for (size_t i = 1; i < value.len - 1; i++) {
        char octet = value.at[i];
        bool alphanumeric = (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
                            (octet >= 'a' && octet <= 'z');
        if (!alphanumeric && strchr(" -+:", octet) == NULL)
            return false;
    }
    return true;
}

/* Keywords that are atoms, and the flags of RFC 9051 section 2.3.2. Users choose keywords, and "%"
 * in one makes libetpan reject the whole response; it parses "\Seenx" as two flags. */
static bool is_flag_for_etpan(struct span flag)
{
    static const char *const known[] = {"\\Seen",    "\\Answered", "\\Flagged",
                                        "\\Deleted", "\\Draft",    "\\Recent"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (span_is(flag, known[i]))
            return true;
    return span_is_atom(flag);
}

/* Flags that libetpan can parse are added to its line; others are copied as they are. */
static void read_flags(struct fetch *fetch, struct span value)
{
    struct scan scan = {value.at, value.at + value.len};
    struct span flag;
    struct etpan *etpan = fetch->grammar->etpan;
    if (!scan_char(&scan, '('))
        return;
    fetch->result->has_flags = true;
    add_item(fetch, "FLAGS", (struct span){"(", 1});
    for (size_t n = 0; n < GRAMMAR_FLAGS_MAX; n++) {
        scan_spaces(&scan);
        if (!scan_word(&scan, &flag))
            break;
        if (is_flag_for_etpan(flag)) {
            etpan_add(etpan, " ", 1);
            etpan_add(etpan, flag.at, flag.len);
        } else {
            words_add(&fetch->flags, &fetch->grammar->arena,
                      arena_copy(&fetch->grammar->arena, flag.at, flag.len));
        }
    }
    etpan_add(etpan, ")", 1);
}

/* ---- items that libetpan does not know, or cannot parse correctly ---- */

/* 64 bits, RFC 9051 section 7.5.2; libetpan has 32. */
static void read_size(struct fetch *fetch, struct span value)
{
    struct scan scan = {value.at, value.at + value.len};
    if (scan_number(&scan, INT64_MAX, &fetch->result->size) && scan_is_done(&scan))
        fetch->result->has_size = true;
}

/* objectid, RFC 8474 section 7: at most 255 of these characters. */
static bool is_object_id(struct span id)
{
    if (id.len == 0 || id.len > 255)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char octet = id.at[i];
        bool alphanumeric = (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
                            (octet >= 'a' && octet <= 'z');
        if (!alphanumeric && octet != '_' && octet != '-')
            return false;
    }
    return true;
}

static void read_email_id(struct fetch *fetch, struct span value)
{
    if (value.len >= 2 && value.at[0] == '(') {
        value.at++;
        value.len -= 2;
    }
    if (is_object_id(value) && !span_is(value, "NIL"))
        fetch->result->email_id = arena_copy(&fetch->grammar->arena, value.at, value.len);
}

/* If several are not NIL, the first one's octets are used. */
static void read_body(struct fetch *fetch, struct span section, struct span value)
{
    struct imap_inline_body *body = &fetch->grammar->inline_body;
    struct scan scan = {value.at, value.at + value.len};
    struct span text;
    fetch->result->has_body = true;
    if (span_is(value, "NIL"))
        fetch->result->body_is_nil = !fetch->body_streamed;
    if (body->data != NULL || !scan_string(&scan, &fetch->grammar->arena, &text))
        return;
    body->section = arena_copy(&fetch->grammar->arena, section.at, section.len);
    body->data = (const unsigned char *)text.at;
    body->len = text.len;
}

/* ---- items ---- */

struct item_name {
    struct span name; /* without section and origin */
    struct span section;
    bool has_section;
};

/* "[...]" and an optional "<0>" after BODY or BINARY. A section may contain lists and strings. */
static bool read_section(struct scan *scan, struct item_name *item)
{
    if (!scan_char(scan, '['))
        return true;
    const char *begin = scan->at;
    while (scan->at < scan->end && *scan->at != ']') {
        struct span passed;
        if (*scan->at != '(' && *scan->at != '"')
            scan->at++;
        else if (!scan_value(scan, &passed))
            return false;
    }
    item->section = (struct span){begin, (size_t)(scan->at - begin)};
    item->has_section = true;
    if (!scan_char(scan, ']'))
        return false;
    if (scan_char(scan, '<')) {
        uint64_t origin;
        return scan_number(scan, UINT64_MAX, &origin) && scan_char(scan, '>');
    }
    return true;
}

static bool read_name(struct scan *scan, struct item_name *item)
{
    struct span word;
    *item = (struct item_name){0};
    const char *begin = scan->at;
    if (!scan_word(scan, &word))
        return false;
    const char *bracket = memchr(word.at, '[', word.len);
    if (bracket == NULL) {
        item->name = word;
        return true;
    }
    item->name = (struct span){begin, (size_t)(bracket - begin)};
    scan->at = bracket;
    return read_section(scan, item);
}

static enum item item_kind(const struct item_name *item)
{
    static const struct {
        const char *name;
        enum item kind;
    } table[] = {
        {"UID", ITEM_UID},
        {"FLAGS", ITEM_FLAGS},
        {"INTERNALDATE", ITEM_INTERNALDATE},
        {"RFC822.SIZE", ITEM_SIZE},
        {"MODSEQ", ITEM_MODSEQ},
        {"EMAILID", ITEM_EMAILID},
        {"RFC822", ITEM_BODY},
        {"X-GM-MSGID", ITEM_EMAILID},
        {"RFC822.HEADER", ITEM_BODY},
        {"RFC822.TEXT", ITEM_BODY},
    };
    if (item->has_section)
        return span_is(item->name, "BODY") || span_is(item->name, "BINARY") ? ITEM_BODY : ITEM_NONE;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (span_is(item->name, table[i].name))
            return table[i].kind;
    return ITEM_NONE;
}

static struct span body_section(const struct item_name *item)
{
    if (item->has_section)
        return item->section;
    const struct span prefix = {"RFC822.", 7};
    if (item->name.len <= prefix.len)
        return (struct span){"", 0};
    return (struct span){item->name.at + prefix.len, item->name.len - prefix.len};
}

static void read_item(struct fetch *fetch, const struct item_name *item, struct span value)
{
    enum item kind = item_kind(item);
    if (kind == ITEM_NONE || (fetch->seen & kind) != 0)
        return;
    if (kind != ITEM_BODY)
        fetch->seen |= kind;
    switch (kind) {
    case ITEM_NONE:
        break;
    case ITEM_UID:
        if (is_number(value, UINT32_MAX))
            add_item(fetch, "UID", value);
        break;
    case ITEM_FLAGS:
        read_flags(fetch, value);
        break;
    case ITEM_INTERNALDATE:
        if (is_date(value))
            fetch->date = value;
        break;
    case ITEM_SIZE:
        read_size(fetch, value);
        break;
    case ITEM_MODSEQ:
        if (is_modseq(value))
            add_item(fetch, "MODSEQ", value);
        break;
    case ITEM_EMAILID:
        read_email_id(fetch, value);
        break;
    case ITEM_BODY:
        read_body(fetch, body_section(item), value);
        break;
    }
}

/* "(" item SP value ... ")". */
static bool read_items(struct fetch *fetch, struct scan *scan)
{
    scan_spaces(scan);
    if (!scan_char(scan, '('))
        return false;
    for (;;) {
        struct item_name item;
        struct span value;
        scan_spaces(scan);
        if (scan_char(scan, ')'))
            return scan_is_done(scan);
        if (!read_name(scan, &item))
            return false;
        scan_spaces(scan);
        if (!scan_value(scan, &value))
            return false;
        read_item(fetch, &item, value);
    }
}

/* ---- the result from libetpan ---- */

static const char *flag_text(const struct mailimap_flag *flag, struct arena *arena)
{
    switch (flag->fl_type) {
    case MAILIMAP_FLAG_ANSWERED:
        return "\\Answered";
    case MAILIMAP_FLAG_FLAGGED:
        return "\\Flagged";
    case MAILIMAP_FLAG_DELETED:
        return "\\Deleted";
    case MAILIMAP_FLAG_SEEN:
        return "\\Seen";
    case MAILIMAP_FLAG_DRAFT:
        return "\\Draft";
    case MAILIMAP_FLAG_KEYWORD:
        return arena_copy(arena, flag->fl_data.fl_keyword, strlen(flag->fl_data.fl_keyword));
    default:
        return NULL;
    }
}

static void copy_flags(struct fetch *fetch, const struct mailimap_msg_att_dynamic *dynamic)
{
    struct arena *arena = &fetch->grammar->arena;
    if (dynamic->att_list == NULL)
        return;
    for (clistiter *at = clist_begin(dynamic->att_list); at != NULL; at = clist_next(at)) {
        const struct mailimap_flag_fetch *flag = clist_content(at);
        const char *text = "\\Recent";
        if (flag->fl_type != MAILIMAP_FLAG_FETCH_RECENT)
            text = flag_text(flag->fl_flag, arena);
        if (text != NULL)
            words_add(&fetch->flags, arena, text);
    }
}

/* RFC 9051 date-time; false: out of range. */
static bool is_moment(const struct mailimap_date_time *date)
{
    int zone = date->dt_zone < 0 ? -date->dt_zone : date->dt_zone;
    return date->dt_day >= 1 && date->dt_day <= 31 && date->dt_month >= 1 && date->dt_month <= 12 &&
           date->dt_year >= 1 && date->dt_year <= 9999 && date->dt_hour >= 0 &&
           date->dt_hour <= 23 && date->dt_min >= 0 && date->dt_min <= 59 && date->dt_sec >= 0 &&
           date->dt_sec <= 60 && zone <= 2359 && zone % 100 <= 59;
}

static void copy_date(struct fetch *fetch, const struct mailimap_date_time *date)
{
    if (date == NULL || !is_moment(date))
        return;
    struct tm tm = {.tm_mday = date->dt_day,
                    .tm_mon = date->dt_month - 1,
                    .tm_year = date->dt_year - 1900,
                    .tm_hour = date->dt_hour,
                    .tm_min = date->dt_min,
                    .tm_sec = date->dt_sec};
    int zone = date->dt_zone / 100 * 60 + date->dt_zone % 100;
    time_t local = timegm(&tm);
    if (tm.tm_mday != date->dt_day)
        return; /* timegm() made another day of it: 31 Feb */
    fetch->result->has_internaldate = true;
    fetch->result->internaldate_zone = zone;
    fetch->result->internaldate = local - (time_t)zone * 60;
}

static void copy_static(struct fetch *fetch, const struct mailimap_msg_att_static *item)
{
    if (item->att_type == MAILIMAP_MSG_ATT_UID)
        fetch->result->uid = item->att_data.att_uid;
    else if (item->att_type == MAILIMAP_MSG_ATT_INTERNALDATE)
        copy_date(fetch, item->att_data.att_internal_date);
}

static void copy_extension(struct fetch *fetch, const struct mailimap_extension_data *data)
{
    if (data->ext_extension->ext_id != MAILIMAP_EXTENSION_CONDSTORE ||
        data->ext_type != MAILIMAP_CONDSTORE_TYPE_FETCH_DATA)
        return;
    const struct mailimap_condstore_fetch_mod_resp *modseq = data->ext_data;
    fetch->result->modseq = modseq->cs_modseq_value;
}

static void copy_items(struct fetch *fetch, const struct mailimap_msg_att *items)
{
    for (clistiter *at = clist_begin(items->att_list); at != NULL; at = clist_next(at)) {
        const struct mailimap_msg_att_item *item = clist_content(at);
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC)
            copy_flags(fetch, item->att_data.att_dyn);
        else if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
            copy_static(fetch, item->att_data.att_static);
        else if (item->att_type == MAILIMAP_MSG_ATT_ITEM_EXTENSION)
            copy_extension(fetch, item->att_data.att_extension_data);
    }
}

static bool parse_line(struct fetch *fetch)
{
    const struct mailimap_response_info *info = etpan_parse(fetch->grammar->etpan);
    clistiter *first = info != NULL ? clist_begin(info->rsp_fetch_list) : NULL;
    if (first == NULL)
        return false;
    copy_items(fetch, clist_content(first));
    return true;
}

/* The date goes last: if libetpan rejects it, the other items must not be lost. */
static bool parse_items(struct fetch *fetch)
{
    struct etpan *etpan = fetch->grammar->etpan;
    size_t without_date = etpan_length(etpan);
    if (fetch->date.len > 0) {
        bool others = fetch->for_etpan;
        add_item(fetch, "INTERNALDATE", fetch->date);
        etpan_add(etpan, ")", 1);
        if (parse_line(fetch) || !others)
            return true;
        etpan_truncate(etpan, without_date);
    } else if (!fetch->for_etpan) {
        return true;
    }
    etpan_add(etpan, ")", 1);
    return parse_line(fetch);
}

bool grammar_fetch(struct grammar *grammar, struct scan *scan, bool body_streamed)
{
    struct fetch fetch = {
        .grammar = grammar,
        .result = &grammar->response.untagged.fetch,
        .body_streamed = body_streamed,
    };
    etpan_begin(grammar->etpan, "* 1 FETCH (");
    if (!read_items(&fetch, scan) || !parse_items(&fetch))
        return false;
    fetch.result->flags = fetch.flags.words;
    fetch.result->n_flags = fetch.flags.count;
    return true;
}
