#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/command/check.h"
#include "agent/command/users.h"
#include "agent/config/config_files.h"

static const char main_text[] =
    "instance = \"example.org\"\n"
    "domains = {\"example.org\"} state_dir = \"state\"\n"
    "server \"office\" {\n"
    "    imap = \"imaps://mail.example.org\"\n"
    "    master_user = \"vigil\"\n"
    "    authserv_id = \"mx.example.org\"\n"
    "    master_password_file = \"master.secret\"\n"
    "}\n"
    "account \"alice\" { address = \"alice@example.org\" monitor = true }\n"
    "account \"bob\" { address = \"bob@example.org\" }\n"
    "account \"carol\" { address = \"carol@example.org\" aliases = {\"c@example.org\"} }\n"
    "account \"council\" { address = \"council@example.org\" monitor = true }\n"
    "target \"compliance\" { login = \"m\" folder = \"A\" }\n"
    "target \"auditor\" { login = \"m\" folder = \"B\" }\n"
    "list \"board\" { targets = {\"compliance\", \"auditor\"} }\n"
    "rule \"out\" { outgoing = \"selected\" targets = {\"board\"} sample = 2.5 min_size = 10kB }\n"
    "rule \"in-carol\" { incoming = \"all\" users = {\"c@example.org\"} targets = {\"auditor\"} }\n"
    "rule \"privileged\" { exempt = true addresses = {\"council@*\"} approved_by = \"the board\" "
    "}\n";

struct fixture {
    struct config_files files;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    config_files_write(&f->files, "mailvigil.conf", main_text, 0644);
    config_files_write(&f->files, "master.secret", "x\n", 0600);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    config_files_end(&f->files);
    free(f);
    return 0;
}

static char *users(struct fixture *f, bool json)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(users_command(f->files.main, json, out, stderr), 0);
    fclose(out);
    return text;
}

static void test_at_a_glance(void **state)
{
    struct fixture *f = *state;
    char *text = users(f, false);

    assert_string_equal(
        text, "Monitored: 2 of 4\n"
              "  account  address            selected  rule      directions  copied to            "
              "only if\n"
              "  alice    alice@example.org  yes       out       outgoing    compliance, auditor  "
              "sample 2.5 %, min_size\n"
              "  carol    carol@example.org  no        in-carol  incoming    auditor\n"
              "\n"
              "Not monitored: 2\n"
              "  account  address              selected  why\n"
              "  bob      bob@example.org      no        not selected\n"
              "  council  council@example.org  yes       exempt\n"
              "\n"
              "Exempt, never copied:\n"
              "  addresses  rule        only if  approved by\n"
              "  council@*  privileged           the board\n");
    free(text);
}

static void test_json(void **state)
{
    static const char *const parts[] = {
        "{\"instance\":\"example.org\",",
        ("{\"account\":\"alice\",\"address\":\"alice@example.org\",\"aliases\":[],"
         "\"server\":\"office\",\"selected\":true,\"monitored\":true,\"reason\":null,\"takes\":["
         "{\"rule\":\"out\",\"directions\":[\"outgoing\"],\"targets\":[\"compliance\",\"auditor\"],"
         "\"sample\":\"2.5\",\"undecided\":\"copy\",\"conditions\":[\"min_size\"]}]}"),
        "\"monitored\":false,\"reason\":\"not_selected\",\"takes\":[]}",
        ("\"exempt\":[{\"rule\":\"privileged\",\"addresses\":[\"council@*\"],\"conditions\":[],"
         "\"purpose\":null,\"approved_by\":\"the board\"}]}"),
    };
    struct fixture *f = *state;
    char *text = users(f, true);

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("%s\nis not in\n%s", parts[i], text);
    free(text);
}

struct reason_case {
    const char *rules; /* instead of line 15 to 17 */
    const char *line;  /* that is shown */
};

static void test_reasons(void **state)
{
    static const struct reason_case cases[] = {
        {"", "  alice    alice@example.org    yes       selected, but no rule applies\n"},
        {"", "  bob      bob@example.org      no        no rule applies\n"},
        {"rule \"r\" { incoming = \"selected\" targets = {\"compliance\"} sample = 0 }",
         "  alice    alice@example.org    yes       selected, but no rule applies\n"},
        {"rule \"r\" { incoming = \"all\" not_users = {\"b*\"} targets = {\"compliance\"} }",
         "  bob      bob@example.org  no        no rule applies\n"},
        {"account \"probe\" { address = \"probe@example.org\" watch = false }\n"
         "rule \"r\" { incoming = \"all\" targets = {\"compliance\"} }",
         "Not monitored: 1\n"
         "  account  address            selected  why\n"
         "  probe    probe@example.org  no        used by probes only\n"},
        {"rule \"r\" { incoming = \"all\" body = {\"*x*\"} undecided = skip targets = "
         "{\"auditor\"} }",
         "  alice    alice@example.org    yes       r     incoming    auditor    body, not if "
         "undecided\n"},
        /* exempt in one direction only, or only for some messages: still monitored */
        {"rule \"r\" { incoming = \"all\" outgoing = \"all\" targets = {\"compliance\"} }\n"
         "rule \"e\" { exempt = true incoming = \"all\" addresses = {\"bob@example.org\"} }",
         "  bob      bob@example.org      no        r     outgoing            compliance\n"},
        {"rule \"r\" { incoming = \"all\" targets = {\"compliance\"} }\n"
         "rule \"e\" { exempt = true subject = {\"*x*\"} addresses = {\"bob@example.org\"} }",
         "  bob      bob@example.org      no        r     incoming    compliance\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *base = xmemdup0(main_text, (size_t)(strstr(main_text, "rule \"out\"") - main_text));
        char *whole = xasprintf("%s%s\n", base, cases[i].rules);
        config_files_write(&f->files, "mailvigil.conf", whole, 0644);
        char *text = users(f, false);
        if (strstr(text, cases[i].line) == NULL)
            fail_msg("%s\nis not in\n%s", cases[i].line, text);
        free(text);
        free(whole);
        free(base);
    }
}

/* ---- check, and what both do with a faulty configuration ---- */

struct outputs {
    char *out, *err;
    size_t out_len, err_len;
    int status;
};

static struct outputs check(struct fixture *f)
{
    struct outputs o = {0};
    FILE *out = open_memstream(&o.out, &o.out_len), *err = open_memstream(&o.err, &o.err_len);

    o.status = check_configuration(f->files.main, out, err);
    fclose(out);
    fclose(err);
    return o;
}

static void test_check(void **state)
{
    struct fixture *f = *state;
    struct outputs o = check(f);

    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(o.out, "4 accounts, 2 targets, 3 rules"));
    assert_non_null(strstr(o.out, "\naccount \"alice\" {\n"));
    free(o.out);
    free(o.err);
}

static void test_check_finds_that_nobody_is_monitored(void **state)
{
    static const struct {
        const char *rules, *words; /* NULL: nothing is found */
    } cases[] = {
        {"", "nobody is monitored, as there is no rule\n"},
        {"rule \"r\" { incoming = all sample = 0 targets = {\"auditor\"} }\n",
         "nobody is monitored, \"mail"},
        {"rule \"r\" { incoming = all targets = {\"auditor\"} }\n"
         "rule \"x\" { exempt = true addresses = {\"*\"} }\n",
         "nobody is monitored"},
        {"rule \"r\" { incoming = all targets = {\"auditor\"} }\n", NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *base = xmemdup0(main_text, (size_t)(strstr(main_text, "rule \"out\"") - main_text));
        char *whole = xasprintf("%s%s", base, cases[i].rules);
        config_files_write(&f->files, "mailvigil.conf", whole, 0644);
        struct outputs o = check(f);
        assert_int_equal(o.status, cases[i].words != NULL ? 1 : 0);
        if (cases[i].words != NULL && strstr(o.err, cases[i].words) == NULL)
            fail_msg("%s", o.err);
        assert_non_null(strstr(o.out, "\naccount \"alice\" {\n"));
        free(o.out);
        free(o.err);
        free(whole);
        free(base);
    }
}

/* Probes need no rules. */
static void test_check_of_probes_only(void **state)
{
    static const char text[] =
        "instance = \"example.org\" domains = {\"example.org\"} state_dir = \"state\"\n"
        "server \"office\" { imap = \"imaps://mail.example.org\" }\n"
        "probe \"imap\" { type = imap }\n";
    struct fixture *f = *state;

    config_files_write(&f->files, "mailvigil.conf", text, 0644);
    struct outputs o = check(f);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    free(o.out);
    free(o.err);
}

static void test_check_tells_where_the_state_cannot_be_made(void **state)
{
    struct fixture *f = *state;
    char *text = config_files_replace(main_text, 2,
                                      "domains = {\"example.org\"} state_dir = \"nowhere/state\"");

    config_files_write(&f->files, "mailvigil.conf", text, 0644);
    struct outputs o = check(f);
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.err, "nowhere before the first run"));
    free(o.out);
    free(o.err);
    free(text);
}

static void test_check_faulty(void **state)
{
    struct fixture *f = *state;

    config_files_write(&f->files, "mailvigil.conf", "instance = \"x\"\nserver \"s\" { }\n", 0644);
    struct outputs o = check(f);
    assert_int_equal(o.status, 78);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "mailvigil.conf:2: server \"s\""));
    assert_non_null(strstr(o.err, "is not valid"));
    free(o.out);
    free(o.err);
}

static void test_users_faulty(void **state)
{
    struct fixture *f = *state;
    char *text, *shown;
    size_t len, shown_len;
    FILE *err = open_memstream(&text, &len), *out = open_memstream(&shown, &shown_len);

    config_files_write(&f->files, "mailvigil.conf", "", 0644);
    assert_int_equal(users_command(f->files.main, false, out, err), 78);
    fclose(err);
    fclose(out);
    assert_non_null(strstr(text, "instance is missing"));
    assert_string_equal(shown, "");
    free(text);
    free(shown);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_at_a_glance),
        TEST(test_json),
        TEST(test_reasons),
        TEST(test_check_tells_where_the_state_cannot_be_made),
        TEST(test_check),
        TEST(test_check_faulty),
        TEST(test_check_finds_that_nobody_is_monitored),
        TEST(test_check_of_probes_only),
        TEST(test_users_faulty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
