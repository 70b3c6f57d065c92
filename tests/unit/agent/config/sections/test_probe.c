/* Probes, reflectors, alerts, the status page, and the accounts that are for probes only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sys/socket.h>

#include "agent/config/config_files.h"
#include "agent/config/same.h"

/* ---- a configuration without mistakes, line by line ---- */

static const char main_text[] =
    "instance = \"example.org\" domains = {\"example.org\"} state_dir = \"state\"    # 1\n"
    "server \"office\" {\n"
    "    imap = \"imaps://mail.example.org\" smtp = \"smtp://mail.example.org:587\"\n"
    "    pop3 = \"pop3s://mail.example.org\"\n"
    "}                                                                               # 5\n"
    "server \"mx\" { smtp = \"smtp://mx.example.org\" }\n"
    "server \"old\" { pop3 = \"pop3s://old.example.org\" imap = \"imaps://old.example.org\" }\n"
    "account \"alice\" { server = \"office\" address = \"alice@example.org\" password_file = \"p\" "
    "}\n"
    "account \"probe\" {\n"
    "    server = \"office\" address = \"probe@example.org\" password_file = \"p\"  # 10\n"
    "    watch = false\n"
    "}\n"
    "target \"t\" { server = \"office\" login = \"t\" password_file = \"p\" }\n"
    "rule \"r\" { incoming = \"all\" targets = {\"t\"} }\n"
    "probe \"imap\" {                                                                # 15\n"
    "    type = \"imap\"\n"
    "    server = \"office\"\n"
    "    account = \"alice\"\n"
    "    every = 30s\n"
    "    timeout = 1.5s                                                              # 20\n"
    "    warn = 500ms\n"
    "    crit = \"~:2s\"\n"
    "    expect_capability = {\"IDLE\", \"UIDPLUS\"}\n"
    "    maintenance = {\"Sun 02:00-04:00 Europe/Berlin\", \"Mon 22:00-23:00\"}\n"
    "    # free                                                                      # 25\n"
    "}\n"
    "probe \"mx\" {\n"
    "    type = \"smtp\"\n"
    "    server = \"mx\"\n"
    "    from = \"probe@Example.ORG\" to = \"postmaster@Example.ORG\"                # 30\n"
    "    # free\n"
    "}\n"
    "probe \"space\" {\n"
    "    type = \"mailbox\"\n"
    "    account = \"probe\"                                                         # 35\n"
    "    newest_warn = 1h newest_crit = 2h oldest_crit = 30d\n"
    "    count_warn = 1000 count_crit = \"@5000:6000\" quota_warn = 80 quota_crit = 90%\n"
    "    # free\n"
    "}\n"
    "probe \"loop\" {                                                                # 40\n"
    "    type = \"roundtrip\"\n"
    "    server = \"office\"\n"
    "    from = \"probe@example.org\"\n"
    "    password_file = \"p\"\n"
    "    to = \"scout@company.test\"                                                 # 45\n"
    "    return_account = \"probe\"\n"
    "    secret_file = \"keys\"\n"
    "    crit = 10m\n"
    "    # free\n"
    "}                                                                               # 50\n"
    "probe \"pop3\" {\n"
    "    type = \"pop3\"\n"
    "    server = \"old\" account = \"alice\" family = ipv6\n"
    "    # free\n"
    "}                                                                               # 55\n"
    "reflector \"scout\" {\n"
    "    account = \"probe\"\n"
    "    reply_to = \"answers@Example.ORG\"\n"
    "    secret_file = \"keys\"\n"
    "    # free                                                                      # 60\n"
    "}\n"
    "alert { command = {\"/bin/true\", \"-x\"} probes = {\"imap\", \"loop\"} }\n"
    "alert { webhook = \"https://hooks.example.org/x?y=z\" }\n"
    "status { }\n"
    "# free                                                                          # 65\n";

struct fixture {
    struct config_files files;
    struct config_problems problems;
    struct config *config;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    config_files_write(&f->files, "mailvigil.conf", main_text, 0644);
    config_files_write(&f->files, "p", "secret\n", 0600);
    config_files_write(&f->files, "ca", config_files_certificate, 0644);
    config_files_write(&f->files, "keys", "0123456789abcdef0123456789abcdef\n", 0600);
    config_files_write(&f->files, "open", "0123456789abcdef0123456789abcdef\n", 0644);
    config_files_write(&f->files, "short", "0123456789\n", 0600);
    config_files_write(&f->files, "program", "#!/bin/sh\n", 0644);
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

static void replace(struct fixture *f, int line, const char *by)
{
    char *text = config_files_replace(main_text, line, by);

    config_files_write(&f->files, "mailvigil.conf", text, 0644);
    free(text);
}

/* ---- mistakes ---- */

struct mistake {
    int line;
    const char *by;
    int reported_at; /* 0: the same line */
    const char *words[4];
    size_t errors; /* how many are reported in all; 0: one */
};

static const struct mistake mistakes[] = {
    /* type, and keys of other types */
    {16, "", 15, {"probe \"imap\"", "type is missing"}, 0},
    {16, "type = \"imp\"", 0, {"type is \"imp\"", "mailbox or roundtrip", "mean \"imap\""}, 0},
    {16, "type = \"ping\"", 0, {"type is \"ping\"", "imap, pop3, smtp, mailbox"}, 0},
    {25, "evry = 60s", 0, {"unknown key", "evry", "\"every\""}, 0},
    {25,
     "folder = \"a\" to = \"a@b.cc\"",
     0,
     {"to is only valid for", "smtp and roundtrip", "is imap"},
     0},
    {25,
     "count_warn = 5",
     0,
     {"count_warn is only valid for probes of type mailbox", "is imap"},
     0},
    {25, "lost = 1h", 0, {"lost is only valid for probes of type roundtrip"}, 0},
    {25, "password_file = \"p\"", 0, {"password_file", "smtp and roundtrip"}, 0},
    {31, "folder = \"INBOX\"", 0, {"folder", "imap and mailbox", "is smtp"}, 0},
    {31, "dedicated = true", 0, {"dedicated", "roundtrip", "is smtp"}, 0},
    {38, "expect_capability = {\"IDLE\"}", 0, {"expect_capability", "imap, pop3 and smtp"}, 0},
    {49, "account = \"alice\"", 0, {"account", "imap, pop3, smtp and mailbox"}, 0},
    {49, "cert_warn = 21d", 0, {"cert_warn", "this one is roundtrip"}, 0},
    {49, "family = ipv4", 0, {"family", "this one is roundtrip"}, 0},
    /* server and account */
    {17, "server = \"ofice\"", 0, {"ofice", "not defined", "\"office\""}, 0},
    {17, "server = \"mx\"", 0, {"server \"mx\" has no imap"}, 0},
    {29, "server = \"old\"", 0, {"server \"old\" has no smtp"}, 0},
    {29, "", 27, {"probe \"mx\"", "server is missing"}, 0},
    {53, "server = \"mx\"", 0, {"server \"mx\" has no pop3"}, 0},
    {42, "server = \"old\"", 0, {"server \"old\" has no smtp"}, 0},
    {18, "account = \"alcie\"", 0, {"account \"alcie\"", "not defined", "\"alice\""}, 0},
    {18, "folder = \"INBOX\"", 0, {"folder requires an account"}, 0},
    {35, "server = \"office\"", 33, {"account is missing"}, 0},
    /* times */
    {19, "every = often", 0, {"every", "30s, 5m"}, 0},
    {19, "every = 0", 0, {"every", "1s to 86400s"}, 0},
    {19, "every = 2d", 0, {"every", "1s to 86400s"}, 0},
    {19, "every = 1s", 20, {"timeout is 1.5s", "less than \"every\"", "1s"}, 0},
    {20, "timeout = 30s", 0, {"timeout is 30s", "less than \"every\"", "30s"}, 0},
    {20, "timeout = 5", 0, {"timeout is \"5\"", "500ms, 1.5s"}, 0},
    {20, "timeout = 5ms", 0, {"timeout", "10ms to 10m"}, 0},
    {20, "timeout = 11m", 0, {"timeout", "10ms to 10m"}, 0},
    {38, "every = 10s", 0, {"timeout is 10s by default", "(10s)"}, 0},
    {49, "every = 5s", 0, {"every", "10s to 86400s"}, 0},
    /* thresholds */
    {21, "warn = fast", 0, {"warn is \"fast\"", "500ms"}, 0},
    {22, "crit = \"2s:1s\"", 0, {"crit", "does not end before"}, 0},
    {25, "cert_warn = soon", 0, {"cert_warn", "90d"}, 0},
    {25, "cert_crit = 400d", 0, {"cert_crit"}, 0},
    {36, "newest_warn = yesterday", 0, {"newest_warn", "a duration"}, 0},
    {37, "count_warn = 5s", 0, {"count_warn", "a number"}, 0},
    {37, "quota_warn = 80x", 0, {"quota_warn", "a number"}, 0},
    {25, "family = \"inet\"", 0, {"family", "ipv4 or ipv6"}, 0},
    /* damping */
    {25, "raise = 0", 0, {"raise", "2/3"}, 0},
    {25, "raise = \"3/2\"", 0, {"raise is \"3/2\"", "2/3"}, 0},
    {25, "raise = \"2/31\"", 0, {"raise", "30"}, 0},
    {25, "raise = \"4294967297/3\"", 0, {"raise"}, 0},
    {25, "raise = \"2/\"", 0, {"raise"}, 0},
    {25, "raise = \"/3\"", 0, {"raise"}, 0},
    {25, "raise = \"2/3 \"", 0, {"raise"}, 0},
    {25, "clear = 0", 0, {"clear", "1 to 30"}, 0},
    {25, "clear = 31", 0, {"clear", "1 to 30"}, 0},
    {25, "clear = \"2/3\"", 0, {"clear", "1 to 30"}, 0},
    {25, "hysteresis = 91", 0, {"hysteresis", "0 to 90"}, 0},
    {25, "hysteresis = \"-1\"", 0, {"hysteresis"}, 0},
    {24, "maintenance = {\"Sun 02:00-04:00\",\n\"Never\"}", 25, {"maintenance", "\"Never\""}, 0},
    {25, "remind = often", 0, {"remind", "30s"}, 0},
    /* SMTP */
    {30, "from = \"probe\" to = \"a@b.cc\"", 0, {"from", "an address"}, 0},
    {30, "to = \"postmaster\"", 0, {"to is \"postmaster\"", "an address"}, 0},
    {30, "from = \"probe@example.org\"", 0, {"\"from\" requires \"to\""}, 0},
    {30, "login = \"x\"", 0, {"no credentials", "password_command"}, 0},
    {30, "password_file = \"p\"", 0, {"login is missing"}, 0},
    {30, "login = \"x\" password_file = \"gone\"", 0, {"gone", "No such file"}, 0},
    {30, "login = \"x\" password_file = \"open\"", 0, {"open", "0644"}, 0},
    {30,
     "login = \"x\" account = \"alice\" password_file = \"p\"",
     0,
     {"login and password cannot"},
     0},
    {30,
     "login = \"x\" password_file = \"p\" password_command = \"x\"",
     0,
     {"mutually exclusive"},
     0},
    /* round trips */
    {43, "", 40, {"probe \"loop\"", "from is missing"}, 0},
    {44, "", 40, {"no credentials"}, 0},
    {45, "", 40, {"to is missing"}, 0},
    {45, "to = \"scout\"", 0, {"to is \"scout\"", "an address"}, 0},
    {46, "", 40, {"return_account is missing"}, 0},
    {46, "return_account = \"prob\"", 0, {"return_account", "\"prob\"", "\"probe\""}, 0},
    {46, "return_account = \"probe\" return_folder = \"\\\\Sent\"", 0, {"one folder"}, 0},
    {49, "return_folder = \"In*\"", 0, {"return_folder", "one folder"}, 0},
    {49, "junk_folder = \"\"", 0, {"junk_folder", "one folder"}, 0},
    {49, "reply_to = \"me\"", 0, {"reply_to", "an address"}, 0},
    {47, "", 40, {"secret_file is missing"}, 0},
    {47, "secret_file = \"gone\"", 0, {"secret_file", "gone", "No such file"}, 0},
    {47, "secret_file = \"open\"", 0, {"secret_file", "open", "0644"}, 0},
    {47, "secret_file = \"short\"", 0, {"secret_file", "short", "16"}, 0},
    {48, "crit = 10m lost = 10m", 0, {"crit is \"10m\"", "less than \"lost\"", "600s"}, 0},
    {48, "crit = 24h", 0, {"crit is \"24h\"", "less than \"lost\"", "86400s"}, 0},
    {48, "crit = \"10:\"", 0, {"crit", "for a round trip", "10m"}, 0},
    {48, "crit = \"@1s:5s\"", 0, {"crit", "for a round trip"}, 0},
    {49, "lost = 31d", 0, {"lost"}, 0},
    {49, "dedicated = often", 0, {"dedicated", "true or false"}, 0},
    /* reflectors */
    {57, "", 56, {"reflector \"scout\"", "account is missing"}, 2},
    {57, "account = \"nobody\" server = \"office\"", 0, {"\"nobody\"", "not defined"}, 0},
    {57, "account = \"probe\" server = \"old\"", 0, {"server \"old\" has no smtp"}, 0},
    {58, "", 56, {"reply_to is missing"}, 0},
    {58, "reply_to = \"x\"", 0, {"reply_to", "an address"}, 0},
    {58, "reply_to = \"PROBE@example.org\"", 0, {"reply_to", "loop back"}, 0},
    {59, "", 56, {"secret_file is missing"}, 0},
    {59, "secret_file = \"open\"", 0, {"open", "0644"}, 0},
    {60, "address = \"x\"", 0, {"address", "an address"}, 0},
    {60, "sender = \"x\"", 0, {"sender", "an address"}, 0},
    {60, "folder = \"*\"", 0, {"folder", "one folder"}, 0},
    {60, "keep = 31d", 0, {"keep"}, 0},
    {60, "dedicated = 2", 0, {"dedicated", "true or false"}, 0},
    {60, "every = 5m", 0, {"unknown key", "every", "key of probe sections"}, 0},
    /* alerts and status */
    {62, "alert { }", 0, {"alert", "a command or a webhook"}, 0},
    {62, "alert { probes = {\"imap\"} }", 0, {"a command or a webhook"}, 0},
    {62, "alert \"a\" { command = \"/bin/true\" }", 0, {"alert takes no name"}, 0},
    {62, "alert { command = \"true\" }", 0, {"command", "\"true\"", "not an absolute path"}, 0},
    {62, "alert { command = {\"/gone/x\"} }", 0, {"/gone/x", "No such file"}, 0},
    {62, "alert { command = \"/etc/passwd\" }", 0, {"/etc/passwd", "not executable"}, 0},
    {62, "alert { command = \"/tmp\" }", 0, {"/tmp", "not a regular file"}, 0},
    {62, "alert { command = \"/bin/true\" probes = {\"imp\"} }", 0, {"\"imp\"", "\"imap\""}, 0},
    {63, "alert { webhook = \"http://hooks.example.org/\" }", 0, {"webhook", "loopback"}, 0},
    {63, "alert { webhook = \"hooks.example.org\" }", 0, {"webhook", "https://"}, 0},
    {63, "alert { webhook = \"ftp://hooks.example.org\" }", 0, {"webhook", "https://"}, 0},
    {63, "alert { webhook = \"https://\" }", 0, {"webhook"}, 0},
    {63, "alert { webhook = \"https://a b/\" }", 0, {"webhook"}, 0},
    {63, "alert { webhook = \"https://me:pw@hooks.example.org/\" }", 0, {"without user name"}, 0},
    {63, "alert { webhook = \"https://hooks.example.org:70000/\" }", 0, {"webhook"}, 0},
    {63, "alert { webhook = \"https://x.org\" ca_file = \"gone\" }", 0, {"gone", "No such"}, 0},
    {63, "alert { command = \"/bin/true\" ca_file = \"p\" }", 0, {"ca_file requires a webhook"}, 0},
    {64, "status { listen = \"8025\" }", 0, {"listen", "127.0.0.1:8025"}, 0},
    {65, "status { }", 0, {"status", "twice", "line 64"}, 0},
    {65, "probe \"imap\" { type = \"imap\" server = \"office\" }", 0, {"twice", "line 15"}, 0},
    {65, "probe \"a b\" { type = \"imap\" server = \"office\" }", 0, {"letters, digits"}, 0},
    {65, "probe { type = \"imap\" server = \"office\" }", 0, {"probe requires a name"}, 0},
    /* accounts that are for probes only */
    {11,
     "watch = true }\naccount \"x\" { server = \"mx\" address = \"x@example.org\" "
     "password_file = \"p\"",
     12,
     {"server \"mx\" has no imap"},
     0},
    {11,
     "watch = false }\naccount \"x\" { server = \"mx\" address = \"x@example.org\" "
     "password_file = \"p\" watch = false }\nprobe \"y\" { type = \"mailbox\" account = \"x\"",
     13,
     {"server \"mx\" has no imap"},
     0},
};

static bool is_told(const struct fixture *f, const struct mistake *mistake)
{
    int line = mistake->reported_at != 0 ? mistake->reported_at : mistake->line;

    for (size_t i = 0; i < f->problems.count; i++) {
        const struct config_problem *problem = &f->problems.problems[i];
        bool all = !problem->warning && problem->line == line;
        for (size_t w = 0; all && w < 4 && mistake->words[w] != NULL; w++)
            all = strstr(problem->text, mistake->words[w]) != NULL;
        if (all)
            return true;
    }
    return false;
}

static void test_mistakes(void **state)
{
    struct fixture *f = *state;
    size_t failures = 0;

    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        const struct mistake *mistake = &mistakes[i];
        replace(f, mistake->line, mistake->by);
        load(f);
        size_t expected = mistake->errors > 0 ? mistake->errors : 1;
        size_t errors = config_errors(&f->problems);
        if (f->config == NULL && is_told(f, mistake) && errors == expected)
            continue;
        char *reported = config_files_problems(&f->problems);
        print_error("%d: %s\nexpected %zu errors, one of them with \"%s\", got %zu:\n%s\n",
                    mistake->line, mistake->by, expected, mistake->words[0], errors, reported);
        free(reported);
        failures++;
    }
    assert_int_equal(failures, 0);
}

struct hint {
    int line;
    const char *by;
    int reported_at;
    const char *words;
};

static void test_warnings(void **state)
{
    static const struct hint hints[] = {
        {22, "crit = 400ms", 21, "warn is not below crit"},
        {22, "crit = 500ms", 21, "warn is not below crit"},
        {36, "newest_warn = 2h newest_crit = 1h", 36, "newest_warn is not below newest_crit"},
        {37, "quota_warn = 95 quota_crit = 90", 37, "quota_warn is not below quota_crit"},
        {25, "cert_warn = 5d", 25, "cert_warn is not longer"},
        {25, "cert_crit = 30d", 25, "cert_warn is not longer"},
        {49, "every = 60s", 49, "use 5m or more"},
        {46, "return_account = \"alice\"", 46, "watch = false"},
        {57, "account = \"alice\"", 57, "watch = false"},
        {11, "watch = false monitor = true", 11, "watch = false"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
        replace(f, hints[i].line, hints[i].by);
        must_load(f);
        if (f->problems.count != 1 || f->problems.problems[0].line != hints[i].reported_at ||
            strstr(f->problems.problems[0].text, hints[i].words) == NULL) {
            char *reported = config_files_problems(&f->problems);
            fail_msg("%s: expected one warning on line %d with \"%s\", got:\n%s", hints[i].by,
                     hints[i].reported_at, hints[i].words, reported);
        }
    }
}

static void test_no_warnings(void **state)
{
    static const struct hint hints[] = {
        {65, "# as it is", 0, NULL},
        {22, "crit = \"10:\"", 0, NULL},
        {25, "cert_warn = 0", 0, NULL},
        {45, "to = \"scout@example.org\" every = 10s timeout = 5s", 0, NULL},
        {49, "every = 5m", 0, NULL},
        {63, "alert { webhook = \"http://127.0.0.1:8080/x\" }", 0, NULL},
        {63, "alert { webhook = \"http://[::1]:8080/x\" }", 0, NULL},
        {63, "alert { webhook = \"HTTP://localhost\" command = \"/bin/true\" }", 0, NULL},
        {63, "alert { webhook = \"https://[2001:db8::1]/x\" ca_file = \"ca\" }", 0, NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
        replace(f, hints[i].line, hints[i].by);
        must_load(f);
        char *reported = config_files_problems(&f->problems);
        assert_string_equal(reported, "");
        free(reported);
    }
}

/* Without anybody to watch there need be no rule, and only probes make it a configuration. */
static void test_probes_only(void **state)
{
    static const char top[] = "instance = \"x\" domains = {\"example.org\"} state_dir = \"s\"\n"
                              "server \"mx\" { smtp = \"smtp://mx.example.org\" }\n";
    struct fixture *f = *state;
    char *text = xasprintf("%sprobe \"mx\" { type = \"smtp\" }\n", top);

    config_files_write(&f->files, "mailvigil.conf", text, 0644);
    must_load(f);
    assert_int_equal(f->problems.count, 0);
    free(text);
    config_files_write(&f->files, "mailvigil.conf", top, 0644);
    must_load(f);
    assert_int_equal(f->problems.count, 2); /* no account, no rule */
}

/* ---- what a good configuration means ---- */

static const struct probe *probe(const struct fixture *f, const char *name)
{
    const struct probe *found = config_probe(f->config, name);

    assert_non_null(found);
    return found;
}

static void assert_range(const struct range *range, double start, double end, bool inside)
{
    assert_true(range->set);
    assert_true(range->start == start && range->end == end);
    assert_int_equal(range->inside, inside);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    const struct probe *mx = probe(f, "mx"), *loop = probe(f, "loop");
    assert_int_equal(mx->every, 60);
    assert_int_equal(mx->timeout, 10000);
    assert_int_equal(mx->cert_warn, 21 * 86400);
    assert_int_equal(mx->cert_crit, 7 * 86400);
    assert_false(mx->warn.set || mx->crit.set);
    assert_null(mx->expect_capability[0]);
    assert_null(mx->maintenance[0]);
    assert_null(mx->account);
    assert_null(mx->login);
    assert_int_equal(mx->family, AF_UNSPEC);
    assert_int_equal(mx->raise_failures, 2);
    assert_int_equal(mx->raise_of, 3);
    assert_int_equal(mx->clear, 2);
    assert_true(mx->hysteresis == 0.1);
    assert_int_equal(mx->remind, 0);
    assert_int_equal(loop->every, 300);
    assert_int_equal(loop->lost, 86400);
    assert_string_equal(loop->return_folder, "INBOX");
    assert_null(loop->junk_folder);
    assert_false(loop->dedicated);
    assert_string_equal(probe(f, "imap")->folder, "INBOX");
    assert_null(config_probe(f->config, "nothing"));
}

static void test_service_probes(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    const struct probe *imap = probe(f, "imap"), *mx = probe(f, "mx"), *pop3 = probe(f, "pop3");
    assert_int_equal(imap->type, PROBE_IMAP);
    assert_int_equal(imap->every, 30);
    assert_int_equal(imap->timeout, 1500);
    assert_range(&imap->warn, 0, 0.5, false);
    assert_range(&imap->crit, -INFINITY, 2, false);
    assert_string_equal(imap->account->name, "alice");
    assert_string_equal(imap->expect_capability[1], "UIDPLUS");
    assert_null(imap->expect_capability[2]);
    assert_non_null(imap->maintenance[1]);
    assert_null(imap->maintenance[2]);
    assert_string_equal(imap->maintenance_texts[1], "Mon 22:00-23:00");
    assert_string_equal(mx->from, "probe@example.org");
    assert_string_equal(mx->to, "postmaster@example.org");
    assert_int_equal(pop3->family, AF_INET6);
    assert_string_equal(pop3->server->name, "old");
}

static void test_mailbox_probe(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    const struct probe *space = probe(f, "space");
    assert_string_equal(space->server->name, "office"); /* the account's */
    assert_range(&space->newest_warn, 0, 3600, false);
    assert_range(&space->newest_crit, 0, 7200, false);
    assert_false(space->oldest_warn.set);
    assert_range(&space->oldest_crit, 0, 30 * 86400, false);
    assert_range(&space->count_warn, 0, 1000, false);
    assert_range(&space->count_crit, 5000, 6000, true);
    assert_range(&space->quota_warn, 0, 80, false);
    assert_range(&space->quota_crit, 0, 90, false);
}

static void test_roundtrip_probe(void **state)
{
    struct fixture *f = *state;
    char *keys = config_files_path(&f->files, "keys");

    must_load(f);
    const struct probe *loop = probe(f, "loop");
    assert_string_equal(loop->login, "probe@example.org"); /* from */
    assert_non_null(loop->secret.password_file);
    assert_string_equal(loop->return_account->name, "probe");
    assert_string_equal(loop->reply_to, "probe@example.org");
    assert_string_equal(loop->secret_file, keys);
    assert_range(&loop->crit, 0, 600, false);
    free(keys);
}

static void test_reflector(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_int_equal(f->config->n_reflectors, 1);
    const struct reflector *scout = f->config->reflectors[0];
    assert_string_equal(scout->account->name, "probe");
    assert_string_equal(scout->server->name, "office");
    assert_string_equal(scout->address, "probe@example.org");
    assert_string_equal(scout->reply_to, "answers@example.org");
    assert_string_equal(scout->folder, "INBOX");
    assert_string_equal(scout->sender, "");
    assert_int_equal(scout->keep, 86400);
    assert_false(scout->dedicated);
}

static void test_alerts_and_status(void **state)
{
    struct fixture *f = *state;

    must_load(f);
    assert_int_equal(f->config->n_alerts, 2);
    const struct alert *command = f->config->alerts[0], *webhook = f->config->alerts[1];
    assert_string_equal(command->command[0], "/bin/true");
    assert_string_equal(command->command[1], "-x");
    assert_null(command->command[2]);
    assert_string_equal(command->probes[1], "loop");
    assert_null(command->webhook);
    assert_int_equal(command->line, 62);
    assert_null(webhook->command);
    assert_string_equal(webhook->webhook, "https://hooks.example.org/x?y=z");
    assert_null(webhook->probes[0]);
    assert_string_equal(f->config->status_listen, "127.0.0.1:8025");
}

static void test_damping(void **state)
{
    static const struct {
        const char *by;
        unsigned failures, of;
    } cases[] = {{"raise = 1", 1, 1},
                 {"raise = 3", 3, 3},
                 {"raise = \"1/5\"", 1, 5},
                 {"raise = \"30/30\" clear = 30 hysteresis = 0 remind = 4h", 30, 30}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        replace(f, 25, cases[i].by);
        must_load(f);
        assert_int_equal(probe(f, "imap")->raise_failures, cases[i].failures);
        assert_int_equal(probe(f, "imap")->raise_of, cases[i].of);
    }
    assert_int_equal(probe(f, "imap")->clear, 30);
    assert_true(probe(f, "imap")->hysteresis == 0);
    assert_int_equal(probe(f, "imap")->remind, 4 * 3600);
}

/* ---- the same as before ---- */

static struct config *load_as_it_is(struct fixture *f)
{
    struct config *config;

    must_load(f);
    config = f->config;
    f->config = NULL;
    return config;
}

/* What is replaced by what changes which probe or reflector; NULL: none. */
static const struct {
    int line;
    const char *by, *changed;
} changes[] = {
    {65, "probe \"new\" { type = \"smtp\" server = \"mx\" }", NULL},
    {15, "\n\nprobe \"imap\" {", NULL},
    {8,
     "account \"alice\" { server = \"office\" address = \"alice@example.org\" password_file = "
     "\"p\" monitor = true }",
     NULL},
    {19, "every = 31s", "imap"},
    {20, "timeout = 1400ms", "imap"},
    {21, "warn = 600ms", "imap"},
    {21, "", "imap"},
    {22, "crit = \"2s\"", "imap"},
    {23, "expect_capability = {\"IDLE\"}", "imap"},
    {24, "maintenance = {\"Sun 02:00-04:00 Europe/Berlin\"}", "imap"},
    {25, "folder = \"Work\"", "imap"},
    {25, "family = ipv4", "imap"},
    {25, "raise = \"2/4\"", "imap"},
    {25, "raise = \"3/3\"", "imap"},
    {25, "clear = 3", "imap"},
    {25, "hysteresis = 5", "imap"},
    {25, "remind = 1h", "imap"},
    {25, "cert_warn = 20d", "imap"},
    {25, "cert_crit = 6d", "imap"},
    {18, "account = \"probe\"", "imap"},
    {18, "", "imap"},
    {16, "type = \"pop3\"", "imap"},
    {29, "server = \"office\"", "mx"},
    {6, "server \"mx\" { smtp = \"smtp://mx2.example.org\" }", "mx"},
    {6, "server \"mx\" { smtp = \"smtps://mx.example.org\" }", "mx"},
    {6, "server \"mx\" { smtp = \"smtp://mx.example.org\" ca_file = \"ca\" }", "mx"},
    {30, "to = \"postmaster@example.org\"", "mx"},
    {30, "from = \"probe@example.org\" to = \"abuse@example.org\"", "mx"},
    {31, "login = \"x\" password_file = \"p\"", "mx"},
    {36, "newest_warn = 1h newest_crit = 3h oldest_crit = 30d", "space"},
    {36, "newest_warn = 1h newest_crit = 2h oldest_crit = 31d", "space"},
    {36, "newest_warn = 1h newest_crit = 2h oldest_crit = 30d oldest_warn = 1d", "space"},
    {37, "count_crit = \"@5000:6000\" quota_warn = 80 quota_crit = 90", "space"},
    {37, "count_warn = 1000 count_crit = \"5000:6000\" quota_warn = 80 quota_crit = 90", "space"},
    {44, "password_command = \"x\"", "loop"},
    {45, "to = \"scout2@company.test\"", "loop"},
    {46, "return_account = \"probe\" return_folder = \"Probes\"", "loop"},
    {47, "secret_file = \"./keys\"", "loop"},
    {49, "lost = 23h", "loop"},
    {49, "junk_folder = \"Spam\"", "loop"},
    {49, "reply_to = \"x@example.org\"", "loop"},
    {49, "dedicated = true", "loop"},
    {57, "account = \"probe\" server = \"mx\"", "scout"},
    {58, "reply_to = \"y@example.org\"", "scout"},
    {59, "secret_file = \"./keys\"", "scout"},
    {60, "address = \"z@example.org\"", "scout"},
    {60, "folder = \"x\"", "scout"},
    {60, "sender = \"probe@example.org\"", "scout"},
    {60, "keep = 2d", "scout"},
    {60, "dedicated = yes", "scout"},
};

static void test_same(void **state)
{
    struct fixture *f = *state;
    struct config *before = load_as_it_is(f);

    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        const char *changed = changes[i].changed != NULL ? changes[i].changed : "";
        replace(f, changes[i].line, changes[i].by);
        must_load(f);
        for (size_t k = 0; k < before->n_probes; k++) {
            const struct probe *was = before->probes[k];
            if (probe_same(was, probe(f, was->name)) == (strcmp(was->name, changed) == 0))
                fail_msg("\"%s\" and probe %s", changes[i].by, was->name);
        }
        if (reflector_same(before->reflectors[0], f->config->reflectors[0]) ==
            (strcmp("scout", changed) == 0))
            fail_msg("\"%s\" and the reflector", changes[i].by);
    }
    config_free(before);
}

/* An account is compared too: its login, its secret, its server. */
static void test_same_by_account(void **state)
{
    static const char *const others[] = {
        "account \"alice\" { server = \"office\" address = \"alice@example.org\" "
        "password_file = \"keys\" }",
        "account \"alice\" { server = \"office\" address = \"alice@example.org\" "
        "password_file = \"p\" login = \"al\" }",
        "account \"alice\" { server = \"old\" address = \"alice@example.org\" "
        "password_file = \"p\" }",
    };
    struct fixture *f = *state;
    struct config *before = load_as_it_is(f);

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        replace(f, 8, others[i]);
        must_load(f);
        assert_false(probe_same(config_probe(before, "imap"), probe(f, "imap")));
        assert_true(probe_same(config_probe(before, "space"), probe(f, "space")));
    }
    config_free(before);
}

/* What is printed can be loaded again and means the same. */
static void test_printed(void **state)
{
    struct fixture *f = *state;
    struct config *before = load_as_it_is(f);
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    config_print(before, out);
    fclose(out);
    config_files_write(&f->files, "mailvigil.conf", text, 0644);
    must_load(f);
    assert_int_equal(f->problems.count, 0);
    assert_int_equal(f->config->n_probes, before->n_probes);
    for (size_t i = 0; i < before->n_probes; i++)
        if (!probe_same(before->probes[i], f->config->probes[i]))
            fail_msg("%s is another one:\n%s", before->probes[i]->name, text);
    assert_true(reflector_same(before->reflectors[0], f->config->reflectors[0]));
    assert_int_equal(f->config->n_alerts, 2);
    assert_string_equal(f->config->alerts[0]->command[1], "-x");
    assert_string_equal(f->config->status_listen, before->status_listen);
    assert_false(config_account(f->config, "probe")->watch);
    assert_true(config_account(f->config, "alice")->watch);
    free(text);
    config_free(before);
}

/* By which rules a message was judged does not depend on who is probed. */
static void test_digest_without_probes(void **state)
{
    struct fixture *f = *state;
    struct config *before = load_as_it_is(f);

    replace(f, 10, "server = \"office\" address = \"other@example.org\" password_file = \"p\"");
    must_load(f);
    assert_string_equal(before->rules_digest, f->config->rules_digest);
    replace(f, 11, "watch = true");
    must_load(f);
    assert_string_not_equal(before->rules_digest, f->config->rules_digest);
    config_free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mistakes),        TEST(test_warnings),          TEST(test_no_warnings),
        TEST(test_probes_only),     TEST(test_defaults),          TEST(test_service_probes),
        TEST(test_mailbox_probe),   TEST(test_roundtrip_probe),   TEST(test_reflector),
        TEST(test_damping),         TEST(test_alerts_and_status), TEST(test_same),
        TEST(test_same_by_account), TEST(test_printed),           TEST(test_digest_without_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
