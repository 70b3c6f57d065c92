#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/describe_response.h"

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
        const char *means; /* after "status OK code=N" */
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
        {"[BADCHARSET (UTF-8 \"]\")] x", IMAP_CODE_BADCHARSET, "<(UTF-8 \"]\")> <x>"},
        {"[BADCHARSET (\"x] y", IMAP_CODE_BADCHARSET, "<(\"x> <y>"},
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
        {"[UNKNOWN-CTE] x", IMAP_CODE_UNKNOWN_CTE, "<> <x>"},
        {"[THROTTLED] x", IMAP_CODE_THROTTLED, "<> <x>"},
        {"[SERVERBUG] x", IMAP_CODE_SERVERBUG, "<> <x>"},
        {"[NOPERM] x", IMAP_CODE_NOPERM, "<> <x>"},
        {"[CANNOT] x", IMAP_CODE_CANNOT, "<> <x>"},
        {"[ALREADYEXISTS] x", IMAP_CODE_ALREADYEXISTS, "<> <x>"},
        {"[X-NEW a\x01z] x", IMAP_CODE_OTHER, "<a?z> <x>"},
        {"[] x", IMAP_CODE_NONE, NULL},
        {"[ALERT", IMAP_CODE_NONE, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct line line, expected = {.len = 0};
        char unit[256];
        snprintf(unit, sizeof(unit), "* OK %s", cases[i].text);
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
        {"* SEARCH 2 (MODSEQ", "other"},
        {"* VANISHED (EARLIER 4", "other"},
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
        {"* LIST () ( x", "other"},
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
        {"* STATUS x (MAILBOXID F2212 UIDNEXT 3)", "mailbox <x> uidnext=3"},
        {"* STATUS x (MAILBOXID () UIDNEXT 3)", "mailbox <x> uidnext=3"},
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
        {"* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\"))",
         "namespace <INBOX.> . foreign <#shared.>"},
        {"* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")(\"&APw-/\" \"/\" \"X\" (\"a\"))) ((\"#s/\" "
         "NIL))",
         "namespace <> / foreign <~> foreign <ü/> foreign <#s/>"},
        {"* NAMESPACE ((\"\" \"/\")) (() (\"b\" \"/\")) x", "namespace <> /"},
        {"* NAMESPACE ((\"\" \"/\"))", "namespace <> /"},
        {"* NAMESPACE ((\"\" NIL)) NIL NIL", "namespace <> -"},
        {"* NAMESPACE NIL NIL ((\"\" \".\"))", "namespace <> - foreign <>"},
        {"* NAMESPACE ((\"a\" \"/\")(\"b\" \"/\")) NIL NIL", "namespace <a> /"},
        {"* NAMESPACE ((\"\" \"\\\\\")) NIL NIL", "namespace <> \\"},
        {"* NAMESPACE ((\"&APw-/\" \"/\" \"X-PARAM\" (\"a\"))) NIL NIL", "namespace <ü/> /"},
        {"* NAMESPACE (()) NIL NIL", "other"},
        {"* NAMESPACE \"x\" NIL NIL", "other"},
        {"* NAMESPACE (x) NIL NIL", "other"},
        {"* NAMESPACE", "other"},
    };
    CHECK(units);
}

static void quotas(void **state)
{
    static const struct unit units[] = {
        {"* QUOTA \"\" (STORAGE 10 512)", "quota storage=10240/524288 messages=0/0"},
        {"* QUOTA \"User quota\" (STORAGE 1 2 MESSAGE 3 4)",
         "quota storage=1024/2048 messages=3/4"},
        {"* quota #user/alice (message 3 4 storage 1 2)", "quota storage=1024/2048 messages=3/4"},
        {"* QUOTA {4}\r\nro)t (MESSAGE 3 4)", "quota storage=0/0 messages=3/4"},
        {"* QUOTA root ()", "quota storage=0/0 messages=0/0"},
        {"*  QUOTA  root  ( STORAGE  1  2 )", "quota storage=1024/2048 messages=0/0"},
        {"* QUOTA root (MAILBOX 1 2 STORAGE 3 4 X-ODD \"a\" (b))",
         "quota storage=3072/4096 messages=0/0"},
        {"* QUOTA root (STORAGE 4294967296 8589934592)",
         "quota storage=4398046511104/8796093022208 messages=0/0"},
        {"* QUOTA root (STORAGE 9007199254740991 9007199254740991)",
         "quota storage=9223372036854774784/9223372036854774784 messages=0/0"},
        {"* QUOTA root (STORAGE 9007199254740992 1)", "other"},
        {"* QUOTA root (MESSAGE 1 9223372036854775808)", "other"},
        {"* QUOTA root (MESSAGE -1 4)", "other"},
        {"* QUOTA root (MESSAGE 3 4x)", "other"},
        {"* QUOTA root (MESSAGE 3)", "other"},
        {"* QUOTA root (MESSAGE)", "other"},
        {"* QUOTA root (MESSAGE 3 4STORAGE 1 2)", "other"},
        {"* QUOTA root (MESSAGE 3 4) more", "other"},
        {"* QUOTA root (MESSAGE 3 4", "other"},
        {"* QUOTA root MESSAGE 3 4", "other"},
        {"* QUOTA (MESSAGE 3 4)", "other"},
        {"* QUOTA \"root (MESSAGE 3 4)", "other"},
        {"* QUOTA {400}\r\nroot (MESSAGE 3 4)", "other"},
        {"* QUOTA", "other"},
        {"* QUOTAROOT INBOX \"\"", "other"},
    };
    CHECK(units);
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
        cmocka_unit_test(quotas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
