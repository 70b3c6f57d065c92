#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "rules/regex_linear.h"
#include "rules/regex_literal.h"
#include "rules/util/buffer.h"

#define ROUNDS 20000
#define OPTIONS (PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C)

/* Numbers that are the same in each run. */
static unsigned draw(uint64_t *state, unsigned below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % below;
}

static const char *pick(uint64_t *state, const char *const *texts, size_t count)
{
    return texts[draw(state, (unsigned)count)];
}

#define PICK(state, texts) pick(state, texts, sizeof(texts) / sizeof(*texts))

static void make_regex(uint64_t *state, struct buffer *regex, unsigned depth)
{
    static const char *const atoms[] = {
        "a",    "b",    "k",     "s",           "c",   "\xC3\x9F", ".", "\\d", "\\w",    "\\s",
        "[ab]", "[^a]", "[]a-]", "[[:alpha:]]", "\\n", "1",        " ", "\\.", "[\\w-]", "ab"};
    static const char *const groups[] = {"(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!"};
    static const char *const repeats[] = {"",      "",     "",       "",   "",   "*",
                                          "+",     "?",    "*?",     "+?", "??", "{2}",
                                          "{1,3}", "{2,}", "{0,2}?", "{0}"};
    static const char *const others[] = {"^",   "$",   "\\b",  "\\B",   "\\A",
                                         "\\z", "\\Z", "(?i)", "(?s-m)"};
    for (unsigned items = 1 + draw(state, 4); items > 0; items--) {
        unsigned kind = draw(state, 12);
        if (kind == 0) {
            buffer_text(regex, PICK(state, others));
            continue;
        }
        if (kind < 4 && depth < 4) {
            const char *group = PICK(state, groups);
            buffer_text(regex, group);
            make_regex(state, regex, strncmp(group, "(?<", 3) == 0 ? 9 : depth + 1);
            buffer_char(regex, ')');
        } else {
            buffer_text(regex, PICK(state, atoms));
        }
        if (depth < 9)
            buffer_text(regex, PICK(state, repeats));
        if (draw(state, 8) == 0)
            buffer_char(regex, '|');
    }
}

static void make_text(uint64_t *state, struct buffer *text)
{
    static const char *const pieces[] = {"a", "b", "k",  "s",        "c",        "A",
                                         "B", "1", "\n", "\xC3\x9F", "\xC5\xBF", "\xE2\x84\xAA",
                                         "-", " ", ".",  "ab"};
    buffer_text(text, "");
    for (unsigned count = draw(state, 14); count > 0; count--)
        buffer_text(text, PICK(state, pieces));
}

static int search(pcre2_code *code, const struct buffer *text)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, 100000);
    int result = pcre2_match(code, (PCRE2_SPTR)text->data, text->len, 0, 0, data, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return result;
}

/* Not if it reached a limit. */
static bool is_answer(int result)
{
    return result >= 0 || result == PCRE2_ERROR_NOMATCH;
}

/* What PCRE2's own search says of some texts is what the linear search says, or it gives up; and a
 * text that matches contains a literal. Returns whether the regex is searched in linear time. */
static bool compare(uint64_t *state, const struct buffer *regex, uint32_t options,
                    unsigned *literal)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex->data, regex->len,
                                     options | PCRE2_NO_START_OPTIMIZE, &error, &offset, NULL);
    if (code == NULL)
        return false;
    struct regex_linear *linear = regex_linear_new(regex->data, regex->len, options);
    struct regex_literals literals =
        regex_literals_find(regex->data, regex->len, (options & PCRE2_CASELESS) != 0);
    for (int i = 0; i < 8; i++) {
        struct buffer text = {0};
        make_text(state, &text);
        int right = search(code, &text);
        struct work work = {.max = 1000000};
        int found = linear != NULL ? regex_linear_match(linear, text.data, text.len, &work) : right;
        if (is_answer(right) && is_answer(found) && (found >= 0) != (right >= 0))
            fail_msg("/%s/ %x: \"%s\": %d, not %d", regex->data, options, text.data, found, right);
        size_t compared = 0;
        if (right >= 0 && !regex_literals_occur(&literals, text.data, text.len, &compared))
            fail_msg("/%s/ %x: \"%s\" has none of its literals", regex->data, options, text.data);
        buffer_free(&text);
    }
    *literal += literals.count > 0;
    bool is_linear = linear != NULL;
    regex_linear_free(linear);
    pcre2_code_free(code);
    return is_linear;
}

static void test_random_regexes(void **state)
{
    static const uint32_t flags[] = {
        0, PCRE2_CASELESS, PCRE2_MULTILINE, PCRE2_DOTALL, PCRE2_UCP, PCRE2_CASELESS | PCRE2_UCP};
    (void)state;
    uint64_t random = 1;
    unsigned linear = 0, literal = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct buffer regex = {0};
        make_regex(&random, &regex, 0);
        uint32_t options = OPTIONS | flags[draw(&random, sizeof(flags) / sizeof(*flags))];
        linear += compare(&random, &regex, options, &literal);
        buffer_free(&regex);
    }
    assert_true(linear > ROUNDS / 3);
    assert_true(literal > ROUNDS / 8);
}

static void test_refused(void **state)
{
    static const char *const refused[] = {
        "(a)\\1",    "(?>a|ab)c",  "a++b",    "a*+b",         "(a)?+b",  "a{2,3}+b",    "(?R)?a",
        "(?(?=a)a)", "a(*PRUNE)b", "\\Ka",    "(?=a*b)c",     "(?x)a b", "\\Qa\\E",     "\\Ra",
        "(?|a|b)",   "(?<n>a)",    "a{2}{3}", "(?<!(?=a+))b", "[a\\E]",  "(?:a|^b){0}c"};
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct regex_linear *linear = regex_linear_new(refused[i], strlen(refused[i]), OPTIONS);
        if (linear != NULL)
            fail_msg("/%s/ was accepted", refused[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_regexes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
