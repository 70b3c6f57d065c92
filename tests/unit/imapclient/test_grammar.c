#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imapclient/framing.h"
#include "imapclient/grammar.h"

/* ---- a response as one line of text ---- */

struct line {
    char text[4096];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(line->text + line->len, sizeof line->text - line->len, format, args);
    va_end(args);
    assert_in_range(written, 0, sizeof line->text - line->len - 1);
    line->len += (size_t)written;
}

static void put_words(struct line *line, const char *name, const char *const *words, size_t count)
{
    put(line, " %s", name);
    for (size_t i = 0; i < count; i++)
        put(line, "<%s>", words[i]);
}

static void put_uids(struct line *line, const struct imap_uidset *uids)
{
    size_t range = 0;
    char *text = imap_uidset_text(uids, &range, SIZE_MAX);
    put(line, " uids=%s", text != NULL ? text : "");
    free(text);
}

static void put_text(struct line *line, const struct imap_text *text)
{
    static const char *const statuses[] = {"OK", "NO", "BAD", "PREAUTH", "BYE"};
    put(line, " %s", statuses[text->status]);
    if (text->code != IMAP_CODE_NONE)
        put(line, " code=%d<%s>", text->code, text->code_text);
    if (text->number != 0)
        put(line, " number=%" PRIu64, text->number);
    if (text->uidvalidity != 0)
        put(line, " uidvalidity=%" PRIu32, text->uidvalidity);
    if (text->uids.count != 0)
        put_uids(line, &text->uids);
    put(line, " <%s>", text->text);
}

static void put_fetch(struct line *line, const struct imap_fetch *fetch)
{
    put(line, " seq=%" PRIu32, fetch->seq);
    if (fetch->uid != 0)
        put(line, " uid=%" PRIu32, fetch->uid);
    if (fetch->has_flags)
        put_words(line, "flags=", fetch->flags, fetch->n_flags);
    if (fetch->has_size)
        put(line, " size=%" PRIu64, fetch->size);
    if (fetch->has_internaldate)
        put(line, " date=%lld%+d", (long long)fetch->internaldate, fetch->internaldate_zone);
    if (fetch->modseq != 0)
        put(line, " modseq=%" PRIu64, fetch->modseq);
    if (fetch->email_id != NULL)
        put(line, " email=%s", fetch->email_id);
    if (fetch->has_body)
        put(line, fetch->body_is_nil ? " body=nil" : " body");
}

static void put_mailbox_status(struct line *line, const struct imap_mailbox_status *status)
{
    put(line, " <%s>", status->mailbox);
    if ((status->has & IMAP_STATUS_MESSAGES) != 0)
        put(line, " messages=%" PRIu32, status->messages);
    if ((status->has & IMAP_STATUS_UIDNEXT) != 0)
        put(line, " uidnext=%" PRIu32, status->uidnext);
    if ((status->has & IMAP_STATUS_UIDVALIDITY) != 0)
        put(line, " uidvalidity=%" PRIu32, status->uidvalidity);
    if ((status->has & IMAP_STATUS_UNSEEN) != 0)
        put(line, " unseen=%" PRIu32, status->unseen);
    if ((status->has & IMAP_STATUS_HIGHESTMODSEQ) != 0)
        put(line, " modseq=%" PRIu64, status->highestmodseq);
    if ((status->has & IMAP_STATUS_MAILBOXID) != 0)
        put(line, " id=%s", status->mailbox_id);
}

static void put_untagged(struct line *line, const struct imap_untagged *untagged)
{
    switch (untagged->kind) {
    case IMAP_UNTAGGED_STATUS:
        put(line, "status");
        put_text(line, &untagged->text);
        break;
    case IMAP_UNTAGGED_CAPABILITY:
        put_words(line, "capability ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_ENABLED:
        put_words(line, "enabled ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_FLAGS:
        put_words(line, "flags ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_ID:
        put_words(line, "id ", untagged->words, untagged->n_words);
        break;
    case IMAP_UNTAGGED_EXISTS:
        put(line, "exists %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_RECENT:
        put(line, "recent %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_EXPUNGE:
        put(line, "expunge %" PRIu32, untagged->number);
        break;
    case IMAP_UNTAGGED_VANISHED:
        put(line, untagged->earlier ? "vanished earlier" : "vanished");
        put_uids(line, &untagged->uids);
        break;
    case IMAP_UNTAGGED_FETCH:
        put(line, "fetch");
        put_fetch(line, &untagged->fetch);
        break;
    case IMAP_UNTAGGED_LIST:
        put(line, "list flags=%x delimiter=%c <%s>", untagged->list.flags,
            untagged->list.delimiter != '\0' ? untagged->list.delimiter : '-',
            untagged->list.mailbox);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        put(line, "mailbox");
        put_mailbox_status(line, &untagged->mailbox_status);
        break;
    case IMAP_UNTAGGED_SEARCH:
        put(line, "search");
        put_uids(line, &untagged->uids);
        break;
    case IMAP_UNTAGGED_NAMESPACE:
        put(line, "namespace <%s> %c", untagged->prefix,
            untagged->delimiter != '\0' ? untagged->delimiter : '-');
        break;
    case IMAP_UNTAGGED_OTHER:
        put(line, "other");
        break;
    }
}

static void describe(struct line *line, const struct imap_response *response)
{
    line->len = 0;
    line->text[0] = '\0';
    if (response->kind == IMAP_RESPONSE_UNTAGGED) {
        put_untagged(line, &response->untagged);
    } else if (response->kind == IMAP_RESPONSE_TAGGED) {
        put(line, "tagged %s", response->tag);
        put_text(line, &response->text);
    } else {
        put(line, "continue <%s>", response->text.text);
    }
}

struct unit {
    const char *unit, *means;
};

static void check_units(void **state, const struct unit *units, size_t count, bool streamed)
{
    struct line line;
    for (size_t i = 0; i < count; i++) {
        describe(&line,
                 grammar_parse(*state, units[i].unit, strlen(units[i].unit), streamed, NULL));
        const char *means = line.text[0] == ' ' ? line.text + 1 : line.text;
        if (strcmp(means, units[i].means) != 0)
            fail_msg("<%s>\n  is read as %s\n  but means  %s", units[i].unit, means,
                     units[i].means);
    }
}

#define CHECK(units) check_units(state, units, sizeof(units) / sizeof *(units), false)

static int set_up(void **state)
{
    *state = grammar_new();
    return 0;
}

static int tear_down(void **state)
{
    grammar_free(*state);
    return 0;
}

/* ---- replies and texts ---- */

static void tagged_replies(void **state)
{
    static const struct unit units[] = {
        {"A1 OK done", "tagged A1 OK <done>"},
        {"a2 no No such mailbox", "tagged a2 NO <No such mailbox>"},
        {"A3 Bad {5}", "tagged A3 BAD <{5}>"},
        {"A4 OK", "tagged A4 OK <>"},
        {"A5 OK ", "tagged A5 OK <>"},
        {"A6  OK  done", "tagged A6 OK <done>"},
        {"A7 OK a\tb\x7f", "tagged A7 OK <a?b?>"},
        {"A8 OK caf\xc3\xa9", "tagged A8 OK <caf\xc3\xa9>"},
        {"A9 BYE x", "other"},
        {"A9 PREAUTH x", "other"},
        {"A9", "other"},
        {"A9 ", "other"},
        {"A9 OKAY", "other"},
        {"A9 FETCH", "other"},
        {" A9 OK x", "other"},
        {"\"A9\" OK x", "other"},
        {"(A9) OK x", "other"},
        {"[COPYUID 1 2 3] x", "other"},
        {"", "other"},
    };
    CHECK(units);
}

static void continuations(void **state)
{
    static const struct unit units[] = {
        {"+ idling", "continue <idling>"},
        {"+", "continue <>"},
        {"+ ", "continue <>"},
        {"+OK", "continue <OK>"},
        {"+ PDE4OTYuNjk3", "continue <PDE4OTYuNjk3>"},
        {"+ entering idle mode", "continue <entering idle mode>"},
    };
    CHECK(units);
}

static void untagged_status_responses(void **state)
{
    static const struct unit units[] = {
        {"* OK Still here", "status OK <Still here>"},
        {"* ok", "status OK <>"},
        {"* OK ", "status OK <>"},
        {"* BYE Logging out", "status BYE <Logging out>"},
        {"* PREAUTH welcome", "status PREAUTH <welcome>"},
        {"*  NO  x", "status NO <x>"},
        {"*OK x", "other"},
        {"* ", "other"},
        {"*", "other"},
    };
    CHECK(units);
}

static void response_codes(void **state)
{
    const struct {
        const char *text;
        enum imap_code code;
        const char *means; /* behind "status OK code=N" */
    } cases[] = {
        {"[ALERT]", IMAP_CODE_ALERT, "<> <>"},
        {"[PARSE]", IMAP_CODE_OTHER, "<> <>"},
        {"[ALERT] Disk is full", IMAP_CODE_ALERT, "<> <Disk is full>"},
        {"[alert]Disk is full", IMAP_CODE_ALERT, "<> <Disk is full>"},
        {"[CAPABILITY IMAP4rev1 IDLE] x", IMAP_CODE_CAPABILITY, "<IMAP4rev1 IDLE> <x>"},
        {"[UIDVALIDITY 3857529045] x", IMAP_CODE_UIDVALIDITY, "<3857529045> number=3857529045 <x>"},
        {"[UIDVALIDITY 0] x", IMAP_CODE_OTHER, "<0> <x>"},
        {"[UIDVALIDITY 4294967296] x", IMAP_CODE_OTHER, "<4294967296> <x>"},
        {"[UIDVALIDITY] x", IMAP_CODE_OTHER, "<> <x>"},
        {"[UIDNEXT  4392 ] x", IMAP_CODE_UIDNEXT, "<4392 > number=4392 <x>"},
        {"[UIDNEXT 5x] x", IMAP_CODE_OTHER, "<5x> <x>"},
        {"[HIGHESTMODSEQ 715194045007]", IMAP_CODE_HIGHESTMODSEQ,
         "<715194045007> number=715194045007 <>"},
        {"[HIGHESTMODSEQ 9223372036854775808] x", IMAP_CODE_OTHER, "<9223372036854775808> <x>"},
        {"[NOMODSEQ] x", IMAP_CODE_NOMODSEQ, "<> <x>"},
        {"[APPENDUID 38505 3955] x", IMAP_CODE_APPENDUID,
         "<38505 3955> uidvalidity=38505 uids=3955 <x>"},
        {"[APPENDUID 38505 7:9,3] x", IMAP_CODE_APPENDUID,
         "<38505 7:9,3> uidvalidity=38505 uids=7:9,3 <x>"},
        {"[APPENDUID 0 5] x", IMAP_CODE_OTHER, "<0 5> <x>"},
        {"[APPENDUID 5 1:*] x", IMAP_CODE_OTHER, "<5 1:*> <x>"},
        {"[APPENDUID 5] x", IMAP_CODE_OTHER, "<5> <x>"},
        {"[APPENDUID 5 6 7] x", IMAP_CODE_OTHER, "<5 6 7> <x>"},
        {"[COPYUID 38505 304,319:320 3956:3958] x", IMAP_CODE_COPYUID,
         "<38505 304,319:320 3956:3958> uidvalidity=38505 uids=3956:3958 <x>"},
        {"[COPYUID 38505 304] x", IMAP_CODE_OTHER, "<38505 304> <x>"},
        {"[PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited", IMAP_CODE_PERMANENTFLAGS,
         "<\\Deleted \\Seen \\*> <Limited>"},
        {"[PERMANENTFLAGS ()] x", IMAP_CODE_PERMANENTFLAGS, "<> <x>"},
        {"[PERMANENTFLAGS (a]b)] x", IMAP_CODE_PERMANENTFLAGS, "<a]b> <x>"},
        {"[PERMANENTFLAGS (] x", IMAP_CODE_OTHER, "<(> <x>"},
        {"[PERMANENTFLAGS] x", IMAP_CODE_OTHER, "<> <x>"},
        {"[BADCHARSET (UTF-8 \"]\")] x", IMAP_CODE_OTHER, "<(UTF-8 \"]\")> <x>"},
        {"[BADCHARSET (\"x] y", IMAP_CODE_OTHER, "<(\"x> <y>"},
        {"[READ-ONLY] x", IMAP_CODE_READ_ONLY, "<> <x>"},
        {"[READ-WRITE] x", IMAP_CODE_READ_WRITE, "<> <x>"},
        {"[TRYCREATE] x", IMAP_CODE_TRYCREATE, "<> <x>"},
        {"[NONEXISTENT] x", IMAP_CODE_NONEXISTENT, "<> <x>"},
        {"[AUTHENTICATIONFAILED] x", IMAP_CODE_AUTHENTICATIONFAILED, "<> <x>"},
        {"[AUTHORIZATIONFAILED] x", IMAP_CODE_AUTHORIZATIONFAILED, "<> <x>"},
        {"[EXPIRED] x", IMAP_CODE_EXPIRED, "<> <x>"},
        {"[UNAVAILABLE] x", IMAP_CODE_UNAVAILABLE, "<> <x>"},
        {"[INUSE] x", IMAP_CODE_INUSE, "<> <x>"},
        {"[LIMIT] x", IMAP_CODE_LIMIT, "<> <x>"},
        {"[OVERQUOTA] x", IMAP_CODE_OVERQUOTA, "<> <x>"},
        {"[TOOBIG] x", IMAP_CODE_TOOBIG, "<> <x>"},
        {"[CLOSED] x", IMAP_CODE_CLOSED, "<> <x>"},
        {"[MAILBOXID (F2212ea87)] x", IMAP_CODE_MAILBOXID, "<F2212ea87> <x>"},
        {"[NOTIFICATIONOVERFLOW] x", IMAP_CODE_NOTIFICATIONOVERFLOW, "<> <x>"},
        {"[BADEVENT (MessageNew)] x", IMAP_CODE_BADEVENT, "<(MessageNew)> <x>"},
        {"[X-NEW a\x01z] x", IMAP_CODE_OTHER, "<a?z> <x>"},
        {"[] x", IMAP_CODE_NONE, NULL},
        {"[ALERT", IMAP_CODE_NONE, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct line line, expected = {.len = 0};
        char unit[256];
        snprintf(unit, sizeof unit, "* OK %s", cases[i].text);
        describe(&line, grammar_parse(*state, unit, strlen(unit), false, NULL));
        if (cases[i].means != NULL)
            put(&expected, "status OK code=%d%s", cases[i].code, cases[i].means);
        else
            put(&expected, "status OK <%s>", cases[i].text[1] == ']' ? "x" : cases[i].text);
        if (strcmp(line.text, expected.text) != 0)
            fail_msg("<%s>\n  is read as %s\n  but means  %s", unit, line.text, expected.text);
    }
}

/* ---- simple data ---- */

static void numbers_and_sets(void **state)
{
    static const struct unit units[] = {
        {"* 5 EXISTS", "exists 5"},
        {"*  5 EXISTS", "exists 5"},
        {"* 5  exists ", "exists 5"},
        {"* 0 EXISTS", "exists 0"},
        {"* 4294967295 RECENT", "recent 4294967295"},
        {"* 4294967296 EXISTS", "other"},
        {"* 3 EXPUNGE", "expunge 3"},
        {"* 0 EXPUNGE", "other"},
        {"* 5 FOO", "other"},
        {"* 5EXISTS", "other"},
        {"* 5 EXISTS x", "other"},
        {"* -5 EXISTS", "other"},
        {"* VANISHED 1:5,7", "vanished uids=1:5,7"},
        {"* VANISHED (EARLIER) 41,43:116", "vanished earlier uids=41,43:116"},
        {"* vanished ( earlier ) 4", "vanished earlier uids=4"},
        {"* VANISHED", "other"},
        {"* VANISHED (EARLIER)", "other"},
        {"* VANISHED (LATER) 4", "other"},
        {"* VANISHED 1:*", "other"},
        {"* VANISHED 1,,2", "other"},
        {"* SEARCH", "search uids="},
        {"* SEARCH 2 84 882", "search uids=2,84,882"},
        {"* SEARCH 7 6 5 ", "search uids=7,6,5"},
        {"* search 1 2 3", "search uids=1:3"},
        {"* SEARCH 2 5 (MODSEQ 917162500)", "search uids=2,5"},
        {"* SEARCH 2 x", "other"},
        {"* SEARCH 0", "other"},
        {"* SEARCH 4294967296", "other"},
        {"* ESEARCH (TAG \"A1\") UID ALL 1:3", "other"},
        {"* FOOBAR", "other"},
        {"* METADATA \"\" (/comment \"x\")", "other"},
    };
    CHECK(units);
}

static void words(void **state)
{
    static const struct unit units[] = {
        {"* CAPABILITY IMAP4rev1 AUTH=PLAIN", "capability <IMAP4rev1><AUTH=PLAIN>"},
        {"* CAPABILITY  IMAP4rev1  ", "capability <IMAP4rev1>"},
        {"* CAPABILITY", "capability "},
        {"* ENABLED QRESYNC CONDSTORE", "enabled <QRESYNC><CONDSTORE>"},
        {"* ENABLED", "enabled "},
        {"* FLAGS (\\Answered $MDNSent \\*)", "flags <\\Answered><$MDNSent><\\*>"},
        {"* FLAGS ()", "flags "},
        {"* FLAGS ( a  b ) ", "flags <a><b>"},
        {"* FLAGS (a", "other"},
        {"* FLAGS a", "other"},
        {"* ID NIL", "id "},
        {"* ID (\"name\" \"Dovecot\" \"x\" NIL)", "id <name><Dovecot><x><>"},
        {"* ID (\"name\" {3}\r\na\nb)", "id <name><a?b>"},
        {"* ID (\"name\" \"NIL\")", "id <name><NIL>"},
        {"* ID (\"name\")", "other"},
        {"* ID ()", "id "},
        {"* ID (\"name\" \"x", "other"},
    };
    CHECK(units);
}

/* ---- mailboxes ---- */

static void list(void **state)
{
    static const struct unit units[] = {
        {"* LIST (\\HasNoChildren) \"/\" INBOX", "list flags=0 delimiter=/ <INBOX>"},
        {"* LSUB () \".\" INBOX.x", "list flags=0 delimiter=. <INBOX.x>"},
        {"* list () nil foo", "list flags=0 delimiter=- <foo>"},
        {"* LIST () \"\\\\\" \"a\\\\b\\\"c\"", "list flags=0 delimiter=\\ <a\\b\"c>"},
        {"* LIST () \"\" x", "list flags=0 delimiter=- <x>"},
        {"* LIST () NIL \"\"", "list flags=0 delimiter=- <>"},
        {"* LIST (\\Noselect) \"/\" x", "list flags=1 delimiter=/ <x>"},
        {"* LIST (\\NoSelect \\Unmarked \\HasChildren) \"/\" x", "list flags=201 delimiter=/ <x>"},
        {"* LIST (\\NonExistent) \"/\" x", "list flags=1 delimiter=/ <x>"},
        {"* LIST (\\NoInferiors \\Marked) \"/\" x", "list flags=2 delimiter=/ <x>"},
        {"* LIST (\\Marked \\Noselect) \"/\" x", "list flags=1 delimiter=/ <x>"},
        {"* LIST (\\All \\Archive \\Drafts) \"/\" x", "list flags=1c delimiter=/ <x>"},
        {"* LIST (\\Flagged \\Junk \\Sent \\Trash) \"/\" x", "list flags=1e0 delimiter=/ <x>"},
        {"* LIST ( \\sent  \\X-Unknown foo \\* ) \"/\" x", "list flags=80 delimiter=/ <x>"},
        {"* LIST () \"/\" [Gmail]/&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
         "list flags=0 delimiter=/ <[Gmail]/Отправленные>"},
        {"* LIST () \"/\" \"R&D\"", "list flags=0 delimiter=/ <R&D>"},
        {"* LIST () \"/\" \"caf\xc3\xa9\"", "list flags=0 delimiter=/ <caf\xc3\xa9>"},
        {"* LIST () \"/\" {5}\r\na \"b\\", "list flags=0 delimiter=/ <a \"b\\>"},
        {"* LIST () \"/\" ~{3}\r\nabc", "list flags=0 delimiter=/ <abc>"},
        {"* LIST () \"/\" {3}\r\na\r\n", "other"},
        {"* LIST () \"/\" {4}\r\nabc", "other"},
        {"* LIST () \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))", "list flags=0 delimiter=/ <x>"},
        {"* LIST () \"/\" x (\"OLDNAME\" (\"y\"))", "list flags=0 delimiter=/ <x>"},
        {"* LIST () \"//\" x", "other"},
        {"* LIST () \"/\"", "other"},
        {"* LIST \"/\" x", "other"},
        {"* LIST (\\Noselect \"/\" x", "other"},
        {"* LIST", "other"},
    };
    CHECK(units);
}

static void mailbox_status(void **state)
{
    static const struct unit units[] = {
        {"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
         "mailbox <blurdybloop> messages=231 uidnext=44292"},
        {"* status \"a b\" (uidvalidity 7 unseen 0 HIGHESTMODSEQ 7011231777 )",
         "mailbox <a b> uidvalidity=7 unseen=0 modseq=7011231777"},
        {"* STATUS x (MAILBOXID (F2212) SIZE 99 MESSAGES 5 DELETED 4)",
         "mailbox <x> messages=5 id=F2212"},
        {"* STATUS x (MESSAGES 5 MESSAGES 6)", "mailbox <x> messages=5"},
        {"* STATUS x (MESSAGES 4294967296 UIDNEXT 5)", "mailbox <x> uidnext=5"},
        {"* STATUS x (MESSAGES NIL UIDNEXT 5)", "mailbox <x> uidnext=5"},
        {"* STATUS x ()", "mailbox <x>"},
        {"* STATUS \"Entw&APw-rfe\" (RECENT 0)", "mailbox <Entwürfe>"},
        {"* STATUS {3}\r\na\"b (UIDNEXT 3)", "mailbox <a\"b> uidnext=3"},
        {"* STATUS x (MESSAGES)", "other"},
        {"* STATUS x", "other"},
        {"* STATUS x (MESSAGES 5", "other"},
        {"* STATUS", "other"},
    };
    CHECK(units);
}

static void namespaces(void **state)
{
    static const struct unit units[] = {
        {"* NAMESPACE ((\"\" \"/\")) NIL NIL", "namespace <> /"},
        {"* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\"))", "namespace <INBOX.> ."},
        {"* NAMESPACE ((\"\" NIL)) NIL NIL", "namespace <> -"},
        {"* NAMESPACE NIL NIL ((\"\" \".\"))", "namespace <> -"},
        {"* NAMESPACE ((\"a\" \"/\")(\"b\" \"/\")) NIL NIL", "namespace <a> /"},
        {"* NAMESPACE ((\"\" \"\\\\\")) NIL NIL", "namespace <> \\"},
        {"* NAMESPACE ((\"&APw-/\" \"/\" \"X-PARAM\" (\"a\"))) NIL NIL", "namespace <ü/> /"},
        {"* NAMESPACE (()) NIL NIL", "other"},
        {"* NAMESPACE", "other"},
    };
    CHECK(units);
}

/* ---- FETCH ---- */

static void fetch_items_in_any_order(void **state)
{
    static const struct unit units[] = {
        {"* 12 FETCH (UID 7)", "fetch seq=12 uid=7"},
        {"* 12 FETCH (FLAGS (\\Seen $MDNSent) UID 7)",
         "fetch seq=12 uid=7 flags=<\\Seen><$MDNSent>"},
        {"* 1 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 7)",
         "fetch seq=1 uid=7 date=837596665-420"},
        {"* 1 FETCH (INTERNALDATE \" 1-Feb-2020 02:44:25 +0530\")",
         "fetch seq=1 date=1580505265+330"},
        {"* 1 FETCH (UID 7 RFC822.SIZE 44827 MODSEQ (65402))",
         "fetch seq=1 uid=7 size=44827 modseq=65402"},
        {"* 1 FETCH (RFC822.SIZE 5000000000)", "fetch seq=1 size=5000000000"},
        {"* 1 fetch (uid 7 flags (\\seen) rfc822.size 5)",
         "fetch seq=1 uid=7 flags=<\\Seen> size=5"},
        {"*  1  FETCH  ( UID  7  FLAGS  ( \\Seen  a ) ) ", "fetch seq=1 uid=7 flags=<\\Seen><a>"},
        {"* 1 FETCH (FLAGS ())", "fetch seq=1 flags="},
        {"* 1 FETCH ()", "fetch seq=1"},
        {"* 1 FETCH (UID 4294967295)", "fetch seq=1 uid=4294967295"},
        {"* 1 FETCH (FLAGS (\\Answered \\Flagged \\Deleted \\Draft \\Recent))",
         "fetch seq=1 flags=<\\Answered><\\Flagged><\\Deleted><\\Draft><\\Recent>"},
        {"* 0 FETCH (UID 7)", "other"},
        {"* 1 FETCH (UID 7", "other"},
        {"* 1 FETCH (UID)", "other"},
        {"* 1 FETCH UID 7", "other"},
        {"* 1 FETCH (UID 7) x", "other"},
        {"* 1 FETCH (UID 7 ENVELOPE (\"a\" NIL)", "other"},
    };
    CHECK(units);
}

static void unknown_fetch_items_cost_only_themselves(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (EMAILID (M6d99ac3275bb4e) UID 7)", "fetch seq=1 uid=7 email=M6d99ac3275bb4e"},
        {"* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 7)",
         "fetch seq=1 uid=7 email=1278455344230334865"},
        {"* 1 FETCH (THREADID NIL EMAILID NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (EMAILID (a/b) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (SAVEDATE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (SAVEDATE \"17-Jul-1996 02:44:25 -0700\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (PREVIEW \"say \\\"UID 9\\\"\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (PREVIEW {7}\r\nx UID 9 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-GM-LABELS (\"\\\\Sent\" foo {3}\r\n)) UID 7)", "other"},
        {"* 1 FETCH (X-GM-LABELS (\"\\\\Sent\" foo {2}\r\n))) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-GM-THRID 1266894439832287888 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (BINARY.SIZE[1] 55 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-FOO ((a (b)) \")\") UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (ENVELOPE (NIL \"a \\\" ( b\" NIL) UID 7)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

static void malformed_fetch_items_cost_only_themselves(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (UID 0 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID 4294967296 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID NIL FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID -7 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (RFC822.SIZE 99999999999999999999 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (RFC822.SIZE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (MODSEQ 5 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (MODSEQ (9223372036854775808) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (MODSEQ (9223372036854775807) UID 7)",
         "fetch seq=1 uid=7 modseq=9223372036854775807"},
        {"* 1 FETCH (FLAGS NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"yesterday\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"32-Jan-2020 00:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Foo-2020 00:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 24:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 00:00:00 +0060\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 00:00:00 +9900\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"99999999999-Jan-2020 00:00:00 +0000\" UID 7)",
         "fetch seq=1 uid=7"},
        {"* 1 FETCH (UID 7 UID 8)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

/* A user who names a keyword must not make messages invisible. */
static void odd_flags_cost_nothing(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (UID 7 FLAGS (a]b \\Seen))", "fetch seq=1 uid=7 flags=<a]b><\\Seen>"},
        {"* 1 FETCH (UID 7 FLAGS (\\* x))", "fetch seq=1 uid=7 flags=<\\*><x>"},
        {"* 1 FETCH (UID 7 FLAGS (\\Seenfoo))", "fetch seq=1 uid=7 flags=<\\Seenfoo>"},
        {"* 1 FETCH (UID 7 FLAGS (\\X-Own))", "fetch seq=1 uid=7 flags=<\\X-Own>"},
        {"* 1 FETCH (UID 7 FLAGS ({5}x %y))", "fetch seq=1 uid=7 flags=<{5}x><%y>"},
        {"* 1 FETCH (UID 7 FLAGS (caf\xc3\xa9 NIL))", "fetch seq=1 uid=7 flags=<caf\xc3\xa9><NIL>"},
        {"* 1 FETCH (UID 7 FLAGS (\\))", "fetch seq=1 uid=7 flags=<\\>"},
    };
    CHECK(units);
}

static void bodies(void **state)
{
    static const struct unit nil[] = {
        {"* 1 FETCH (UID 7 BODY[] NIL)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY[HEADER.FIELDS (TO \"]\")] NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY[]<0> nil UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (RFC822 NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BINARY[1] NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (BODY[ NIL UID 7)", "other"},
    };
    static const struct unit streamed[] = {
        {"* 1 FETCH (UID 7 BODY[] NIL)", "fetch seq=1 uid=7 body"},
    };
    CHECK(nil);
    check_units(state, streamed, 1, true);
}

static void a_body_in_the_unit_is_given(void **state)
{
    static const struct {
        const char *unit, *section, *octets;
    } cases[] = {
        {"* 1 FETCH (BODY[] \"a\\\"b\" UID 7)", "", "a\"b"},
        {"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (TO)]<0> \"\")", "HEADER.FIELDS (TO)", ""},
        {"* 1 FETCH (UID 7 RFC822.HEADER \"x\")", "HEADER", "x"},
        {"* 1 FETCH (UID 7 RFC822.TEXT \"x\")", "TEXT", "x"},
        {"* 1 FETCH (UID 7 RFC822 \"x\")", "", "x"},
        {"* 1 FETCH (UID 7 BINARY[1] ~{3}\r\nxyz)", "1", "xyz"},
        {"* 1 FETCH (UID 7 BODY[1] \"x\" BODY[2] \"y\")", "1", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct imap_inline_body *body;
        const struct imap_response *response =
            grammar_parse(*state, cases[i].unit, strlen(cases[i].unit), false, &body);
        assert_int_equal(response->untagged.fetch.uid, 7);
        assert_true(response->untagged.fetch.has_body);
        assert_false(response->untagged.fetch.body_is_nil);
        assert_non_null(body);
        assert_string_equal(body->section, cases[i].section);
        assert_int_equal(body->len, strlen(cases[i].octets));
        assert_memory_equal(body->data, cases[i].octets, body->len);
    }
}

static void without_a_body_none_is_given(void **state)
{
    static const char *const units[] = {
        "* 1 FETCH (BODY[] NIL)",
        "* 5 EXISTS",
        "* 1 FETCH (BODY[] \"x\"",
        "A1 OK x",
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const struct imap_inline_body *body;
        grammar_parse(*state, units[i], strlen(units[i]), false, &body);
        if (body != NULL)
            fail_msg("<%s> has no body", units[i]);
    }
}

/* ---- the shield ---- */

/* NUL is no end: it makes a word end, and a name that holds it useless. */
static void nul_is_not_passed_on(void **state)
{
    static const struct {
        const char *unit;
        size_t len;
    } units[] = {
        {"* LIST () \"/\" {3}\r\na\0b", 22},
        {"* LIST () \"/\" \"a\0b\"", 19},
        {"* FLAGS (a\0b)", 13},
        {"* 1 FETCH (FLAGS (a\0b))", 23},
        {"\0* OK", 6},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const struct imap_response *response =
            grammar_parse(*state, units[i].unit, units[i].len, false, NULL);
        assert_int_equal(response->kind, IMAP_RESPONSE_UNTAGGED);
        if (response->untagged.kind != IMAP_UNTAGGED_OTHER)
            fail_msg("unit %zu should not be understood", i);
    }
}

static void one_bad_unit_spoils_no_other(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (INTERNALDATE \"01-Foo-2020 00:00:00 +0000\")", "fetch seq=1"},
        {"* 1 FETCH (UID 7)", "fetch seq=1 uid=7"},
        {"* LIST (\\NoselectX) \"/\" x", "other"},
        {"* LIST () \"/\" x", "list flags=0 delimiter=/ <x>"},
        {"* NO [BADCHARSET (UTF-8)] x", "status NO code=1<(UTF-8)> <x>"},
        {"* NO [BADCHARSET (UTF-8)] x", "status NO code=1<(UTF-8)> <x>"},
        {"* 1 FETCH (UID 7)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As large as framing lets a unit be, of one piece over and over. */
static double seconds_for(struct grammar *grammar, const char *begin, const char *piece,
                          const char *end)
{
    size_t begin_len = strlen(begin), piece_len = strlen(piece), end_len = strlen(end);
    char *unit = malloc(FRAMING_UNIT_MAX + 1);
    assert_non_null(unit);
    size_t len = begin_len;
    memcpy(unit, begin, begin_len);
    for (; len + piece_len + end_len <= FRAMING_UNIT_MAX; len += piece_len)
        memcpy(unit + len, piece, piece_len);
    memcpy(unit + len, end, end_len);
    double started = seconds_now();
    grammar_parse(grammar, unit, len + end_len, false, NULL);
    double seconds = seconds_now() - started;
    free(unit);
    return seconds;
}

/* Quadratic time would be minutes; the bound leaves room for sanitizers and slow machines. */
static void hostile_units_take_linear_time(void **state)
{
    static const struct {
        const char *begin, *piece, *end;
    } units[] = {
        {"* 1 FETCH (FLAGS (", "a ", "))"},
        {"* 1 FETCH (FLAGS (", "a", "))"},
        {"* 1 FETCH (", "UID 1 ", ")"},
        {"* 1 FETCH (", "X (", ""},
        {"* 1 FETCH (", "FLAGS (a) ", ")"},
        {"* 1 FETCH (", "BODY[] \"\" ", ")"},
        {"* 1 FETCH (X ", "(", ""},
        {"* 1 FETCH (X (", "{1}\r\nx ", "))"},
        {"* 1 FETCH (BODY[", "\"", "] NIL)"},
        {"* 1 FETCH (X \"", "\\\"", "\")"},
        {"* LIST (", "\\a ", ") \"/\" x"},
        {"* LIST () \"/\" \"", "&APw-", "\""},
        {"* LIST () \"/\" \"", "&-", "\""},
        {"* LIST () \"/\" ", "&", ""},
        {"* STATUS x (", "MESSAGES 1 ", ")"},
        {"* STATUS x (", "HIGHESTMODSEQ x ", ")"},
        {"* SEARCH", " 7", ""},
        {"* FLAGS (", "a ", ")"},
        {"* CAPABILITY", " a", ""},
        {"* ID (", "\"\" ", ")"},
        {"* OK [", "(", "] x"},
        {"* OK [", "\"", ""},
        {"* OK [X ", "() ", "] x"},
        {"* OK ", "[", ""},
        {"* OK [APPENDUID 1 ", "1,", "1] x"},
        {"A1 OK [PERMANENTFLAGS (", "\\a ", ")] x"},
        {"", " ", ""},
        {"* ", "1", ""},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double seconds = seconds_for(*state, units[i].begin, units[i].piece, units[i].end);
        if (seconds > 3)
            fail_msg("<%s%s...> took %.1f s", units[i].begin, units[i].piece, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tagged_replies),
        cmocka_unit_test(continuations),
        cmocka_unit_test(untagged_status_responses),
        cmocka_unit_test(response_codes),
        cmocka_unit_test(numbers_and_sets),
        cmocka_unit_test(words),
        cmocka_unit_test(list),
        cmocka_unit_test(mailbox_status),
        cmocka_unit_test(namespaces),
        cmocka_unit_test(fetch_items_in_any_order),
        cmocka_unit_test(unknown_fetch_items_cost_only_themselves),
        cmocka_unit_test(malformed_fetch_items_cost_only_themselves),
        cmocka_unit_test(odd_flags_cost_nothing),
        cmocka_unit_test(bodies),
        cmocka_unit_test(a_body_in_the_unit_is_given),
        cmocka_unit_test(without_a_body_none_is_given),
        cmocka_unit_test(nul_is_not_passed_on),
        cmocka_unit_test(one_bad_unit_spoils_no_other),
        cmocka_unit_test(hostile_units_take_linear_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
