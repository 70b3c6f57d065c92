#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "agent/config/config_files.h"
#include "agent/email_return/trust.h"

struct fixture {
    struct config_files files;
    char *outer, *inner, *file; /* outer/inner/file */
    char why[PATH_MAX + 200];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    config_files_begin(&f->files);
    f->outer = config_files_path(&f->files, "outer");
    f->inner = config_files_path(&f->files, "outer/inner");
    f->file = config_files_path(&f->files, "outer/inner/file");
    if (mkdir(f->outer, 0755) != 0 || mkdir(f->inner, 0755) != 0)
        abort();
    config_files_write(&f->files, "outer/inner/file", "text", 0600);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    config_files_end(&f->files);
    free(f->outer);
    free(f->inner);
    free(f->file);
    free(f);
    return 0;
}

static bool trusted(struct fixture *f, const char *path)
{
    f->why[0] = '\0';
    return trust_file(path, f->why, sizeof(f->why));
}

/* The path is named, and its mode. */
static void assert_blamed(const struct fixture *f, const char *path, unsigned mode)
{
    char *expected = xasprintf("%s is writable by others (mode %04o): chmod go-w it", path, mode);

    assert_string_equal(f->why, expected);
    free(expected);
}

static void test_who_can_write(void **state)
{
    enum { OUTER, INNER, FILE_ITSELF };
    static const struct {
        int which;
        unsigned mode;
        bool file, place; /* what is trusted then */
    } cases[] = {
        {FILE_ITSELF, 0400, true, true},   {FILE_ITSELF, 0755, true, true},
        {FILE_ITSELF, 0620, false, true},  {FILE_ITSELF, 0602, false, true},
        {FILE_ITSELF, 01602, false, true}, {INNER, 0700, true, true},
        {INNER, 0775, false, false},       {INNER, 0757, false, false},
        {INNER, 01777, false, false},      {OUTER, 0775, false, false},
        {OUTER, 0757, false, false},       {OUTER, 01777, true, true},
    };
    struct fixture *f = *state;
    const char *const paths[] = {f->outer, f->inner, f->file};
    const unsigned usual[] = {0755, 0755, 0600};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *path = paths[cases[i].which];

        assert_int_equal(chmod(path, cases[i].mode), 0);
        if (trusted(f, f->file) != cases[i].file)
            fail_msg("%s %04o: %s", path, cases[i].mode, f->why);
        if (!cases[i].file)
            assert_blamed(f, path, cases[i].mode);
        assert_int_equal(trust_place(f->file, f->why, sizeof(f->why)), cases[i].place);
        assert_int_equal(chmod(path, usual[cases[i].which]), 0);
        assert_true(trusted(f, f->file));
    }
}

/* Root's and ours are trusted, so only root can see another's refused. */
static void test_who_owns(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {f->outer, f->inner, f->file};

    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < 3; i++) {
        char *expected =
            xasprintf("%s is owned by user id 12345; expected root or user id 0", paths[i]);

        assert_int_equal(chown(paths[i], 12345, (gid_t)-1), 0);
        assert_false(trusted(f, f->file));
        assert_string_equal(f->why, expected);
        assert_int_equal(chown(paths[i], 0, (gid_t)-1), 0);
        free(expected);
    }
    assert_true(trusted(f, f->file));
}

/* Who can change where a link leads, or the link, can change what is read. */
static void test_symbolic_links(void **state)
{
    struct fixture *f = *state;
    char *open = config_files_path(&f->files, "open"), *shut = config_files_path(&f->files, "shut");
    char *in_open = config_files_path(&f->files, "open/link");
    char *in_shut = config_files_path(&f->files, "shut/link");
    char *through = config_files_path(&f->files, "shut/way/file");
    char *way = config_files_path(&f->files, "shut/way");

    assert_int_equal(mkdir(open, 0700), 0);
    assert_int_equal(chmod(open, 0777), 0);
    assert_int_equal(mkdir(shut, 0700), 0);
    assert_int_equal(symlink(f->file, in_open), 0);
    assert_int_equal(symlink(f->file, in_shut), 0);
    assert_int_equal(symlink(f->inner, way), 0);
    assert_true(trusted(f, in_shut));
    assert_true(trusted(f, through));
    assert_false(trusted(f, in_open));
    assert_blamed(f, open, 0777);
    assert_int_equal(chmod(f->inner, 0777), 0);
    assert_false(trusted(f, in_shut));
    assert_blamed(f, f->inner, 0777);
    assert_false(trusted(f, through));
    assert_false(trust_place(through, f->why, sizeof(f->why)));
    free(open);
    free(shut);
    free(in_open);
    free(in_shut);
    free(through);
    free(way);
}

static void test_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    char *missing = config_files_path(&f->files, "outer/inner/missing");
    char *lost = config_files_path(&f->files, "outer/lost/missing");

    assert_false(trusted(f, missing));
    assert_non_null(strstr(f->why, "missing: No such file"));
    assert_true(trust_place(missing, f->why, sizeof(f->why)));
    assert_false(trust_place(lost, f->why, sizeof(f->why)));
    assert_non_null(strstr(f->why, "lost: No such file"));
    free(missing);
    free(lost);
}

static void test_paths_that_are_none(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX + 10];

    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < 4; i++) {
        const char *const paths[] = {"", "file", "./file", name};

        assert_false(trusted(f, paths[i]));
        assert_non_null(strstr(f->why, "is not an absolute path"));
        assert_false(trust_place(paths[i], f->why, sizeof(f->why)));
    }
    assert_true(trust_place("/file", f->why, sizeof(f->why)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_can_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_owns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_symbolic_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths_that_are_none, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
