#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "agent/config/config_files.h"
#include "agent/util/csv.h"

/* ---- CSV, RFC 4180 ---- */

struct csv_case {
    const char *text;
    const char *fields[5]; /* of the only record; NULL ends them */
    const char *fault;     /* a word of it, or NULL */
};

static void test_records(void **state)
{
    static const struct csv_case cases[] = {
        {"a,b,c\n", {"a", "b", "c"}, NULL},
        {"a,b", {"a", "b"}, NULL},
        {"a,b\r\n", {"a", "b"}, NULL},
        {",\n", {"", ""}, NULL},
        {"a,\n", {"a", ""}, NULL},
        {" a , b \n", {" a ", " b "}, NULL},
        {"\"a,b\",c\n", {"a,b", "c"}, NULL},
        {"\"a\"\"b\",\"\"\n", {"a\"b", ""}, NULL},
        {"\"a\nb\",c\n", {"a\nb", "c"}, NULL},
        {"\"a\r\nb\"\r\n", {"a\r\nb"}, NULL},
        {"\"\"\"\"\n", {"\""}, NULL},
        {"# comment\n\n\r\na\n", {"a"}, NULL},
        {"\xef\xbb\xbf"
         "a\n",
         {"a"},
         NULL},
        {"a\rb\n", {"a\rb"}, NULL},
        {"\"a", {"a"}, "not terminated"},
        {"\"a\"\"", {"a\""}, "not terminated"},
        {"\"a\"b,c\n", {"a", "c"}, "after closing"},
        {"a\"b\n", {"a\"b"}, "stray quote"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct csv csv;
        char *text = xstrdup(cases[i].text);
        csv_begin(&csv, text);
        assert_true(csv_next(&csv));
        for (size_t n = 0; cases[i].fields[n] != NULL; n++) {
            if (n >= csv.count || strcmp(csv.fields[n], cases[i].fields[n]) != 0)
                fail_msg("case %zu, field %zu: \"%s\"", i, n, n < csv.count ? csv.fields[n] : "");
            if (cases[i].fields[n + 1] == NULL)
                assert_int_equal(csv.count, n + 1);
        }
        assert_int_equal(csv.fault != NULL, cases[i].fault != NULL);
        if (cases[i].fault != NULL)
            assert_non_null(strstr(csv.fault, cases[i].fault));
        assert_false(csv_next(&csv));
        free(text);
    }
}

static void test_lines_are_counted(void **state)
{
    char text[] = "a\n\n# x\n\"b\nb\",\"\n\"\nc";
    const int lines[] = {1, 4, 7};
    struct csv csv;

    (void)state;
    csv_begin(&csv, text);
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        assert_true(csv_next(&csv));
        assert_int_equal(csv.line, lines[i]);
    }
    assert_false(csv_next(&csv));
}

static void test_too_many_fields(void **state)
{
    char text[200];
    struct csv csv;

    (void)state;
    memset(text, ',', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    csv_begin(&csv, text);
    assert_true(csv_next(&csv));
    assert_int_equal(csv.count, CSV_FIELDS_MAX);
    assert_non_null(csv.fault);
    assert_false(csv_next(&csv));
}

/* ---- accounts ---- */

static const char main_text[] = "instance = \"example.org\"\n"
                                "domains = {\"example.org\"}\n"
                                "accounts_file = \"users.csv\"\n"
                                "server \"office\" {\n"
                                "    imap = \"imaps://mail.example.org\"\n"
                                "    master_user = \"vigil\"\n"
                                "    master_password_file = \"master.secret\"\n"
                                "}\n"
                                "target \"t\" { login = \"m\" }\n"
                                "rule \"r\" { incoming = \"all\" targets = {\"t\"} }\n";
static const char second_server[] = "server \"other\" { imap = \"imaps://other.example.org\" }\n";

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
    config_files_write(&f->files, "master.secret", "x\n", 0600);
    config_files_write(&f->files, "own.secret", "x\n", 0600);
    *state = f;
    return 0;
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

static void load(struct fixture *f, const char *csv)
{
    config_files_write(&f->files, "users.csv", csv, 0644);
    f->config = config_load(f->files.main, &f->problems);
}

static void must_load(struct fixture *f, const char *csv)
{
    load(f, csv);
    if (f->config != NULL)
        return;
    char *text = config_files_problems(&f->problems);
    print_error("%s", text);
    free(text);
    fail_msg("the accounts are refused");
}

static void test_all_columns(void **state)
{
    struct fixture *f = *state;

    must_load(f, "folders,SERVER,password_file, aliases ,monitor,login,address\n"
                 "inbox;Archive/2026; \\sent,office,own.secret,"
                 "a@example.org; b@Example.ORG c@example.org,true,al,Alice@Example.org\n");
    const struct account *account = f->config->accounts[0];
    assert_string_equal(account->name, "Alice@example.org");
    assert_string_equal(account->address, "Alice@example.org");
    assert_string_equal(account->login, "al");
    assert_true(account->monitor);
    assert_string_equal(account->aliases[0], "a@example.org");
    assert_string_equal(account->aliases[1], "b@example.org");
    assert_string_equal(account->aliases[2], "c@example.org");
    assert_null(account->aliases[3]);
    assert_string_equal(account->folders[0], "INBOX");
    assert_string_equal(account->folders[1], "Archive/2026");
    assert_string_equal(account->folders[2], "\\Sent");
    assert_string_equal(account->server->name, "office");
    char *secret = config_files_path(&f->files, "own.secret");
    assert_string_equal(account->secret.password_file, secret);
    free(secret);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;

    must_load(f, "address,monitor\nalice@example.org,\n");
    const struct account *account = f->config->accounts[0];
    assert_string_equal(account->login, "alice@example.org");
    assert_false(account->monitor);
    assert_null(account->aliases[0]);
    assert_string_equal(account->folders[0], "INBOX");
    assert_string_equal(account->folders[1], "\\Sent");
    assert_null(account->secret.password_file);
    assert_int_equal(account->line, 2);
}

static void test_line_of_a_record_with_line_ends(void **state)
{
    struct fixture *f = *state;

    load(f, "address,aliases\nalice@example.org,\"a@example.org\n\"\nbob,\n");
    assert_null(f->config);
    char *text = config_files_problems(&f->problems);
    assert_non_null(strstr(text, "users.csv:4: address"));
    free(text);
}

static void test_two_servers(void **state)
{
    struct fixture *f = *state;
    char *both = xasprintf("%s%s", main_text, second_server);

    config_files_write(&f->files, "mailvigil.conf", both, 0644);
    free(both);
    config_files_write(&f->files, "own.secret", "x", 0600);
    load(f, "address,server,password_file\n"
            "a@example.org,office,\n"
            "b@example.org,,own.secret\n"
            "c@example.org,othr,own.secret\n"
            "d@example.org,other,\n");
    char *text = config_files_problems(&f->problems);
    assert_null(strstr(text, "users.csv:2:"));
    assert_non_null(strstr(text, "users.csv:3: server is missing"));
    assert_non_null(
        strstr(text, "users.csv:4: server \"othr\" is not defined; did you mean \"other\"?"));
    assert_non_null(strstr(text, "users.csv:5: password_file is missing"));
    free(text);
}

static void test_empty(void **state)
{
    struct fixture *f = *state;

    load(f, "\n# nothing\n");
    assert_null(f->config);
    assert_int_equal(config_errors(&f->problems), 1);
    char *text = config_files_problems(&f->problems);
    assert_non_null(strstr(text, "users.csv: is empty; expected a header line"));
    free(text);
}

enum { MANY = 10000 };

static char *many(void)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    fputs("address,login,monitor,aliases,password_file\n", out);
    for (int i = 0; i < MANY; i++)
        fprintf(out, "user%d@example.org,,%d,\"u%d@example.org;x%d@example.org\",own.secret\n", i,
                i % 2, i, i);
    fclose(out);
    return text;
}

/* 10,000 lines load in under a second. Processor time, so that a busy machine does not
 * matter; an address sanitizer may take its share. */
static void test_many(void **state)
{
    struct fixture *f = *state;
    char *csv = many();
    clock_t before = clock();

    must_load(f, csv);
    free(csv);
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    print_message("%d accounts in %.3f s\n", MANY, seconds);
    assert_int_equal(f->config->n_accounts, MANY);
    assert_true(seconds < 1.0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_lines_are_counted),
        cmocka_unit_test(test_too_many_fields),
        TEST(test_all_columns),
        TEST(test_defaults),
        TEST(test_line_of_a_record_with_line_ends),
        TEST(test_two_servers),
        TEST(test_empty),
        TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
