/* Targets in mailboxes that are watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config_files.h"

static const char main_text[] =
    "instance = \"example.org\" domains = {\"example.org\"} state_dir = \"state\"\n"
    "server \"office\" { imap = \"imaps://mail.example.org\" master_user = \"vigil\"\n"
    "    master_password_file = \"master.secret\" }\n"
    "server \"again\" { imap = \"imaps://MAIL.example.org:993\" }\n"
    "server \"audit\" { imap = \"imaps://audit.example.org\" }\n"
    "account \"alice\" { server = \"office\" address = \"alice@example.org\" login = \"al\"\n"
    "    aliases = {\"liddell@example.org\"} folders = {\"INBOX\", \"\\\\Sent\", \"Copies/2026\"} "
    "}\n"
    "account \"bob\" { server = \"office\" address = \"bob@example.org\" folders = {\"*\"} }\n"
    "account \"eve\" { server = \"office\" address = \"eve@example.org\" watch = false }\n"
    "rule \"all\" { incoming = \"all\" targets = {\"t\"} }\n";

struct place {
    const char *target;  /* on line 11 */
    const char *owner;   /* of the mailbox; NULL: no warning */
    const char *watched; /* the entry in folders that takes the copies in; NULL: none */
};

#define OFFICE "server = \"office\" login = "

static const struct place places[] = {
    {OFFICE "\"monitor@example.org\"", NULL, NULL},
    {OFFICE "\"alice@example.org\" folder = \"Archive\"", "alice", NULL},
    {OFFICE "\"AL\" folder = \"Archive\"", "alice", NULL},
    {OFFICE "\"alice\" folder = \"Archive\"", "alice", NULL},
    {OFFICE "\"Liddell@example.org\" folder = \"Archive\"", "alice", NULL},
    {OFFICE "\"alice@example.org*vigil\" folder = \"Archive\" password_file = \"master.secret\"",
     "alice", NULL},
    {OFFICE "\"alice@example.net\" folder = \"Archive\"", NULL, NULL},
    {OFFICE "\"alic\" folder = \"Archive\"", NULL, NULL},
    {OFFICE "\"eve@example.org\"", NULL, NULL},
    {"server = \"again\" login = \"bob@example.org\" password_file = \"master.secret\"", "bob",
     "*"},
    {"server = \"audit\" login = \"bob@example.org\" password_file = \"master.secret\"", NULL,
     NULL},
    {OFFICE "\"alice@example.org\"", "alice", "INBOX"},
    {OFFICE "\"alice@example.org\" folder = \"Copies/%Y\"", "alice", "Copies/2026"},
    {OFFICE "\"alice@example.org\" folder = \"%{direction}/2026\"", "alice", "Copies/2026"},
    {OFFICE "\"alice@example.org\" folder = \"Copies/2026/%m\"", "alice", NULL},
    {OFFICE "\"alice@example.org\" folder = \"Sent\"", "alice", "\\Sent"},
};

static bool warns(const struct config_problems *problems, const char *with, const char *name)
{
    for (size_t i = 0; name != NULL && i < problems->count; i++) {
        const struct config_problem *problem = &problems->problems[i];
        char *quoted = xasprintf("\"%s\"", name);
        bool holds = problem->warning && problem->line == 11 &&
                     strstr(problem->text, with) != NULL && strstr(problem->text, quoted) != NULL;
        free(quoted);
        if (holds)
            return true;
    }
    return name == NULL;
}

static void test_places(void **state)
{
    struct config_files files;
    size_t failures = 0;

    (void)state;
    config_files_begin(&files);
    config_files_write(&files, "master.secret", "secret\n", 0600);
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const struct place *place = &places[i];
        struct config_problems problems = {0};
        char *text = xasprintf("%starget \"t\" { %s }\n", main_text, place->target);
        config_files_write(&files, "mailvigil.conf", text, 0644);
        struct config *config = config_load(files.main, &problems);
        size_t expected = (place->owner != NULL ? 1u : 0u) + (place->watched != NULL ? 1u : 0u);
        if (config == NULL || problems.count != expected ||
            !warns(&problems, "mailbox of the watched account", place->owner) ||
            !warns(&problems, "is watched itself", place->watched)) {
            char *reported = config_files_problems(&problems);
            print_error("%s: got\n%s\n", place->target, reported);
            free(reported);
            failures++;
        }
        config_free(config);
        config_problems_clear(&problems);
        free(text);
    }
    config_files_end(&files);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
