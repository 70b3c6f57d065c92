#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules/pattern.h"
#include "rules/util/memory.h"

static struct patterns *compile(const char *text)
{
    struct patterns *patterns = patterns_new();
    char *mistake = patterns_add(patterns, text);
    if (mistake != NULL)
        fail_msg("%s: %s", text, mistake);
    return patterns;
}

#define BUDGET 6000000

static bool matches(const char *pattern, const char *text)
{
    struct patterns *patterns = compile(pattern);
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    bool hit = patterns_match(patterns, PATTERN_ANY_KIND, text, strlen(text), &search);
    patterns_free(patterns);
    return hit;
}

struct example {
    const char *pattern, *text;
    bool matches;
};

static const struct example globs[] = {
    {"abc", "abc", true},
    {"abc", "ABC", true},
    {"abc", "xabc", false},
    {"abc", "abcx", false},
    {"abc", "abc\n", false},
    {"", "", true},
    {"", "x", false},
    {"*", "", true},
    {"*", "any\nthing", true},
    {"***", "x", true},
    {"*@partner.test", "Bob@Partner.Test", true},
    {"*@partner.test", "bob@partner.test.evil", false},
    {"*@partner.test", "bob@xpartner.test", false},
    {"*@partner.test", "bob@partnerxtest", false},
    {"a*", "abc", true},
    {"a*", "ba", false},
    {"a*c", "abc", true},
    {"a*c", "ac", true},
    {"a*c", "a", false},
    {"aa*aa", "aaa", false},
    {"aa*aa", "aaaa", true},
    {"*aab*", "aaab", true},
    {"*ab*ab*", "abab", true},
    {"*ab*ab*", "aab", false},
    {"*ab*ba", "abba", true},
    {"*ab*ba", "aba", false},
    {"a*b*c", "axbxbxc", true},
    {"a*b*c", "a c b", false},
    {"*b*bc", "bbbbc", true},
    {"?", "x", true},
    {"?", "", false},
    {"?", "\xC3\xB6", true},
    {"??", "\xC3\xB6", false},
    {"a?c*", "abcd", true},
    {"*?", "", false},
    {"*?", "x", true},
    {"\xC3\x9C"
     "bung*",
     "\xC3\xBC"
     "BUNG 1",
     true},
    {"[list] *", "[list] news", true},
    {"[list] *", "l news", false},
    {"a.c", "abc", false},
    {"a+(b)|{2}^$\\", "a+(b)|{2}^$\\", true},
    {"b*@example.org", "b\xF6se@example.org", true}, /* Latin-1, not UTF-8 */
};

static const struct example regexes[] = {
    {"/b/", "abc", true},
    {"/B/", "abc", false},
    {"/B/i", "abc", true},
    {"/^abc$/", "abc", true},
    {"/^b/", "a\nb", false},
    {"/^b/m", "a\nb", true},
    {"/a.b/", "a\nb", false},
    {"/a.b/s", "a\nb", true},
    {"/A.B/is", "a\nb", true},
    {"/^\\w+$/", "\xC3\xB6", false},
    {"/^\\w+$/u", "\xC3\xB6", true},
    {"/\xC3\x96/i", "\xC3\xB6", true},
    {"/a\\/b/", "a/b", true},
    {"/a/b/", "xa/by", true},
    {"/secret/", "\xFF\xFE secret", true}, /* not UTF-8 */
    {"/^.$/", "\xFF", true},
    {"/(?= )b* /", "a b", true},
};

static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (matches(examples[i].pattern, examples[i].text) != examples[i].matches)
            fail_msg("pattern %s, text \"%s\": expected %s", examples[i].pattern, examples[i].text,
                     examples[i].matches ? "a match" : "none");
}

static void test_globs(void **state)
{
    (void)state;
    check(globs, sizeof(globs) / sizeof(*globs));
}

static void test_regexes(void **state)
{
    (void)state;
    check(regexes, sizeof(regexes) / sizeof(*regexes));
}

static void test_mistakes(void **state)
{
    static const char *const texts[] = {
        "/",        "//",   "/abc",  "/abc/x", "/abc/i ", "/(/",
        "/a{2,1}/", "/[/i", "/\\C/", "a\xFF",  "/\xFF/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct patterns *patterns = patterns_new();
        char *mistake = patterns_add(patterns, texts[i]);
        if (mistake == NULL)
            fail_msg("%s was accepted", texts[i]);
        free(mistake);
        patterns_free(patterns);
    }
}

static void test_hit_is_the_number_of_the_pattern(void **state)
{
    (void)state;
    struct patterns *patterns = patterns_new();
    assert_null(patterns_add(patterns, "no*"));
    assert_null(patterns_add(patterns, "/yes/"));
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_true(patterns_match(patterns, PATTERN_ANY_KIND, "yes", 3, &search));
    assert_int_equal(search.hit, 1);
    patterns_free(patterns);
}

static void test_kinds_are_kept_apart(void **state)
{
    (void)state;
    struct patterns *patterns = compile("abc");
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_false(patterns_match(patterns, PATTERN_REGEX, "abc", 3, &search));
    assert_true(patterns_match(patterns, PATTERN_GLOB, "abc", 3, &search));
    patterns_free(patterns);
}

static void test_nul_is_an_octet(void **state)
{
    (void)state;
    struct patterns *patterns = compile("a*c");
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_true(patterns_match(patterns, PATTERN_ANY_KIND, "a\0c", 3, &search));
    patterns_free(patterns);
}

static char *repeated(const char *text, size_t len)
{
    char *repeated = xmalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        repeated[i] = text[i % strlen(text)];
    repeated[len] = '\0';
    return repeated;
}

struct outcome {
    bool hit;
    size_t limited;
    uint64_t work;
};

/* By machine code, or interpreted. */
static struct outcome search(const char *pattern, const char *text, size_t len, bool interpreted)
{
    struct patterns *patterns = compile(pattern);
    if (interpreted)
        patterns_interpret(patterns);
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    bool hit = patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search);
    patterns_free(patterns);
    return (struct outcome){hit, search.limited, work.done};
}

/* Exponential or quadratic for a matcher that goes back and tries again, at one starting position
 * or over many: answered for certain all the same. */
static void test_hostile_texts_are_answered(void **state)
{
    static const struct {
        const char *pattern, *text;
    } examples[] = {
        {"/(a+)+[yz]/", "a"},
        {"/a.*[yz]/s", "a"},
        {"/a[^y]*[yz]/", "a"},
        {"/(?:a|e)*[yz]/", "a"},
        {"/^(a?){20}a{20}[yz]$/", "a"},
        {"/(.*)(.*)(.*)[yz]/s", "a"},
        {"/[0-9]+ (EUR|USD)/", "7"},
        {"/[0-9]+ (EUR|USD)/", "7777777777777777777 EUX"},
        {"/\\d+[ .]\\d+ (?:EUR|USD)\\b/u", "7777777.7 777.EUR"},
        {"/(?<!\\d)\\d{16}(?!\\d)[yz]/", "1234567890123456 "},
        {"/\\w+@(\\w+\\.)+test/", "a.a.a.a.a@a.a.a.a.tes "},
        {"/x[^y]*z/", "x"},
        {"/(x+x+)+y/", "x"},
        {"/^(\\s*\\w+\\s*)*$/", "word word!"},
    };
    (void)state;
    size_t len = 60000;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        char *text = repeated(examples[i].text, len);
        for (int interpreted = 0; interpreted < 2; interpreted++) {
            struct outcome outcome = search(examples[i].pattern, text, len, interpreted);
            if (outcome.hit || outcome.limited > 0)
                fail_msg("%s: %s", examples[i].pattern, outcome.hit ? "a match" : "undecided");
            if (outcome.work > 25 * len)
                fail_msg("%s: %llu steps", examples[i].pattern, (unsigned long long)outcome.work);
        }
        free(text);
    }
}

/* ... and a match at their end is found. */
static void test_matches_in_hostile_texts_are_found(void **state)
{
    static const struct {
        const char *pattern, *text, *end;
    } examples[] = {
        {"/(a+)+[yz]/", "a", "y"},
        {"/(?:a|e)*[yz]$/", "a", "z"},
        {"/[0-9]+ (EUR|USD)/", "7777777777777777777 EUX", "7 USD"},
        {"/(?<!\\d)\\d{16}(?!\\d)[yz]/", "1234567890123456 ", " 1234567890123456y"},
        {"/^(a?){20}a{20}[yz]$/m", "a", "\naaaaaaaaaaaaaaaaaaaaaaaaaaay"},
    };
    (void)state;
    size_t len = 60000;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        char *text = repeated(examples[i].text, len);
        char *both = xasprintf("%s%s", text, examples[i].end);
        for (int interpreted = 0; interpreted < 2; interpreted++)
            if (!search(examples[i].pattern, both, strlen(both), interpreted).hit)
                fail_msg("%s: not found", examples[i].pattern);
        free(both);
        free(text);
    }
}

/* What only going back and trying again can answer is bounded, and in doubt; machine code and
 * interpreter agree. */
static void test_limits(void **state)
{
    static const struct {
        const char *pattern, *text;
    } examples[] = {
        {"/(a+)+\\1[yz]/", "a"},
        {"/(a|a)*+[yz]/", "a"},
        {"/^(a?){90}a{90}[yz]$/", "a"},
        {"/x[^y]*+z/", "xy z"},
        {"/(.*)x\\1[yz]/s", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax"},
        {"/(?=(a+))a*b\\1/", "ab "},
        {"/^(?:(a*)(a*))*\\2b/", "aaaaaaaaaaaab"},
    };
    (void)state;
    size_t len = 1024 * 1024;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        char *text = repeated(examples[i].text, len);
        struct outcome machine = search(examples[i].pattern, text, len, false);
        struct outcome interpreted = search(examples[i].pattern, text, len, true);
        if (machine.work > BUDGET || interpreted.work > BUDGET)
            fail_msg("%s: %llu steps", examples[i].pattern, (unsigned long long)machine.work);
        if (machine.hit != interpreted.hit)
            fail_msg("%s: interpreted it is another", examples[i].pattern);
        free(text);
    }
}

static void test_a_spent_budget_is_doubt(void **state)
{
    static const char *const texts[] = {"/secret/", "*secret*", "/(a+)\\1/"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct patterns *patterns = compile(texts[i]);
        struct work work = {.done = BUDGET, .max = BUDGET};
        struct pattern_search search = {.work = &work};
        assert_false(patterns_match(patterns, PATTERN_ANY_KIND, "secret aa", 9, &search));
        assert_int_equal(search.limited, 1);
        patterns_free(patterns);
    }
}

/* One pattern that burns what it gets leaves enough for those after it. */
static void test_others_are_asked_too(void **state)
{
    (void)state;
    struct patterns *patterns = patterns_new();
    for (int i = 0; i < 10; i++)
        assert_null(patterns_add(patterns, "/(a+)+\\1[yz]/"));
    assert_null(patterns_add(patterns, "/b$/"));
    size_t len = 10000;
    char *text = repeated("a", len);
    text[len - 1] = 'b';
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_true(patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search));
    assert_int_equal(search.hit, 10);
    assert_int_equal(search.limited, 10);
    patterns_free(patterns);
    free(text);
}

/* No text makes a glob hit a limit. */
static void test_globs_have_no_limit(void **state)
{
    static const char *const patterns_texts[] = {"*a*a*a*a*a*a*a*ab", "a*a*a*a*a*a*b*a", "*b*b",
                                                 "a*ab*", "*aaaaaaaaaaaaaaaaaaaab*aab"};
    (void)state;
    size_t len = 1024 * 1024;
    char *text = xmalloc(len);
    memset(text, 'a', len);
    for (size_t i = 0; i < sizeof(patterns_texts) / sizeof(*patterns_texts); i++) {
        struct patterns *patterns = compile(patterns_texts[i]);
        struct work work = {.max = BUDGET};
        struct pattern_search search = {.work = &work};
        assert_false(patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search));
        assert_int_equal(search.limited, 0);
        patterns_free(patterns);
    }
    text[len - 1] = 'b';
    assert_true(matches("a*b", "aab"));
    struct patterns *patterns = compile(patterns_texts[0]);
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_true(patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search));
    patterns_free(patterns);
    free(text);
}

/* Each starting position scans the whole text in one step: the distance counts too. */
static void test_long_steps_count(void **state)
{
    (void)state;
    size_t len = 1024 * 1024;
    char *text = xmalloc(len);
    memset(text, 'x', len);
    memcpy(text + len - 2, "yz", 2);
    struct patterns *patterns = compile("/x[^y]*+z/");
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_false(patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search));
    assert_int_equal(search.limited, 1);
    assert_in_range(work.done, 1, BUDGET);
    patterns_free(patterns);
    free(text);
}

/* With a star before the last piece only one starting position is tried, or this would run for
 * hours.
 */
static void test_globs_start_once(void **state)
{
    (void)state;
    size_t len = 1024 * 1024;
    char *text = xmalloc(len);
    memset(text, 'a', len);
    memcpy(text + len - 2, "bx", 2);
    struct patterns *patterns = compile("*a*b");
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    assert_false(patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search));
    assert_true(patterns_match(patterns, PATTERN_ANY_KIND, text, len - 1, &search));
    patterns_free(patterns);
    free(text);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* As under systemd's MemoryDenyWriteExecute: no machine code, the same results. */
static void test_memory_that_is_not_executable(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
            _exit(77); /* a kernel before 6.3 */
        check(globs, sizeof(globs) / sizeof(*globs));
        check(regexes, sizeof(regexes) / sizeof(*regexes));
        test_hostile_texts_are_answered(NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_regexes),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_hit_is_the_number_of_the_pattern),
        cmocka_unit_test(test_kinds_are_kept_apart),
        cmocka_unit_test(test_nul_is_an_octet),
        cmocka_unit_test(test_hostile_texts_are_answered),
        cmocka_unit_test(test_matches_in_hostile_texts_are_found),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_spent_budget_is_doubt),
        cmocka_unit_test(test_others_are_asked_too),
        cmocka_unit_test(test_globs_have_no_limit),
        cmocka_unit_test(test_long_steps_count),
        cmocka_unit_test(test_globs_start_once),
        cmocka_unit_test(test_memory_that_is_not_executable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
