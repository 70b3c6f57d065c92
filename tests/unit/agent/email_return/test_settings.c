#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config_files.h"
#include "agent/email_return/settings.h"

#define HOME "/srv/scout"
#define NEEDED "address = scout@example.org\nreply_to = probe@example.org\nsecret_file = key\n"

struct fixture {
    struct config_files files;
    char *path;
    struct settings settings;
    char problems[2000]; /* "LINE:TEXT|" of each */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    f->path = config_files_path(&f->files, "conf");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    config_files_end(&f->files);
    free(f->path);
    free(f);
    return 0;
}

static void on_problem(void *arg, unsigned line, const char *text)
{
    struct fixture *f = arg;
    size_t len = strlen(f->problems);

    snprintf(f->problems + len, sizeof(f->problems) - len, "%u:%s|", line, text);
}

static bool load(struct fixture *f)
{
    f->problems[0] = '\0';
    return settings_load(&f->settings, f->path, HOME, on_problem, f);
}

static bool load_text(struct fixture *f, const char *text)
{
    config_files_write(&f->files, "conf", text, 0600);
    return load(f);
}

static void assert_in_directory(const struct fixture *f, const char *path, const char *name)
{
    char *expected = config_files_path(&f->files, name);

    assert_string_equal(path, expected);
    free(expected);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;

    assert_true(load_text(f, NEEDED));
    assert_string_equal(f->problems, "");
    assert_string_equal(f->settings.address, "scout@example.org");
    assert_string_equal(f->settings.reply_to, "probe@example.org");
    assert_in_directory(f, f->settings.secret_file, "key");
    assert_string_equal(f->settings.cache, HOME "/.email_return.cache");
    assert_string_equal(f->settings.sendmail, "/usr/sbin/sendmail");
    assert_string_equal(f->settings.sender, "");
    assert_int_equal(f->settings.limits.max_per_hour, 120);
    assert_int_equal(f->settings.limits.min_interval, 1);
}

static void test_everything(void **state)
{
    struct fixture *f = *state;

    assert_true(load_text(f, "# all of it\n\n"
                             "\taddress=\"scout@example.org\"\r\n"
                             "  reply_to   =   probe+x@mail.example.org  \n"
                             "  # sender = else@example.org\n"
                             "secret_file = /etc/mailvigil/key\n"
                             "cache = ~/var/cache\n"
                             "sendmail = /opt/mta/sendmail\n"
                             "sender = bounces@example.org\n"
                             "max_per_hour = 16384\n"
                             "min_interval = 10"));
    assert_string_equal(f->settings.address, "scout@example.org");
    assert_string_equal(f->settings.reply_to, "probe+x@mail.example.org");
    assert_string_equal(f->settings.secret_file, "/etc/mailvigil/key");
    assert_string_equal(f->settings.cache, HOME "/var/cache");
    assert_string_equal(f->settings.sendmail, "/opt/mta/sendmail");
    assert_string_equal(f->settings.sender, "bounces@example.org");
    assert_int_equal(f->settings.limits.max_per_hour, 16384);
    assert_int_equal(f->settings.limits.min_interval, 10);
}

/* The example holds what is needed, and every default as a comment. */
static void test_the_example(void **state)
{
    struct fixture *f = *state;
    struct settings silent;
    char text[SETTINGS_FILE_MAX] = "";
    int defaults = 0;
    FILE *in = fopen(SOURCE_DIRECTORY "/share/examples/email_return.conf", "re");

    assert_non_null(in);
    assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
    fclose(in);
    assert_true(load_text(f, text));
    silent = f->settings;
    for (char *line = text; (line = strstr(line, "\n#")) != NULL; line += 2) {
        if (line[2] == ' ')
            continue;
        line[1] = ' ';
        defaults++;
    }
    assert_int_equal(defaults, 5);
    assert_true(load_text(f, text));
    assert_memory_equal(&f->settings, &silent, sizeof(silent));
}

static void test_the_null_sender(void **state)
{
    static const char *const texts[] = {"sender =", "sender = <>", "sender = \"\""};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *text = xasprintf("%s%s\n", NEEDED, texts[i]);

        assert_true(load_text(f, text));
        assert_string_equal(f->settings.sender, "");
        free(text);
    }
}

/* Each value as `reply_to`: an argument of sendmail and a line of a header. */
static void test_addresses(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } cases[] = {
        {"a@b", true},
        {"first.last+tag@mail.example.org", true},
        {"", false},
        {"scout", false},
        {"@example.org", false},
        {"scout@", false},
        {"a@b@c", false},
        {"-oQ@example.org", false},
        {".a@example.org", false},
        {"a.@example.org", false},
        {"a..b@example.org", false},
        {"a@example..org", false},
        {"a@.example.org", false},
        {"a b@example.org", false},
        {"a@example.org, b@example.org", false},
        {"<a@example.org>", false},
        {"A <a@example.org>", false},
        {"a@example.org\tb", false},
        {"a@example.org\rBcc: b@example.org", false},
        {"\"a\"@example.org", false},
        {"a@[127.0.0.1]", false},
        {"a@ex\xc3\xa4mple.org", false},
        {"a@example.org # a comment", false},
        {"1234567890123456789012345678901234567890123456789012345678901234@example.org", true},
        {"12345678901234567890123456789012345678901234567890123456789012345@example.org", false},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("address = scout@example.org\nsecret_file = key\nreply_to = %s\n",
                               cases[i].value);

        if (load_text(f, text) != cases[i].good)
            fail_msg("\"%s\": %s", cases[i].value, f->problems);
        if (cases[i].good)
            assert_string_equal(f->settings.reply_to, cases[i].value);
        else
            assert_memory_equal(f->problems, "3:", 2);
        free(text);
    }
}

static void test_an_address_of_any_length(void **state)
{
    struct fixture *f = *state;
    char domain[SETTINGS_ADDRESS + 20];

    for (size_t len = SETTINGS_ADDRESS - 10; len < sizeof(domain); len++) {
        char *text;

        memset(domain, 'a', len);
        domain[len] = '\0';
        text =
            xasprintf("address = scout@example.org\nsecret_file = key\nreply_to = p@%s\n", domain);
        assert_int_equal(load_text(f, text), len + 2 < SETTINGS_ADDRESS);
        free(text);
    }
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *more, *problems;
    } cases[] = {
        {"colour = green\n", "4:unknown key \"colour\"|"},
        {"Cache = x\n", "4:unknown key \"Cache\"|"},
        {"green\n", "4:is not \"key = value\"|"},
        {"= green\n", "4:unknown key \"\"|"},
        {"cache = a\n\ncache = b\n", "6:duplicate key \"cache\"|"},
        {"cache =\n", "4:cache = : is empty|"},
        {"sendmail = sendmail\n", "4:sendmail = sendmail: is not an absolute path|"},
        {"sendmail = ~/sendmail\n", "4:sendmail = ~/sendmail: is not an absolute path|"},
        {"sender = nobody\n",
         "4:sender = nobody: is not a plain address such as probe@example.org|"},
        {"max_per_hour = 16385\n", "4:max_per_hour = 16385: is out of range|"},
        {"max_per_hour = 99999999999999999999\n",
         "4:max_per_hour = 99999999999999999999: is not a number|"},
        {"max_per_hour = -1\n", "4:max_per_hour = -1: is not a number|"},
        {"max_per_hour = 1h\n", "4:max_per_hour = 1h: is not a number|"},
        {"max_per_hour =\n", "4:max_per_hour = : is not a number|"},
        {"min_interval = 3601\n", "4:min_interval = 3601: is out of range|"},
        {"min_interval = 0x1\ngreen\n",
         "4:min_interval = 0x1: is not a number|5:is not \"key = value\"|"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("%s%s", NEEDED, cases[i].more);

        assert_false(load_text(f, text));
        assert_string_equal(f->problems, cases[i].problems);
        free(text);
    }
    assert_false(load_text(f, ""));
    assert_string_equal(f->problems,
                        "0:address is missing|0:reply_to is missing|0:secret_file is missing|");
    assert_false(load_text(f, "address = a@example.org\nreply_to = A@Example.org\n"
                              "secret_file = key\n"));
    assert_string_equal(f->problems,
                        "0:address and reply_to are the same: answers would loop back|");
}

static void write_octets(struct fixture *f, const char *octets, size_t len)
{
    FILE *out = fopen(f->path, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(octets, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static void test_files_that_are_no_configuration(void **state)
{
    static const char with_nul[] = NEEDED "# \0\n";
    struct fixture *f = *state;
    char *large = xmalloc(SETTINGS_FILE_MAX);

    assert_false(load(f));
    assert_non_null(strstr(f->problems, "No such file"));
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_false(load(f));
    assert_string_not_equal(f->problems, "");
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_false(load(f)); /* at once */
    assert_string_equal(f->problems, "0:is not a regular file|");
    assert_int_equal(unlink(f->path), 0);
    write_octets(f, with_nul, sizeof(with_nul) - 1);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_false(load(f));
    assert_string_equal(f->problems, "0:contains a NUL byte|");
    memset(large, '\n', SETTINGS_FILE_MAX);
    memcpy(large, NEEDED, sizeof(NEEDED) - 1);
    write_octets(f, large, SETTINGS_FILE_MAX - 1);
    assert_true(load(f));
    write_octets(f, large, SETTINGS_FILE_MAX);
    assert_false(load(f));
    assert_string_equal(f->problems, "0:is too large for a configuration file|");
    free(large);
}

static void test_a_path_that_is_too_long(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX + 10], *text;

    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    text = xasprintf("%scache = %s\n", NEEDED, name);
    assert_false(load_text(f, text));
    assert_non_null(strstr(f->problems, "is too long for a path"));
    free(text);
}

static void test_which_file(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], here[PATH_MAX];
    char *expected;

    assert_true(settings_path(NULL, f->files.directory, path));
    assert_string_equal(path, MAILVIGIL_SYSCONFDIR "/email_return.conf");
    config_files_write(&f->files, ".email_return.conf", "", 0600);
    assert_true(settings_path(NULL, f->files.directory, path));
    assert_in_directory(f, path, ".email_return.conf");
    assert_true(settings_path("/etc/other.conf", f->files.directory, path));
    assert_string_equal(path, "/etc/other.conf");
    assert_true(settings_path("other.conf", f->files.directory, path));
    assert_non_null(getcwd(here, sizeof(here)));
    expected = xasprintf("%s/other.conf", here);
    assert_string_equal(path, expected);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_null_sender, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_address_of_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_that_are_no_configuration, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_path_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_which_file, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
