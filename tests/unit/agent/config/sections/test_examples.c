/* share/examples holds configurations without mistakes, and without warnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config_files.h"
#include "agent/config/syntax/source.h"

static char *example(const char *name)
{
    return xasprintf(SOURCE_DIRECTORY "/share/examples/%s", name);
}

static void copy(const struct config_files *files, const char *name)
{
    const char *why = NULL;
    char *path = example(name);
    char *text = config_read_file(path, &why);

    if (text == NULL)
        fail_msg("%s: %s", path, why);
    config_files_write(files, name, text, 0644);
    free(text);
    free(path);
}

static void make_secrets(const struct config_files *files)
{
    static const char *const names[] = {"vigil",      "monitor", "auditor",
                                        "statistics", "probe",   "scout"};
    char *directory = config_files_path(files, "secrets");

    assert_int_equal(mkdir(directory, 0700), 0);
    free(directory);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *name = xasprintf("secrets/%s", names[i]);
        config_files_write(files, name, "secret\n", 0600);
        free(name);
    }
    config_files_write(files, "secrets/loop", "a key that is long enough\n", 0400);
}

static void test_examples(void **state)
{
    struct config_files files;
    struct config_problems problems = {0};

    (void)state;
    config_files_begin(&files);
    copy(&files, "mailvigil.conf");
    copy(&files, "rules.d/10-all.conf");
    copy(&files, "users.csv");
    make_secrets(&files);
    struct config *config = config_load(files.main, &problems);
    char *reported = config_files_problems(&problems);
    config_problems_clear(&problems);
    config_files_end(&files);
    assert_string_equal(reported, "");
    assert_non_null(config);
    assert_int_equal(config->n_accounts, 6);
    assert_int_equal(config->rules->count, 6);
    free(reported);
    config_free(config);
}

static void test_probes_example(void **state)
{
    struct config_files files;
    struct config_problems problems = {0};

    (void)state;
    if (access("/usr/bin/logger", X_OK) != 0)
        skip();
    config_files_begin(&files);
    copy(&files, "probes.conf");
    make_secrets(&files);
    snprintf(files.main, sizeof(files.main), "%s/probes.conf", files.directory);
    struct config *config = config_load(files.main, &problems);
    char *reported = config_files_problems(&problems);
    config_problems_clear(&problems);
    config_files_end(&files);
    assert_string_equal(reported, "");
    assert_non_null(config);
    assert_int_equal(config->n_probes, 7);
    assert_int_equal(config->n_reflectors, 1);
    assert_int_equal(config->n_alerts, 2);
    free(reported);
    config_free(config);
}

/* ---- the manual ---- */

static void must_hold(const char *manual, const char *section, const char *key)
{
    const char *at = manual;
    size_t len = strlen(key);

    while ((at = strstr(at, key)) != NULL) {
        if (strchr(" \n", at[-1]) != NULL && strchr(" ,\n.", at[len]) != NULL)
            return;
        at += len;
    }
    fail_msg("mailvigil.conf(5) says nothing of %s in %s", key, section);
}

static void check_options(const char *manual, const char *section, const cfg_opt_t *options)
{
    for (; options->name != NULL; options++) {
        must_hold(manual, section, options->name);
        if (options->subopts != NULL)
            check_options(manual, options->name, options->subopts);
    }
}

static void test_manual_has_every_key(void **state)
{
    const char *why = NULL;
    char *path = example("../man/mailvigil.conf.5");
    char *manual = config_read_file(path, &why);
    cfg_t *schema = config_schema_main();

    (void)state;
    assert_non_null(manual);
    check_options(manual, "the main file", schema->opts);
    cfg_free(schema);
    free(manual);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_probes_example),
        cmocka_unit_test(test_manual_has_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
