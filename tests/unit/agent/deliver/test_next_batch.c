/* What makes the next batch: one folder, no intent, bounded in number and size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/deliver/next_batch.h"
#include "agent/system/limit.h"

static const struct imap_untagged separator = {.kind = IMAP_UNTAGGED_LIST,
                                               .list = {.delimiter = '/'}};

struct choice {
    struct target target;
    struct batch_place place;
    struct ledger_copy copies[LIMIT_BATCH_COPIES + 10];
};

static int setup(void **state)
{
    struct choice *choice = calloc(1, sizeof(*choice));

    assert_non_null(choice);
    choice->target.folder = (char *)"Monitor/%{user}";
    choice->place.target = &choice->target;
    choice->place.folder = target_folder_new(NULL);
    target_folder_untagged(choice->place.folder, &separator);
    for (size_t i = 0; i < LIMIT_BATCH_COPIES + 10; i++)
        choice->copies[i] = (struct ledger_copy){
            .id = (int64_t)i, .account = (char *)"alice", .plan = (char *)"", .size = 1000};
    *state = choice;
    return 0;
}

static int teardown(void **state)
{
    struct choice *choice = *state;

    target_folder_free(choice->place.folder);
    free(choice);
    return 0;
}

static size_t count(const struct choice *choice, size_t n, bool single)
{
    return next_batch_size(&choice->place, choice->copies, n, "Monitor/alice", single);
}

/* One folder for a message of two directions: that of the one that crosses the border. */
static void test_one_direction_names_the_folder(void **state)
{
    static const struct {
        const char *plan, *folder;
    } cases[] = {
        {"directions 1\n", "M/incoming"}, {"directions 2\n", "M/outgoing"},
        {"directions 4\n", "M/internal"}, {"directions 6\n", "M/outgoing"},
        {"directions 5\n", "M/incoming"},
    };
    struct choice *choice = *state;

    choice->target.folder = (char *)"M/%{direction}";
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        choice->copies[0].plan = (char *)cases[i].plan;
        char *name = next_batch_folder(&choice->place, &choice->copies[0]);
        assert_string_equal(name, cases[i].folder);
        free(name);
    }
}

static void test_the_folder_is_made_of_the_plan(void **state)
{
    struct choice *choice = *state;
    char *name;

    choice->target.folder = (char *)"%Y/%{rule}/%{domain}";
    choice->copies[0].plan = (char *)"rule first\nrule second\ndomain example.org\n";
    name = next_batch_folder(&choice->place, &choice->copies[0]);
    assert_string_equal(name, "1970/first/example.org");
    free(name);
    choice->copies[0].plan = (char *)"";
    name = next_batch_folder(&choice->place, &choice->copies[0]);
    assert_string_equal(name, "1970/_/_");
    free(name);
}

static void test_it_ends_at_another_folder(void **state)
{
    struct choice *choice = *state;

    assert_int_equal(count(choice, 5, false), 5);
    choice->copies[3].account = (char *)"bob";
    assert_int_equal(count(choice, 5, false), 3);
}

static void test_it_ends_at_an_intent(void **state)
{
    struct choice *choice = *state;

    choice->copies[2].intent = true;
    assert_int_equal(count(choice, 5, false), 2);
}

static void test_it_is_bounded(void **state)
{
    struct choice *choice = *state;

    assert_int_equal(count(choice, LIMIT_BATCH_COPIES + 10, false), LIMIT_BATCH_COPIES);
    assert_int_equal(count(choice, 5, true), 1);
    choice->copies[0].size = choice->copies[1].size = LIMIT_BATCH_BYTES / 2;
    assert_int_equal(count(choice, 5, false), 2);
    choice->copies[0].size = LIMIT_BATCH_BYTES + 1; /* the first one goes in any case */
    assert_int_equal(count(choice, 5, false), 1);
}

static void test_copies_in_flight_are_left_out_and_the_order_is_kept(void **state)
{
    static const int64_t in_flight[] = {1, 3, 77};
    static const int64_t kept[] = {0, 2, 4, 5};
    struct choice *choice = *state;

    assert_int_equal(next_batch_leave_out(choice->copies, 6, in_flight, 3), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(choice->copies[i].id, kept[i]);
    assert_int_equal(choice->copies[4].id + choice->copies[5].id, 1 + 3); /* none is lost */
    assert_int_equal(next_batch_leave_out(choice->copies, 4, NULL, 0), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_direction_names_the_folder),
        TEST(test_the_folder_is_made_of_the_plan),
        TEST(test_it_ends_at_another_folder),
        TEST(test_it_ends_at_an_intent),
        TEST(test_it_is_bounded),
        TEST(test_copies_in_flight_are_left_out_and_the_order_is_kept),
    };

    return cmocka_run_group_tests_name("agent.deliver.next_batch", tests, NULL, NULL);
}
