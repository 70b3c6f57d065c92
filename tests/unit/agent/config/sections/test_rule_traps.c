/* Rules that are valid but hardly meant: one warning each, at its line, and none for good ones. */
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
    "account \"alice\" { address = \"alice@example.org\" monitor = true }\n"
    "account \"bob\" { address = \"bob@example.org\" }\n"
    "account \"probe\" { address = \"probe@example.org\" watch = false }\n"
    "target \"auditor\" { login = \"auditor@example.org\" }\n"
    "target \"other\" { login = \"other@example.org\" }\n"
    "rule \"all\" { incoming = \"all\" targets = {\"auditor\", \"other\"} }\n";

struct trap {
    const char *rules;    /* from line 10 on */
    int line;             /* of the warning; 0: none */
    const char *words[2]; /* in it */
};

#define RULE "rule \"r\" { outgoing = \"all\" targets = {\"auditor\"} "
#define ALICES "rule \"x\" { exempt = true addresses = {\"alice@example.org\"} }\n"
#define EVERYBODYS "rule \"x\" { exempt = true addresses = {\"*@example.org\"} }\n"

static const struct trap traps[] = {
    /* a part where the whole is compared */
    {RULE "subject = {\"secret\"} }\n", 10, {"subject: \"secret\"", "\"*secret*\""}},
    {RULE "\nsubject = {\"*a*\",\n\"secret\"} }\n", 12, {"subject: \"secret\"", "\"*secret*\""}},
    {RULE "subject = {\"*secret*\", \"/secret/\", \"\", \"secret*\"} }\n", 0, {0}},
    {RULE "body = {\"secret\"} }\n", 10, {"body: \"secret\"", "\"*secret*\""}},
    {RULE "attachment = {\"pdf\"} }\n", 10, {"attachment: \"pdf\"", "\"*.pdf\""}},
    {RULE "attachment = {\".pdf\"} }\n", 10, {"attachment: \".pdf\"", "\"*.pdf\""}},
    {RULE "attachment = {\"Any\"} }\n", 10, {"attachment: \"Any\"", "lower case"}},
    {RULE "attachment = {\"any\"} }\n", 0, {0}},
    {RULE "attachment = {\"*.pdf\", \"plan.pdf\", \"message/rfc822\", \"/x/\"} }\n", 0, {0}},
    {RULE "from = {\"partner.test\"} }\n", 10, {"from: \"partner.test\"", "\"*@partner.test\""}},
    {RULE "to = {\"@partner.test\"} }\n", 10, {"to: \"@partner.test\"", "\"*@partner.test\""}},
    {RULE "from = {\"Carol <carol@x.test>\"} }\n", 10, {"angle brackets", "from"}},
    {RULE "from = {\"carol@x.test\", \"*partner*\", \"/Carol </\"} }\n", 0, {0}},
    {RULE "header = {\"Subject: secret\"} }\n", 10, {"header: ", "\"Subject: *secret*\""}},
    {RULE "header = {\"X-Class: secret\", \"Subject: *x*\", \"To:/x/\"} }\n", 0, {0}},
    {"rule \"x\" { exempt = true addresses = {\"lawyers.test\"} }\n", 10, {"*@lawyers.test", 0}},
    /* never */
    {RULE "users = {\"probe\"} }\n", 10, {"no watched account", "selects nothing"}},
    {RULE "users = {\"z*\"} }\n", 10, {"no watched account", 0}},
    {RULE "not_users = {\"*@example.org\"} }\n", 10, {"no watched account", 0}},
    {RULE "users = {\"alice\"} not_users = {\"a*\"} }\n", 10, {"no watched account", 0}},
    {RULE "users = {\"alice\"} not_users = {\"b*\"} }\n", 0, {0}},
    {"rule \"r\" { outgoing = selected users = {\"bob\"} targets = {\"auditor\"} }\n",
     10,
     {"selected accounts only", "selects nothing"}},
    {RULE "users = {\"alice\"} }\n" ALICES, 10, {"exempt by other rules", 0}},
    {RULE "}\n" ALICES, 0, {0}},
    {RULE "users = {\"alice\"} }\nrule \"x\" { exempt = true addresses = {\"alice@example.org\"} "
          "subject = {\"*private*\"} }\n",
     0,
     {0}},
    {RULE "}\n" EVERYBODYS, 10, {"exempt by other rules", 0}},
    /* twice */
    {"rule \"A.l-L\" { outgoing = all targets = {\"auditor\"} }\n"
     "rule \"a-l_l\" { outgoing = all sample = 5 targets = {\"auditor\"} }\n",
     11,
     {"\"A.l-L\"", "case or punctuation"}},
    {RULE "purpose = \"p\" }\nrule \"s\" { outgoing = all targets = {\"auditor\"} }\n",
     11,
     {"same conditions and targets", "\"r\""}},
    {RULE "}\nrule \"s\" { outgoing = all targets = {\"other\"} }\n", 0, {0}},
    {RULE "sample = 5 }\nrule \"s\" { outgoing = all sample = 5 targets = {\"auditor\"} }\n",
     0,
     {0}},
};

static size_t matching(const struct config_problems *problems, const struct trap *trap)
{
    size_t count = 0;

    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->problems[i];
        bool holds = problem->warning && problem->line == trap->line;
        for (size_t w = 0; w < 2 && trap->words[w] != NULL; w++)
            holds &= strstr(problem->text, trap->words[w]) != NULL;
        count += holds;
    }
    return count;
}

/* Rules that exempt everybody make a second warning, for the rule "all". */
static bool is_expected(const struct config_problems *problems, const struct trap *trap)
{
    size_t all = strstr(trap->rules, EVERYBODYS) != NULL ? 2 : 1;

    if (trap->line == 0)
        return problems->count == 0;
    return problems->count == all && matching(problems, trap) == 1;
}

static void test_traps(void **state)
{
    struct config_files files;
    size_t failures = 0;

    (void)state;
    config_files_begin(&files);
    config_files_write(&files, "master.secret", "secret\n", 0600);
    for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++) {
        struct config_problems problems = {0};
        char *text = xasprintf("%s%s", main_text, traps[i].rules);
        config_files_write(&files, "mailvigil.conf", text, 0644);
        struct config *config = config_load(files.main, &problems);
        if (config == NULL || !is_expected(&problems, &traps[i])) {
            char *reported = config_files_problems(&problems);
            print_error("%s: got\n%s\n", traps[i].rules, reported);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_traps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
