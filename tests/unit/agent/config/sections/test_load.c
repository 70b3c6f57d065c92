#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config_files.h"

/* ---- a configuration without mistakes, line by line ---- */

static const char main_text[] = "instance = \"example.org\"                                 # 1\n"
                                "domains = {\"example.org\", \"example.net\"}\n"
                                "state_dir = \"state\"\n"
                                "rules_dir = \"rules.d\"\n"
                                "accounts_file = \"users.csv\"                              # 5\n"
                                "internal_wait = 10s\n"
                                "removed_fields = {\"X-Track\"}\n"
                                "server \"office\" {\n"
                                "    imap = \"imaps://mail.example.org\"\n"
                                "    smtp = \"smtp://mail.example.org:587\"                 # 10\n"
                                "    max_sessions = 0\n"
                                "}\n"
                                "/* several\n"
                                "   lines */\n"
                                "account \"alice\" {                                        # 15\n"
                                "    server = \"office\"\n"
                                "    address = \"alice@example.org\"\n"
                                "    aliases = {\"a.liddell@example.org\"}\n"
                                "    password_file = \"alice.secret\"\n"
                                "    monitor = true                                         # 20\n"
                                "    folders = {\"INBOX\", \"\\\\Sent\"}\n"
                                "}\n"
                                "account \"bob\" {\n"
                                "    address = \"bob@example.org\"\n"
                                "    password_command = \"echo secret\"                     # 25\n"
                                "}\n"
                                "target \"compliance\" {\n"
                                "    login = \"monitor@example.org\"\n"
                                "    password_file = \"monitor.secret\"\n"
                                "    folder = \"Monitor/%Y-%m\"                             # 30\n"
                                "    form = \"rewritten\"\n"
                                "}\n"
                                "texts {\n"
                                "    subject_incoming = \"{In} \"\n"
                                "}                                                          # 35\n"
                                "# free\n";

static const char rules_text[] =
    "list \"board\" { targets = {\"compliance\"} }                # 1\n"
    "rule \"outgoing\" {\n"
    "    outgoing = \"selected\"\n"
    "    targets = {\"board\"}\n"
    "    sample = 5                                             # 5\n"
    "    users = {\"alice\", \"bob@example.org\"}\n"
    "    # free\n"
    "}\n"
    "rule \"privileged\" {\n"
    "    exempt = true                                          # 10\n"
    "    addresses = {\"council@example.org\"}\n"
    "}\n"
    "# free\n";

static const char csv_text[] = "address,login,monitor,aliases,password_file\n"
                               "carol@example.org,carol,yes,c@example.org,carol.secret\n"
                               "dave@example.org,,,,dave.secret\n";

struct fixture {
    struct config_files files;
    struct config_problems problems;
    struct config *config;
};

static void write_secret(struct fixture *f, const char *name, unsigned mode)
{
    config_files_write(&f->files, name, "secret\n", mode);
}

static void write_all(struct fixture *f)
{
    config_files_write(&f->files, "mailvigil.conf", main_text, 0644);
    config_files_write(&f->files, "rules.d/10-all.conf", rules_text, 0644);
    config_files_write(&f->files, "users.csv", csv_text, 0644);
    write_secret(f, "alice.secret", 0600);
    write_secret(f, "monitor.secret", 0600);
    write_secret(f, "carol.secret", 0600);
    write_secret(f, "dave.secret", 0400);
    write_secret(f, "open.secret", 0644);
    write_secret(f, "group.secret", 0660);
    config_files_write(&f->files, "empty.secret", "", 0600);
    config_files_write(&f->files, "blank.secret", "secret \n", 0600);
    config_files_write(&f->files, "ca.pem", config_files_certificate, 0644);
    config_files_write(&f->files, "mark.secret", "\xef\xbb\xbfsecret\n", 0600);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    write_all(f);
    *state = f;
    return 0;
}

static void load(struct fixture *f)
{
    config_free(f->config);
    config_problems_clear(&f->problems);
    f->config = config_load(f->files.main, &f->problems);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    config_free(f->config);
    config_problems_clear(&f->problems);
    config_files_end(&f->files);
    free(f);
    return 0;
}

static void must_load(struct fixture *f)
{
    load(f);
    if (f->config != NULL)
        return;
    char *text = config_files_problems(&f->problems);
    print_error("%s", text);
    free(text);
    fail_msg("the configuration is refused");
}

/* ---- mistakes ---- */

#define FIFTY "12345678901234567890123456789012345678901234567890"

#define MAIN "mailvigil.conf"
#define RULES "rules.d/10-all.conf"
#define CSV "users.csv"

struct mistake {
    const char *file; /* where a line is replaced */
    int line;
    const char *by;
    const char *told_in;  /* NULL: the same file */
    int reported_at;      /* 0: the same line; -1: no line */
    const char *words[4]; /* that the problem must hold */
    size_t errors;        /* how many are reported in all; 0: one */
};

static const struct mistake mistakes[] = {
    /* words and structure */
    {MAIN, 3, "stat_dir = \"x\"", NULL, 0, {"unknown key", "stat_dir", "state_dir"}, 0},
    {MAIN, 3, "nonsense = 1", NULL, 0, {"unknown key", "nonsense"}, 0},
    {MAIN, 3, "imap = \"imaps://x\"", NULL, 0, {"imap", "key of server sections"}, 0},
    {MAIN, 3, "servr \"x\" { imap = \"imaps://x\" }", NULL, 0, {"unknown section", "server"}, 0},
    {MAIN, 3, "foo { bar = {1, 2} baz { x = y } }", NULL, 0, {"unknown section", "foo"}, 0},
    {MAIN, 3, "state_dir \"x\"", NULL, 0, {"missing \"=\" after", "state_dir"}, 0},
    {MAIN, 3, "state_dir =", NULL, 0, {"missing value after", "state_dir"}, 0},
    {MAIN, 3, "state_dir = \"x", NULL, 0, {"unterminated string", "end of the line"}, 0},
    {MAIN, 3, "state_dir = 'x", NULL, 0, {"unterminated string", "end of the line"}, 0},
    {MAIN, 3, "state_dir = \"a\" state_dir = \"b\"", NULL, 0, {"duplicate key", "line 3"}, 0},
    {MAIN, 3, "state_dir = {\"a\", \"b\"}", NULL, 0, {"state_dir", "one value, not a list"}, 0},
    {MAIN, 3, "state_dir += \"a\"", NULL, 0, {"state_dir", "not \"+=\""}, 0},
    {MAIN, 3, "state_dir = two words", NULL, 0, {"\"words\"", "must be quoted"}, 0},
    {MAIN, 3, "state_dir = ${HOME}", NULL, 0, {"\"$\"", "must be quoted"}, 0},
    {MAIN, 3, "state_dir = (x)", NULL, 0, {"\"(\"", "must be quoted"}, 0},
    {MAIN, 3, "state_dir { }", NULL, 0, {"state_dir", "is a key"}, 0},
    {MAIN, 3, "server = \"office\"", NULL, 0, {"server", "is a section"}, 0},
    {MAIN, 3, "server { imap = \"imaps://x\" }", NULL, 0, {"server requires a name"}, 0},
    {MAIN, 36, "texts \"x\" { }", NULL, 0, {"texts takes no name"}, 0},
    {MAIN, 36, "texts { }", NULL, 0, {"texts", "twice", "line 33"}, 0},
    {MAIN, 36, "}", NULL, 0, {"unmatched \"}\""}, 0},
    {MAIN, 36, "/* no end", NULL, 0, {"unterminated comment"}, 0},
    {MAIN, 36, "\"lost\"", NULL, 0, {"expected a key or a section", "\"lost\""}, 0},
    {MAIN, 36, "target \"t\" { login = \"x\"", NULL, 0, {"target \"t\"", "not closed"}, 2},
    {MAIN, 12, "", NULL, 8, {"server \"office\"", "not closed", "line 15"}, 0},
    {MAIN, 2, "domains = {\"example.org\", \"b\"", NULL, 0, {"list is not closed", "state_dir"}, 0},
    {MAIN, 2, "domains = {\"example.org\" \"b\"}", NULL, 0, {"missing comma before", "\"b\""}, 0},
    {MAIN, 2, "domains = {\"example.org\",, \"b\"}", NULL, 0, {"missing value before \",\""}, 0},
    {MAIN, 2, "domains = {{\"example.org\"}}", NULL, 0, {"unexpected \"{\" in a list"}, 2},
    {MAIN, 2, "domains = \"a.org\", \"b.org\"", NULL, 0, {"several values must be in braces"}, 0},
    {MAIN, 21, "folders = {\"\\Sent\"}", NULL, 0, {"\\S", "\\\\S", "single quotes"}, 0},
    {MAIN, 3, "state_dir = \"a\\x01b\"", NULL, 0, {"state_dir", "control character"}, 0},
    {MAIN, 3, "state_dir = \"a\xff\"", NULL, 0, {"state_dir", "not valid UTF-8"}, 0},
    {MAIN, 3, "\x01", NULL, 0, {"control character"}, 0},
    /* the top */
    {MAIN, 1, "", NULL, -1, {"instance is missing"}, 0},
    {MAIN, 1, "instance = \"a b\"", NULL, 0, {"instance", "\"a b\"", "letters, digits"}, 0},
    {MAIN, 2, "", NULL, -1, {"\"domains\" is not set"}, 0},
    {MAIN, 2, "domains = {}", NULL, 0, {"empty list"}, 0},
    {MAIN, 2, "domains = {\"me@example.org\"}", NULL, 0, {"domains", "without \"@\""}, 0},
    {MAIN, 2, "domains = {\"example.org\",\n\"exa mple\"}", NULL, 3, {"domains", "a domain"}, 0},
    {MAIN, 2, "domains = {\"exämple.org\"}", NULL, 0, {"domains", "xn--"}, 0},
    {MAIN, 3, "state_dir = \"\"", NULL, 0, {"state_dir is empty"}, 0},
    {MAIN, 4, "rules_dir = \"gone\"", NULL, 0, {"rules_dir", "gone", "No such file"}, 0},
    {MAIN, 5, "accounts_file = \"gone.csv\"", NULL, 0, {"gone.csv", "No such file"}, 0},
    {MAIN, 5, "accounts_file = \"rules.d\"", NULL, 0, {"rules.d", "not a regular file"}, 0},
    {MAIN, 6, "internal_wait = 10", NULL, 0, {"internal_wait", "\"10\"", "such as 30s"}, 0},
    {MAIN, 6, "internal_wait = 2h", NULL, 0, {"internal_wait", "0s to 3600s"}, 0},
    {MAIN, 6, "idle_renew = 30m", NULL, 0, {"idle_renew", "1s to 1740s"}, 0},
    {MAIN, 6, "poll_interval = 0", NULL, 0, {"poll_interval", "1s to"}, 0},
    {MAIN, 6, "safety_poll = soon", NULL, 0, {"safety_poll", "\"soon\""}, 0},
    {MAIN, 7, "removed_fields = {\"X-A:\"}", NULL, 0, {"removed_fields", "without \":\""}, 0},
    {MAIN, 7, "removed_fields = {\"from\"}", NULL, 0, {"removed_fields", "not needed to read"}, 0},
    /* servers */
    {MAIN, 8, "server \"of fice\" {", NULL, 0, {"server", "letters, digits"}, 2},
    {MAIN, 8, "server \"\" {", NULL, 0, {"1 to 64"}, 2},
    {MAIN, 36, "server \"office\" { imap = \"imaps://x\" }", NULL, 0, {"twice", "line 8"}, 0},
    {MAIN, 9, "imap = \"http://mail.example.org\"", NULL, 0, {"imaps://", "STARTTLS"}, 0},
    {MAIN, 9, "imap = \"mail.example.org\"", NULL, 0, {"imap", "imaps://"}, 0},
    {MAIN, 9, "imap = \"imaps://\"", NULL, 0, {"imap", "host name"}, 0},
    {MAIN, 9, "imap = \"imaps://mail.example.org:0\"", NULL, 0, {"port from 1 to 65535"}, 0},
    {MAIN, 9, "imap = \"imaps://mail.example.org:65536\"", NULL, 0, {"port from 1 to 65535"}, 0},
    {MAIN, 9, "imap = \"imaps://mail.example.org:imap\"", NULL, 0, {"port from 1"}, 0},
    {MAIN, 9, "imap = \"imaps://2001:db8::1\"", NULL, 0, {"IPv6", "brackets"}, 0},
    {MAIN, 9, "imap = \"imaps://[2001:db8::1\"", NULL, 0, {"IPv6 address between brackets"}, 0},
    {MAIN, 9, "imap = \"imaps://[2001:db8::1]993\"", NULL, 0, {"after the brackets"}, 0},
    {MAIN, 9, "imap = \"imaps://1.2.3.400\"", NULL, 0, {"host name, an IPv4"}, 0},
    {MAIN, 9, "imap = \"imaps://me@mail.example.org\"", NULL, 0, {"only a host"}, 0},
    {MAIN, 9, "imap = \"imap+plain://mail.example.org\"", NULL, 0, {"loopback", "imaps://"}, 0},
    {MAIN, 9, "imap = \"imap+plain://128.0.0.1\"", NULL, 0, {"loopback"}, 0},
    {MAIN, 9, "imap = \"imap+plain://localhost.example.org\"", NULL, 0, {"loopback"}, 0},
    {MAIN, 10, "smtp = \"smtp+plain://mail.example.org\"", NULL, 0, {"smtp", "loopback"}, 0},
    {MAIN, 10, "pop3 = \"imaps://mail.example.org\"", NULL, 0, {"pop3", "pop3s://"}, 0},
    {MAIN, 9, "", NULL, 16, {"server \"office\" has no imap"}, 5},
    {MAIN, 11, "max_sessions = many", NULL, 0, {"max_sessions", "whole number"}, 0},
    {MAIN, 11, "authserv_id = \"mx example\"", NULL, 0, {"authserv_id", "mx.example.org"}, 0},
    {MAIN, 11, "max_sessions = -1", NULL, 0, {"max_sessions", "whole number"}, 0},
    {MAIN, 31, "reply_to = \"officer\"", NULL, 0, {"reply_to", "\"officer\""}, 0},
    {MAIN, 11, "ca_file = \"alice.secret\"", NULL, 0, {"ca_file", "no certificate", "PEM"}, 0},
    {MAIN, 11, "ca_file = \"rules.d\"", NULL, 0, {"ca_file", "no certificate"}, 0},
    {MAIN, 19, "password_file = \"empty.secret\"", NULL, 0, {"empty.secret", "empty first"}, 0},
    {MAIN, 11, "ca_file = \"gone.pem\"", NULL, 0, {"ca_file", "gone.pem", "No such file"}, 0},
    {MAIN, 11, "master_user = \"vigil\"", NULL, 0, {"requires master_password_file"}, 0},
    {MAIN, 11, "master_password_file = \"alice.secret\"", NULL, 0, {"requires master_user"}, 0},
    {MAIN,
     11,
     "master_user = \"v\" master_password_file = \"open.secret\"",
     NULL,
     0,
     {"open.secret", "0644", "chmod 600"},
     0},
    /* accounts */
    {MAIN, 16, "server = \"ofice\"", NULL, 0, {"ofice", "not defined", "\"office\""}, 0},
    {MAIN, 36, "server \"b\" { imap = \"imaps://b\" }", NULL, 23, {"server is missing"}, 4},
    {MAIN, 17, "", NULL, 15, {"alice", "address is missing"}, 0},
    {MAIN, 17, "address = \"alice\"", NULL, 0, {"address", "\"alice\"", "alice@example.org"}, 0},
    {MAIN, 17, "address = \"a b@example.org\"", NULL, 0, {"address", "\"a b@"}, 0},
    {MAIN, 17, "address = \"a@ex_ämple.org\"", NULL, 0, {"address", "xn--"}, 0},
    {MAIN, 17, "address = \"bob@example.org\"", NULL, 23, {"bob", "alice", "line 15"}, 0},
    {MAIN, 24, "address = \"ALICE@Example.org\"", NULL, 23, {"account \"alice\"", "line 15"}, 2},
    {MAIN, 18, "aliases = {\"x\"}", NULL, 0, {"aliases", "an address"}, 0},
    {MAIN, 18, "aliases = {\"bob@example.org\"}", NULL, 23, {"bob@example.org", "alice"}, 0},
    {MAIN, 18, "aliases = {\"x@example.org\", \"X@example.org\"}", NULL, 15, {"appears twice"}, 0},
    {MAIN, 18, "aliases = {\"alice@example.org\"}", NULL, 15, {"appears twice"}, 0},
    {MAIN,
     24,
     "address = \"bob@example.org\" aliases = {\"a.liddell@example.org\"}",
     NULL,
     23,
     {"a.liddell@example.org", "alice", "line 15"},
     0},
    {MAIN, 19, "", NULL, 15, {"password_file", "oauth_token_command", "office"}, 0},
    {MAIN, 19, "password_file = \"gone\"", NULL, 0, {"gone", "No such file"}, 0},
    {MAIN, 19, "password_file = \"open.secret\"", NULL, 0, {"open.secret", "0644", "chmod"}, 0},
    {MAIN, 19, "password_file = \"group.secret\"", NULL, 0, {"group.secret", "0660"}, 0},
    {MAIN, 19, "password_file = \"rules.d\"", NULL, 0, {"not a regular file"}, 0},
    {MAIN, 19, "password_file = \"/dev/null\"", NULL, 0, {"/dev/null", "not a regular file"}, 0},
    {MAIN, 19, "password_file = \"credential:../x\"", NULL, 0, {"credential", "slash"}, 0},
    {MAIN, 19, "password_file = \"credential:x\"", NULL, 0, {"CREDENTIALS_DIRECTORY"}, 0},
    {MAIN,
     25,
     "password_file = \"alice.secret\" password_command = \"x\"",
     NULL,
     0,
     {"password_file and password_command", "mutually exclusive"},
     0},
    {MAIN, 19, "pasword_file = \"alice.secret\"", NULL, 0, {"pasword_file", "password_file"}, 2},
    {MAIN, 20, "monitor = maybe", NULL, 0, {"monitor", "true or false"}, 0},
    {MAIN, 21, "folders = {\"\\\\Drafts\"}", NULL, 0, {"folders", "\\Drafts", "special use"}, 0},
    {MAIN, 21, "folders = {\"Sent*\"}", NULL, 0, {"folders", "wildcard"}, 0},
    {MAIN, 21, "folders = {\"\"}", NULL, 0, {"folders", "is empty"}, 0},
    {MAIN, 23, "account \"b/ob\" {", NULL, 0, {"b/ob", "letters, digits"}, 0},
    {MAIN, 23, "account \"alice\" {", NULL, 0, {"alice", "twice", "line 15"}, 2},
    /* targets */
    {MAIN, 28, "", NULL, 27, {"compliance", "login is missing"}, 0},
    {MAIN, 29, "", NULL, 27, {"compliance", "password_file"}, 0},
    {MAIN, 28, "login = \"m\" server = \"gone\"", NULL, 0, {"gone", "not defined"}, 0},
    {MAIN, 30, "folder = \"M/%{usr}\"", NULL, 0, {"%{...}", "%{user}"}, 0},
    {MAIN, 30, "folder = \"M/%Q\"", NULL, 0, {"unknown conversion"}, 0},
    {MAIN, 30, "folder = \"M//x\"", NULL, 0, {"empty part"}, 0},
    {MAIN, 30, "folder = \"\"", NULL, 0, {"folder", "is empty"}, 0},
    {MAIN, 31, "form = \"whole\"", NULL, 0, {"form", "rewritten, attached or headers"}, 0},
    {MAIN, 27, "target \"complianc\" {", RULES, 1, {"compliance", "neither", "complianc"}, 0},
    {MAIN,
     34,
     "subject_incoming = \"" FIFTY FIFTY FIFTY FIFTY "1"
     "\"",
     NULL,
     0,
     {"subject_incoming", "200"},
     0},
    /* lists and rules */
    {RULES,
     1,
     "list \"board\" { targets = {\"complience\"} }",
     NULL,
     0,
     {"complience", "neither a target nor a list", "compliance"},
     0},
    {RULES, 1, "list \"board\" { }", NULL, 0, {"board", "targets is missing"}, 0},
    {RULES, 1, "list \"board\" { targets = {\"board\"} }", NULL, 0, {"cycle", "board -> board"}, 0},
    {RULES,
     1,
     "list \"board\" { targets = {\"b\"} }\nlist \"b\" { targets = {\"board\"} }",
     NULL,
     0,
     {"cycle", "board -> b -> board"},
     0},
    {RULES, 13, "list \"compliance\" { targets = {\"board\"} }", NULL, 0, {"same name"}, 0},
    {MAIN,
     36,
     "list \"board\" { targets = {\"compliance\"} }",
     RULES,
     1,
     {"already defined", "mailvigil.conf", "line 36"},
     0},
    {MAIN,
     36,
     "rule \"privileged\" { exempt = true addresses = {\"x@y.zz\"} }",
     RULES,
     9,
     {"already defined", "line 36"},
     0},
    {RULES,
     13,
     "account \"x\" { address = \"x@example.org\" }",
     NULL,
     0,
     {"account", "only contain list and rule sections"},
     0},
    {RULES,
     13,
     "domains = {\"x\"}",
     NULL,
     0,
     {"domains", "only contain list and rule sections"},
     0},
    {RULES, 3, "", NULL, 2, {"at least one of incoming, outgoing"}, 0},
    {RULES, 3, "outgoing = \"some\"", NULL, 0, {"outgoing", "all, selected or none"}, 0},
    {RULES, 3, "outgoin = \"all\"", NULL, 0, {"rule \"outgoing\"", "outgoin", "\"outgoing\""}, 2},
    {RULES, 4, "", NULL, 2, {"targets is missing"}, 0},
    {RULES, 4, "targets = {\"bord\"}", NULL, 0, {"bord", "neither", "board"}, 0},
    {RULES, 4, "targets = {\"board\",\n\"gone\"}", NULL, 5, {"gone", "neither"}, 0},
    {RULES, 5, "sample = 100.5", NULL, 0, {"sample", "0 to 100"}, 0},
    {RULES, 5, "sample = -1", NULL, 0, {"sample", "0 to 100"}, 0},
    {RULES, 5, "sample = 1.", NULL, 0, {"sample", "0 to 100"}, 0},
    {RULES, 5, "undecided = maybe", NULL, 0, {"undecided", "copy or skip"}, 0},
    {RULES, 6, "users = {\"alcie\"}", NULL, 0, {"users", "alcie", "\"alice\""}, 0},
    {RULES,
     6,
     "not_users = {\"nobody@example.com\"}",
     NULL,
     0,
     {"not_users", "unknown account"},
     0},
    {RULES, 7, "min_size = 10kilo", NULL, 0, {"min_size", "10kB, 10KiB"}, 0},
    {RULES, 7, "max_size = 99999999999TB", NULL, 0, {"max_size", "10kB"}, 0},
    {RULES, 7, "min_size = 2MB max_size = 1MB", NULL, 0, {"min_size", "max_size"}, 0},
    {RULES, 7, "since = \"2026-13-01\"", NULL, 0, {"since", "month"}, 0},
    {RULES, 7, "since = \"2026-02-29\"", NULL, 0, {"since", "day"}, 0},
    {RULES, 7, "until = \"31.12.2026\"", NULL, 0, {"until", "2026-01-31"}, 0},
    {RULES, 7, "since = 2030-02-01 until = 2030-01-31", NULL, 0, {"since", "until"}, 0},
    {RULES, 7, "subject = {\"*ok*\",\n\"/(/\"}", NULL, 8, {"subject", "/(/", "parenthes"}, 0},
    {RULES, 7, "from = {\"/x/q\"}", NULL, 0, {"from", "/x/q"}, 0},
    {RULES, 7, "body = {'/[/'}", NULL, 0, {"body", "/[/"}, 0},
    {RULES, 7, "header = {\"no colon\"}", NULL, 0, {"header", "colon"}, 0},
    {RULES, 7, "hours = \"Mon-Fri 25:00-26:00\"", NULL, 0, {"hours"}, 0},
    {RULES, 7, "hours = \"Mon-Fri 08:00-18:00 Europe/Nowhere\"", NULL, 0, {"hours"}, 0},
    {RULES, 7, "exempt = true", NULL, 4, {"exempt rule copies nothing"}, 2},
    {RULES, 7, "encrypted = false", NULL, 0, {"encrypted can only be true"}, 0},
    {RULES, 11, "addresses = {\"a@b.test\"} encrypted = true", NULL, 0, {"it cannot exempt"}, 0},
    {RULES, 7, "addresses = {\"x@example.org\"}", NULL, 0, {"addresses", "exempt"}, 0},
    {RULES, 10, "exempt = perhaps", NULL, 0, {"exempt", "true or false"}, 4},
    {RULES, 11, "", NULL, 10, {"exempt", "addresses"}, 0},
    {RULES, 11, "addresses = {\"x@y\"} targets = {\"board\"}", NULL, 0, {"copies nothing"}, 0},
    {RULES, 11, "subject = {\"private*\"}", NULL, 10, {"exempt", "addresses or users"}, 0},
    {RULES, 11, "addresses = {\"x@y\"} sample = 5", NULL, 0, {"exempt", "sample"}, 0},
    {RULES, 11, "addresses = {\"x@y\"} undecided = copy", NULL, 0, {"exempt", "undecided"}, 0},
    {RULES, 11, "addresses = {}", NULL, 0, {"privileged", "empty list"}, 2},
    {RULES, 9, "rule \"a b\" {", NULL, 0, {"a b", "letters, digits"}, 0},
    {MAIN, 20, "watch = perhaps", NULL, 0, {"watch", "true or false"}, 0},
    {MAIN, 36, "status { listen = \"8025\" }", NULL, 0, {"listen", "127.0.0.1:8025"}, 0},
    {MAIN, 36, "status { }\nstatus { }", NULL, 37, {"status", "twice", "line 36"}, 0},
    /* the accounts file */
    {CSV,
     1,
     "address,logn,monitor,aliases,password_file",
     NULL,
     0,
     {"unknown column", "logn", "\"login\""},
     0},
    {CSV,
     1,
     "login,login,monitor,aliases,password_file",
     NULL,
     0,
     {"duplicate column", "login"},
     2},
    {CSV, 1, "a@example.org,,,,alice.secret", NULL, 0, {"column \"address\" is missing"}, 6},
    {CSV, 2, "carol,carol,yes,,carol.secret", NULL, 0, {"address", "\"carol\""}, 0},
    {CSV, 2, ",carol,yes,,carol.secret", NULL, 0, {"address is missing"}, 0},
    {CSV,
     2,
     "carol@example.org,carol,yes,carol.secret",
     NULL,
     0,
     {"4 fields", "header line has 5"},
     0},
    {CSV, 2, "carol@example.org,carol,ja,,carol.secret", NULL, 0, {"monitor", "true or"}, 0},
    {CSV, 2, "carol@example.org,carol,yes,c,carol.secret", NULL, 0, {"aliases", "\"c\""}, 0},
    {CSV, 2, "carol@example.org,carol,yes,,", NULL, 0, {"password_file is missing"}, 0},
    {CSV, 2, "carol@example.org,carol,yes,,open.secret", NULL, 0, {"open.secret", "0644"}, 0},
    {CSV, 2, "\"carol@example.org,carol,yes,,open.secret", NULL, 0, {"not terminated"}, 0},
    {CSV, 2, "ca\"rol@example.org,carol,yes,,carol.secret", NULL, 0, {"stray quote"}, 0},
    {CSV, 2, "\"carol@example.org\"x,carol,yes,,carol.secret", NULL, 0, {"after closing quote"}, 0},
    {CSV, 3, "Carol@example.org,c2,yes,,carol.secret", NULL, 0, {"carol@", "line 2"}, 0},
    {CSV, 3, "carol@example.org,c2,yes,,carol.secret", NULL, 0, {"already defined", "line 2"}, 0},
    {CSV,
     3,
     "dave@example.org,,,bob@example.org,dave.secret",
     NULL,
     0,
     {"bob@example.org", "mailvigil.conf", "line 23"},
     0},
    {CSV, 3, "dave@example.org,a\x02,,,dave.secret", NULL, 0, {"control characters"}, 0},
};

static bool has_words(const char *text, const char *const words[4])
{
    for (size_t i = 0; i < 4 && words[i] != NULL; i++)
        if (strstr(text, words[i]) == NULL)
            return false;
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static bool is_reported(const struct fixture *f, const struct mistake *mistake)
{
    const char *file = mistake->told_in != NULL ? mistake->told_in : mistake->file;
    int line = mistake->reported_at != 0 ? mistake->reported_at : mistake->line;

    for (size_t i = 0; i < f->problems.count; i++) {
        const struct config_problem *problem = &f->problems.problems[i];
        if (!problem->warning && ends_with(problem->file, file) &&
            problem->line == (line > 0 ? line : 0) && has_words(problem->text, mistake->words))
            return true;
    }
    return false;
}

static const char *text_of(const char *file)
{
    if (strcmp(file, MAIN) == 0)
        return main_text;
    return strcmp(file, RULES) == 0 ? rules_text : csv_text;
}

static void test_mistakes(void **state)
{
    struct fixture *f = *state;
    size_t failures = 0;

    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        const struct mistake *mistake = &mistakes[i];
        char *text = config_files_replace(text_of(mistake->file), mistake->line, mistake->by);
        config_files_write(&f->files, mistake->file, text, 0644);
        load(f);
        size_t expected = mistake->errors > 0 ? mistake->errors : 1;
        size_t errors = config_errors(&f->problems);
        if (f->config != NULL || !is_reported(f, mistake) || errors != expected) {
            char *reported = config_files_problems(&f->problems);
            print_error("%s:%d: %s\nexpected %zu errors, one of them with \"%s\", got %zu:\n%s\n",
                        mistake->file, mistake->line, mistake->by, expected, mistake->words[0],
                        errors, reported);
            free(reported);
            failures++;
        }
        config_files_write(&f->files, mistake->file, text_of(mistake->file), 0644);
        free(text);
    }
    assert_int_equal(failures, 0);
}

/* ---- what a good configuration means ---- */

static void test_good(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_int_equal(f->problems.count, 0);
    assert_string_equal(f->config->instance, "example.org");
    assert_int_equal(f->config->n_accounts, 4);
    assert_int_equal(f->config->n_targets, 1);
    assert_int_equal(f->config->rules->count, 2);
    assert_string_equal(f->config->lists[0], "board");
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_int_equal(f->config->internal_wait, 10);
    assert_int_equal(f->config->idle_renew, 540);
    assert_int_equal(f->config->poll_interval, 60);
    assert_int_equal(f->config->safety_poll, 600);
    const struct account *bob = config_account(f->config, "bob");
    assert_string_equal(bob->login, "bob@example.org");
    assert_string_equal(bob->server->name, "office");
    assert_false(bob->monitor);
    assert_string_equal(bob->folders[0], "INBOX");
    assert_string_equal(bob->folders[1], "\\Sent");
    assert_null(bob->folders[2]);
    assert_null(bob->aliases[0]);
}

static void test_paths_are_relative_to_the_file(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    char *expected = config_files_path(&f->files, "alice.secret");
    assert_string_equal(config_account(f->config, "alice")->secret.password_file, expected);
    free(expected);
    expected = config_files_path(&f->files, "state");
    assert_string_equal(f->config->state_dir, expected);
    free(expected);
}

static void test_lists_become_targets(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    const struct rule *rule = &f->config->rules->rules[0];
    assert_string_equal(rule->targets[0], "compliance");
    assert_null(rule->targets[1]);
}

static void test_lists_of_lists(void **state)
{
    struct fixture *f = *state;

    config_files_write(&f->files, "rules.d/05-lists.conf",
                       "list \"a\" { targets = {\"b\", \"compliance\"} }\n"
                       "list \"b\" { targets = {\"c\"} }\n"
                       "list \"c\" { targets = {\"board\", \"compliance\"} }\n"
                       "rule \"x\" { incoming = \"all\" targets = {\"a\", \"board\"} }\n",
                       0644);
    must_load(f);
    const struct rule *rule = &f->config->rules->rules[0];
    assert_string_equal(rule->name, "x");
    assert_string_equal(rule->targets[0], "compliance");
    assert_null(rule->targets[1]);
}

static void test_account_by_address(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_ptr_equal(config_account(f->config, "Carol@Example.org"),
                     config_account(f->config, "carol@example.org"));
    assert_non_null(config_account(f->config, "alice"));
    assert_null(config_account(f->config, "nobody"));
    assert_null(config_target(f->config, "nothing"));
}

static void replace_main(struct fixture *f, int line, const char *by)
{
    char *text = config_files_replace(main_text, line, by);

    config_files_write(&f->files, MAIN, text, 0644);
    free(text);
}

struct url_case {
    const char *url, *host;
    int port;
    enum security security;
};

static void test_urls(void **state)
{
    static const struct url_case cases[] = {
        {"imaps://mail.example.org", "mail.example.org", 993, SECURITY_TLS},
        {"IMAPS://mail.example.org/", "mail.example.org", 993, SECURITY_TLS},
        {"imap://mail.example.org", "mail.example.org", 143, SECURITY_STARTTLS},
        {"imap://192.0.2.1:1143", "192.0.2.1", 1143, SECURITY_STARTTLS},
        {"imaps://[2001:db8::1]", "2001:db8::1", 993, SECURITY_TLS},
        {"imaps://[2001:db8::1]:1993", "2001:db8::1", 1993, SECURITY_TLS},
        {"imap+plain://localhost:1143", "localhost", 1143, SECURITY_PLAIN},
        {"imap+plain://127.9.9.9", "127.9.9.9", 143, SECURITY_PLAIN},
        {"imap+plain://[::1]:65535", "::1", 65535, SECURITY_PLAIN},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *line = xasprintf("imap = \"%s\"", cases[i].url);
        replace_main(f, 9, line);
        must_load(f);
        const struct endpoint *imap = &f->config->servers[0]->imap;
        assert_string_equal(imap->host, cases[i].host);
        assert_int_equal(imap->port, cases[i].port);
        assert_int_equal(imap->security, cases[i].security);
        free(line);
    }
}

static void test_domains_are_lowered_and_once(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 2, "domains = {\"Example.ORG\", \"example.org\", \"example.net\"}");
    must_load(f);
    assert_string_equal(f->config->rules->domains[0], "example.org");
    assert_string_equal(f->config->rules->domains[1], "example.net");
    assert_null(f->config->rules->domains[2]);
}

static void test_master_user_needs_no_passwords(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 11, "master_user = \"vigil\" master_password_file = \"alice.secret\"");
    config_files_write(&f->files, CSV, "address\nx@example.org\n", 0644);
    must_load(f);
    assert_null(config_account(f->config, "x@example.org")->secret.password_file);
}

/* A dollar sign is one, whatever the environment holds. */
static void test_no_environment(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 34, "subject_incoming = \"${HOME}$ '\"");
    must_load(f);
    assert_string_equal(f->config->rules->subject_prefix[0], "${HOME}$ '");
}

static void test_single_quotes_keep_backslashes(void **state)
{
    struct fixture *f = *state;
    char *text = config_files_replace(rules_text, 7, "subject = {'/a\\.b\\d/', \"/\\\\d/\"}");

    config_files_write(&f->files, RULES, text, 0644);
    free(text);
    must_load(f);
    assert_string_equal(f->config->rules->rules[0].subject[0], "/a\\.b\\d/");
    assert_string_equal(f->config->rules->rules[0].subject[1], "/\\d/");
}

static void test_dates(void **state)
{
    struct fixture *f = *state;
    char *text = config_files_replace(rules_text, 7, "since = 2030-01-01 until = \"2030-01-01\"");

    config_files_write(&f->files, RULES, text, 0644);
    free(text);
    must_load(f);
    const struct rule *rule = &f->config->rules->rules[0];
    assert_int_equal(rule->since, 1893456000);
    assert_int_equal(rule->until, 1893456000 + 86400);
}

static void test_absent_default_rules_dir(void **state)
{
    struct fixture *f = *state;
    char *rules = config_files_path(&f->files, RULES),
         *directory = config_files_path(&f->files, "rules.d");

    replace_main(f, 4, "rule \"r\" { incoming = \"all\" targets = {\"compliance\"} }");
    unlink(rules);
    rmdir(directory);
    must_load(f);
    assert_int_equal(f->config->rules->count, 1);
    free(rules);
    free(directory);
}

/* Only *.conf, no hidden ones, by name. */
static void test_rules_in_name_order(void **state)
{
    static const char text[] = "rule \"%s\" { incoming = \"all\" targets = {\"compliance\"} }\n";
    struct fixture *f = *state;
    char *first = xasprintf(text, "first"), *last = xasprintf(text, "last");

    config_files_write(&f->files, "rules.d/90-last.conf", last, 0644);
    config_files_write(&f->files, "rules.d/05-first.conf", first, 0644);
    config_files_write(&f->files, "rules.d/06-off.conf.disabled", "nonsense", 0644);
    config_files_write(&f->files, "rules.d/.hidden.conf", "nonsense", 0644);
    free(first);
    free(last);
    must_load(f);
    assert_int_equal(f->config->rules->count, 4);
    assert_string_equal(f->config->rules->rules[0].name, "first");
    assert_string_equal(f->config->rules->rules[3].name, "last");
}

/* ---- all mistakes at once, and then none ---- */

static void test_all_files_are_read(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 3, "state_dir = \"x");
    config_files_write(&f->files, RULES, "rule \"r\" {\n sample = x", 0644);
    config_files_write(&f->files, CSV, "address\nx\n", 0644);
    load(f);
    assert_null(f->config);
    const struct mistake expected[] = {
        {MAIN, 3, NULL, NULL, 0, {"unterminated string"}, 0},
        {RULES, 1, NULL, NULL, 0, {"not closed"}, 0},
        {RULES, 2, NULL, NULL, 0, {"sample"}, 0},
        {CSV, 2, NULL, NULL, 0, {"an address"}, 0},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        assert_true(is_reported(f, &expected[i]));
}

/* libconfuse keeps its place inside a string over a failed load. */
static void test_good_after_bad(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 3, "state_dir = \"x");
    load(f);
    assert_null(f->config);
    write_all(f);
    must_load(f);
}

static void test_problems_come_in_order(void **state)
{
    struct fixture *f = *state;

    replace_main(f, 20, "monitor = maybe");
    config_files_write(&f->files, RULES, "nonsense = 1\n", 0644);
    load(f);
    char *text = config_files_problems(&f->problems);
    const char *first = strstr(text, "mailvigil.conf:20: "),
               *later = strstr(text, "10-all.conf:1: ");
    assert_non_null(first);
    assert_non_null(later);
    assert_true(first < later);
    free(text);
}

static void test_files_that_are_none(void **state)
{
    struct fixture *f = *state;

    snprintf(f->files.main, sizeof(f->files.main), "%s/gone.conf", f->files.directory);
    load(f);
    assert_null(f->config);
    assert_int_equal(config_errors(&f->problems), 1);
    assert_string_equal(f->problems.problems[0].file, f->files.main);
}

static void test_nul_in_file(void **state)
{
    struct fixture *f = *state;
    FILE *out = fopen(f->files.main, "a");

    fputc('\0', out);
    fclose(out);
    load(f);
    assert_null(f->config);
    assert_non_null(strstr(f->problems.problems[0].text, "NUL"));
}

/* ---- warnings ---- */

struct hint {
    const char *file;
    int line;
    const char *by;
    int reported_at;
    const char *word;
};

static void test_warnings(void **state)
{
    static const struct hint warnings[] = {
        {MAIN, 36, "alert { command = \"/bin/true\" }", 36, "no probe"},
        {MAIN, 20, "monitor = true watch = false", 20, "watch = false"},
        {MAIN, 36, "target \"spare\" { login = \"m\" password_file = \"alice.secret\" }", 36,
         "not used by any rule"},
        {MAIN, 36,
         "target \"spare\" { login = \"monitor@example.org\" password_file = \"alice.secret\" "
         "folder = \"Monitor/%Y-%m\" }",
         36, "same mailbox"},
        {MAIN, 24, "address = \"bob@elsewhere.org\"", 23, "not in \"domains\""},
        {MAIN, 24, "address = \"bob@example.org\" login = \"alice@example.org\"", 23,
         "captured twice"},
        {MAIN, 19, "password_file = \"blank.secret\"", 19, "blank at the end"},
        {MAIN, 25, "password_file = \"mark.secret\"", 25, "byte-order mark"},
        {MAIN, 30, "reply_to = \"officer@example.org\"", 30, "no effect"},
        {MAIN, 11, "master_user = m master_password_file = \"blank.secret\"", 11, "blank at"},
        {CSV, 3, "dave@example.org,,,,blank.secret", 3, "blank at the end"},
        {RULES, 13, "list \"spare\" { targets = {\"compliance\"} }", 13, "not used by any rule"},
        {RULES, 11, "addresses = {\"*@lawyers.test\"}", 11, "no authserv_id"},
        {RULES, 11, "addresses = {\"x@example.org\", \"/x/\"}", 11, "no authserv_id"},
        {RULES, 11, "users = {\"alice\"} subject = {\"*private*\"}", 11, "decides by its subject"},
        {RULES, 3, "outgoing = \"none\"", 2, "selects nothing"},
        {RULES, 5, "sample = 0", 5, "selects nothing"},
        {RULES, 7, "until = \"2001-01-01\"", 7, "has expired"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(warnings) / sizeof(*warnings); i++) {
        const struct hint *w = &warnings[i];
        char *text = config_files_replace(text_of(w->file), w->line, w->by);
        config_files_write(&f->files, w->file, text, 0644);
        free(text);
        load(f);
        bool reported = false;
        for (size_t n = 0; n < f->problems.count; n++) {
            const struct config_problem *problem = &f->problems.problems[n];
            reported |= problem->warning && problem->line == w->reported_at &&
                        ends_with(problem->file, w->file) && strstr(problem->text, w->word) != NULL;
        }
        bool refused = strstr(w->by, "elsewhere") != NULL; /* a rule names the old address */
        if (!reported || (f->config == NULL && !refused)) {
            char *shown = config_files_problems(&f->problems);
            print_error("%s", shown);
            free(shown);
            fail_msg("%s: expected a warning with \"%s\"", w->by, w->word);
        }
        config_files_write(&f->files, w->file, text_of(w->file), 0644);
    }
}

static void test_undecided(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_false(f->config->rules->rules[0].skip_undecided);
    char *text = config_files_replace(rules_text, 7, "undecided = \"skip\"");
    config_files_write(&f->files, RULES, text, 0644);
    free(text);
    must_load(f);
    assert_true(f->config->rules->rules[0].skip_undecided);
}

static void test_reply_to(void **state)
{
    struct fixture *f = *state;
    char *text = config_files_replace(main_text, 31,
                                      "form = \"headers\" reply_to = \"officer@EXAMPLE.org\"");

    config_files_write(&f->files, MAIN, text, 0644);
    free(text);
    must_load(f);
    assert_int_equal(f->problems.count, 0);
    assert_string_equal(f->config->targets[0]->reply_to, "officer@example.org");
}

/* ---- printing ---- */

static char *print(const struct config *config)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    config_print(config, out);
    fclose(out);
    return text;
}

/* What is printed loads again, prints the same and decides the same. */
static void test_print_loads_again(void **state)
{
    struct fixture *f = *state;
    char *text = config_files_replace(
        rules_text, 7,
        "min_size = 10kB max_size = 2MiB from = {\"*@a.test\"} to = {'/\\bx\\$/i'} "
        "subject = {\"say \\\"hi\\\" $1\"} header = {\"X-Class: secret\"} body = {\"/x/\"} "
        "attachment = {\"any\"} encrypted = true since = \"2026-01-01\" until = \"2999-12-31\" "
        "hours = \"Mon-Fri 08:00-18:00 UTC\" undecided = \"skip\" purpose = \"p\\\\q\" approved_by "
        "= \"the board\"");

    config_files_write(&f->files, RULES, text, 0644);
    free(text);
    must_load(f);
    char *first = print(f->config), digest[65];
    memcpy(digest, f->config->rules_digest, sizeof(digest));
    config_files_write(&f->files, MAIN, first, 0644);
    config_files_write(&f->files, RULES, "", 0644);
    must_load(f);
    char *second = print(f->config);
    assert_string_equal(first, second);
    assert_string_equal(digest, f->config->rules_digest);
    free(first);
    free(second);
}

/* ---- the digest ---- */

static void test_digest_sees(void **state)
{
    static const struct {
        const char *file;
        int line;
        const char *by;
        bool changes;
    } cases[] = {
        {MAIN, 36, "# another comment", false},
        {MAIN, 19, "password_command = \"true\"", false},
        {MAIN, 6, "internal_wait = 20s", false},
        {MAIN, 2, "domains = {\"example.org\"}", true},
        {MAIN, 18, "", true},
        {MAIN, 20, "", true},
        {MAIN, 21, "folders = {\"INBOX\"}", true},
        {MAIN, 30, "folder = \"M\"", true},
        {MAIN, 31, "form = \"headers\"", true},
        {MAIN, 34, "", true},
        {RULES, 5, "sample = 6", true},
        {RULES, 6, "users = {\"alice\"}", true},
        {RULES, 7, "min_size = 1", true},
        {MAIN, 11, "ca_file = \"ca.pem\"", false},
        {RULES, 7, "undecided = copy", false},
        {RULES, 7, "undecided = skip", true},
        {RULES, 7, "encrypted = true", true},
        {RULES, 11, "addresses = {\"other@example.org\"}", true},
        {CSV, 2, "carol@example.org,carol,no,c@example.org,carol.secret", true},
    };
    struct fixture *f = *state;
    char digest[65];

    must_load(f);
    memcpy(digest, f->config->rules_digest, sizeof(digest));
    assert_int_equal(strlen(digest), 64);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = config_files_replace(text_of(cases[i].file), cases[i].line, cases[i].by);
        config_files_write(&f->files, cases[i].file, text, 0644);
        must_load(f);
        if ((strcmp(digest, f->config->rules_digest) != 0) != cases[i].changes)
            fail_msg("%s: the digest %s", cases[i].by,
                     cases[i].changes ? "stays the same" : "changes");
        config_files_write(&f->files, cases[i].file, text_of(cases[i].file), 0644);
        free(text);
    }
}

static void test_digest_ignores_order_of_accounts(void **state)
{
    struct fixture *f = *state;
    char digest[65];

    must_load(f);
    memcpy(digest, f->config->rules_digest, sizeof(digest));
    config_files_write(&f->files, CSV,
                       "password_file,address,login,aliases,monitor\r\n"
                       "dave.secret,dave@example.org,,,\r\n"
                       "carol.secret,carol@example.org,carol,c@example.org,yes\r\n",
                       0644);
    must_load(f);
    assert_string_equal(digest, f->config->rules_digest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mistakes),
        TEST(test_good),
        TEST(test_defaults),
        TEST(test_paths_are_relative_to_the_file),
        TEST(test_lists_become_targets),
        TEST(test_lists_of_lists),
        TEST(test_account_by_address),
        TEST(test_urls),
        TEST(test_domains_are_lowered_and_once),
        TEST(test_master_user_needs_no_passwords),
        TEST(test_no_environment),
        TEST(test_single_quotes_keep_backslashes),
        TEST(test_dates),
        TEST(test_absent_default_rules_dir),
        TEST(test_rules_in_name_order),
        TEST(test_all_files_are_read),
        TEST(test_good_after_bad),
        TEST(test_problems_come_in_order),
        TEST(test_files_that_are_none),
        TEST(test_nul_in_file),
        TEST(test_warnings),
        TEST(test_undecided),
        TEST(test_reply_to),
        TEST(test_print_loads_again),
        TEST(test_digest_sees),
        TEST(test_digest_ignores_order_of_accounts),
    };

    unsetenv("CREDENTIALS_DIRECTORY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
