/* Which folders are chosen, in which order and role, and which are missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/session/folder_list.h"
#include "agent/system/limit.h"
#include "rules/util/memory.h"

struct listing {
    const char *name;
    unsigned flags;
    char delimiter;
};

struct choice_case {
    const char *title;
    struct listing list[16];
    const char *wanted[8];
    const char *expected; /* names, "=sent" after some, then "; missing ...; not ..." */
};

static void add(struct folder_list *list, const char *name, unsigned flags, char delimiter)
{
    struct imap_list listed = {.mailbox = name, .flags = flags, .delimiter = delimiter};
    folder_list_add(list, &listed);
}

/* The choice in one line. */
static char *chosen(const struct folder_list *list, const char *const *wanted)
{
    struct folder_choice *choice = folder_list_choose(list, (char *const *)wanted);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    for (size_t i = 0; i < choice->count; i++)
        fprintf(out, "%s%s%s", i > 0 ? ", " : "", choice->folders[i].name,
                choice->folders[i].role == FOLDER_SENT ? "=sent" : "");
    for (size_t i = 0; choice->missing[i] != NULL; i++)
        fprintf(out, "; missing %s", choice->missing[i]);
    for (size_t i = 0; choice->left_out[i] != NULL; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "; not ", choice->left_out[i]);
    fclose(out);
    folder_choice_free(choice);
    return text;
}

static const struct choice_case cases[] = {
    {"the default",
     {{"Sent", 0, '/'}, {"Work", 0, '/'}, {"INBOX", 0, '/'}},
     {"INBOX", "\\Sent"},
     "INBOX, Sent=sent"},
    {"INBOX in any case", {{"Inbox", 0, '/'}}, {"INBOX"}, "Inbox"},
    {"a wanted inbox in any case", {{"INBOX", 0, '/'}}, {"iNbOx"}, "INBOX"},
    {"INBOX listed twice", {{"INBOX", 0, '/'}, {"Inbox", 0, '/'}}, {"*"}, "INBOX"},
    {"other names have a case", {{"INBOX", 0, '/'}, {"work", 0, '/'}}, {"Work"}, "; missing Work"},
    {"\\Sent as the server marks it, not as a name says",
     {{"INBOX", 0, '/'}, {"Sent", 0, '/'}, {"Out", IMAP_LIST_SENT, '/'}},
     {"\\Sent"},
     "Out=sent"},
    {"\\Sent in any case", {{"Out", IMAP_LIST_SENT, '/'}}, {"\\SENT"}, "Out=sent"},
    {"several that are marked",
     {{"Out", IMAP_LIST_SENT, '/'}, {"Old", IMAP_LIST_SENT, '/'}},
     {"\\Sent"},
     "Out=sent, Old=sent"},
    {"several by known names",
     {{"Sent", 0, '.'}, {"INBOX.Sent Items", 0, '.'}, {"Gesendet", 0, '.'}},
     {"\\Sent"},
     "Sent=sent, INBOX.Sent Items=sent, Gesendet=sent"},
    {"a known name elsewhere is none",
     {{"INBOX", 0, '/'}, {"Projects/Sent", 0, '/'}},
     {"\\Sent"},
     "; missing \\Sent"},
    {"\\Sent that cannot be selected",
     {{"INBOX", 0, '/'}, {"Sent", IMAP_LIST_NOSELECT, '/'}},
     {"\\Sent"},
     "; missing \\Sent"},
    {"the role of Sent, whichever way it was chosen",
     {{"Sent", 0, '/'}, {"Out", IMAP_LIST_SENT, '/'}},
     {"Sent", "Out"},
     "Out=sent, Sent"},
    {"* leaves out what is marked",
     {{"INBOX", 0, '/'},
      {"A", IMAP_LIST_DRAFTS, '/'},
      {"B", IMAP_LIST_JUNK, '/'},
      {"C", IMAP_LIST_TRASH, '/'},
      {"D", IMAP_LIST_ALL, '/'},
      {"E", IMAP_LIST_FLAGGED, '/'},
      {"F", IMAP_LIST_ARCHIVE, '/'},
      {"G", IMAP_LIST_SENT, '/'},
      {"H", IMAP_LIST_NOSELECT | IMAP_LIST_HASCHILDREN, '/'}},
     {"*"},
     "INBOX, G=sent, F; not A, B, C, D, E"},
    {"** leaves out nothing",
     {{"INBOX", 0, '/'},
      {"A", IMAP_LIST_DRAFTS, '/'},
      {"B", IMAP_LIST_JUNK, '/'},
      {"C", IMAP_LIST_TRASH, '/'},
      {"D", IMAP_LIST_ALL, '/'},
      {"E", IMAP_LIST_FLAGGED, '/'},
      {"G", IMAP_LIST_SENT, '/'},
      {"H", IMAP_LIST_NOSELECT | IMAP_LIST_HASCHILDREN, '/'}},
     {"*", "**"},
     "INBOX, G=sent, A, B, C, D, E"},
    {"* leaves out known names where nothing is marked",
     {{"Drafts", 0, '/'},
      {"Spam", 0, '/'},
      {"Trash", 0, '/'},
      {"Papierkorb", 0, '/'},
      {"Work", 0, '/'},
      {"Work/Trash", 0, '/'},
      {"INBOX", 0, '/'}},
     {"*"},
     "INBOX, Work, Work/Trash; not Drafts, Spam, Trash, Papierkorb"},
    {"a name that looks like Junk is watched where another is marked",
     {{"Junk", 0, '/'}, {"Bulk", IMAP_LIST_JUNK, '/'}},
     {"*"},
     "Junk; not Bulk"},
    {"what * leaves out can be named",
     {{"Trash", 0, '/'}, {"Work", 0, '/'}},
     {"*", "Trash"},
     "Trash, Work"},
    {"each once, however often chosen",
     {{"INBOX", 0, '/'}, {"Sent", 0, '/'}, {"Work", 0, '/'}},
     {"Work", "*", "INBOX", "\\Sent", "Work"},
     "INBOX, Sent=sent, Work"},
    {"/ for another separator", {{"Work.2026.May", 0, '.'}}, {"Work/2026/May"}, "Work.2026.May"},
    {"the server's own separator", {{"Work.2026", 0, '.'}}, {"Work.2026"}, "Work.2026"},
    {"/ in a name that has no separator", {{"Work/2026", 0, '\0'}}, {"Work/2026"}, "Work/2026"},
    {"another separator is no /", {{"Work.2026", 0, '/'}}, {"Work/2026"}, "; missing Work/2026"},
    {"no prefix of a name",
     {{"Work", 0, '/'}, {"Work/A", 0, '/'}},
     {"Wor", "Work/"},
     "; missing Wor; missing Work/"},
    {"a longer name", {{"Work", 0, '/'}}, {"Works"}, "; missing Works"},
    {"nothing is listed",
     {{0}},
     {"INBOX", "\\Sent", "*"},
     "; missing INBOX; missing \\Sent; missing *"},
    {"nothing is wanted", {{"INBOX", 0, '/'}}, {NULL}, ""},
};

static void chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct folder_list list = {0};
        for (const struct listing *l = cases[i].list; l->name != NULL; l++)
            add(&list, l->name, l->flags, l->delimiter);
        char *text = chosen(&list, cases[i].wanted);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].title, text, cases[i].expected);
        free(text);
        folder_list_clear(&list);
    }
}

static void each_folder_knows_what_names_it(void **state)
{
    (void)state;
    static const char *const wanted[] = {"**", "INBOX", "*", "Trash", NULL};
    struct folder_list list = {0};
    add(&list, "INBOX", 0, '/');
    add(&list, "Trash", 0, '/');
    struct folder_choice *choice = folder_list_choose(&list, (char *const *)wanted);
    assert_string_equal(choice->folders[0].by[0], "**");
    assert_string_equal(choice->folders[0].by[1], "INBOX");
    assert_string_equal(choice->folders[0].by[2], "*");
    assert_null(choice->folders[0].by[3]);
    assert_string_equal(choice->folders[1].by[0], "**");
    assert_string_equal(choice->folders[1].by[1], "Trash");
    assert_null(choice->folders[1].by[2]);
    folder_choice_free(choice);
    folder_list_clear(&list);
}

static void the_rest_comes_in_the_servers_order(void **state)
{
    (void)state;
    static const char *const wanted[] = {"M", "*", NULL};
    struct folder_list list = {0};
    add(&list, "Z", 0, '/');
    add(&list, "A", 0, '/');
    add(&list, "M", 0, '/');
    char *text = chosen(&list, wanted);
    assert_string_equal(text, "Z, A, M");
    free(text);
    folder_list_clear(&list);
}

static void flags_of_two_lines_are_joined(void **state)
{
    (void)state;
    struct folder_list list = {0};
    add(&list, "Out", 0, '/');
    add(&list, "Out", IMAP_LIST_SENT, '/');
    assert_int_equal(list.count, 1);
    assert_true(folder_list_is_sent(&list, 0));
    folder_list_clear(&list);
}

static void folders_are_known_below_the_personal_namespace(void **state)
{
    (void)state;
    static const char *const wanted[] = {"\\Sent", "Work/New", NULL};
    struct folder_list list = {0};
    const struct imap_untagged namespace = {
        .kind = IMAP_UNTAGGED_NAMESPACE, .prefix = "~me.", .delimiter = '.'};
    folder_list_add_untagged(&list, &namespace);
    add(&list, "~me.Sent", 0, '.');
    add(&list, "~you.Sent", 0, '.');
    add(&list, "~me.Work.New", 0, '.');
    char *text = chosen(&list, wanted);
    assert_string_equal(text, "~me.Sent=sent, ~me.Work.New");
    free(text);
    folder_list_clear(&list);
}

struct space_case {
    const char *prefix, *foreign[3];
    const char *wanted[3], *expected;
};

static void folders_of_others_are_watched_only_when_named(void **state)
{
    (void)state;
    static const struct space_case spaces[] = {
        {"", {"user/", "Shared/"}, {"**"}, "INBOX, Work, Sharedish"},
        {"", {"user/", "Shared/"}, {"*"}, "INBOX, Work, Sharedish"},
        {"", {"user/", "Shared/"}, {"*", "user/bob"}, "INBOX, user/bob, Work, Sharedish"},
        {"", {NULL}, {"**"}, "INBOX, user/bob, Shared, Shared/All, Work, Sharedish"},
        {"", {""}, {"**"}, "INBOX, user/bob, Shared, Shared/All, Work, Sharedish"},
        {"Shared/", {""}, {"**"}, "INBOX, Shared, Shared/All"},
        {"Shared/", {"user/", ""}, {"**"}, "INBOX, Shared, Shared/All"},
        {"Shared/", {"Shared/All/"}, {"**"}, "INBOX, user/bob, Shared, Work, Sharedish"},
    };
    for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
        struct folder_list list = {0};
        struct imap_untagged namespace = {.kind = IMAP_UNTAGGED_NAMESPACE,
                                          .prefix = spaces[i].prefix,
                                          .delimiter = '/',
                                          .words = spaces[i].foreign};
        while (namespace.words[namespace.n_words] != NULL)
        namespace.n_words++;
        folder_list_add_untagged(&list, &namespace);
        add(&list, "INBOX", 0, '/');
        add(&list, "user/bob", 0, '/');
        add(&list, "Shared", 0, '/');
        add(&list, "Shared/All", 0, '/');
        add(&list, "Work", 0, '/');
        add(&list, "Sharedish", 0, '/');
        char *text = chosen(&list, spaces[i].wanted);
        if (strcmp(text, spaces[i].expected) != 0)
            fail_msg("%zu: \"%s\" instead of \"%s\"", i, text, spaces[i].expected);
        free(text);
        folder_list_clear(&list);
    }
}

/* Dovecot lists INBOX last. */
static void inbox_is_kept_behind_the_limit(void **state)
{
    (void)state;
    static const char *const wanted[] = {"INBOX", NULL};
    struct folder_list list = {0};
    for (int i = 0; i < LIMIT_FOLDERS + 10; i++) {
        char name[32];
        snprintf(name, sizeof(name), "folder %d", i);
        add(&list, name, 0, '/');
    }
    assert_int_equal(list.count, LIMIT_FOLDERS);
    add(&list, "Inbox", 0, '/');
    add(&list, "INBOX", 0, '/');
    assert_int_equal(list.count, LIMIT_FOLDERS + 1);
    char *text = chosen(&list, wanted);
    assert_string_equal(text, "Inbox");
    free(text);
    folder_list_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses),
        cmocka_unit_test(each_folder_knows_what_names_it),
        cmocka_unit_test(the_rest_comes_in_the_servers_order),
        cmocka_unit_test(flags_of_two_lines_are_joined),
        cmocka_unit_test(folders_are_known_below_the_personal_namespace),
        cmocka_unit_test(folders_of_others_are_watched_only_when_named),
        cmocka_unit_test(inbox_is_kept_behind_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
