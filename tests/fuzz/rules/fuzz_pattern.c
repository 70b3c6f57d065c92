/*
 * A pattern and a text: the work stays within the budget; machine code and interpreter never
 * contradict each other; what PCRE2 finds without budget, prefilter or linear search is found, or
 * in doubt, and what it does not find is not. Up to the first NUL the input is the pattern, then
 * one octet says how often the rest is repeated, which is the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/pattern.h"
#include "rules/regex_linear.h"
#include "rules/regex_literal.h"
#include "rules/util/buffer.h"

#define BUDGET 200000
#define PATTERN_MAX 120
#define TEXT_MAX 4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

enum answer { NO, YES, DOUBT };

static enum answer ask(const struct patterns *patterns, const struct buffer *text)
{
    struct work work = {.max = BUDGET};
    struct pattern_search search = {.work = &work};
    bool hit = patterns_match(patterns, PATTERN_ANY_KIND, text->data, text->len, &search);
    check(search.limited <= 1 && !(hit && search.limited > 0));
    /* Beyond it are the last step and what is charged in advance. */
    check(work.done <= BUDGET + text->len * (1 + PATTERN_MAX));
    if (hit)
        return YES;
    return search.limited > 0 ? DOUBT : NO;
}

static uint32_t options_of(const char *flags)
{
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    for (; *flags != '\0'; flags++)
        options |= *flags == 'i'   ? PCRE2_CASELESS
                   : *flags == 'm' ? PCRE2_MULTILINE
                   : *flags == 's' ? PCRE2_DOTALL
                                   : PCRE2_UCP;
    return options;
}

static int count_call(pcre2_callout_block *block, void *arg)
{
    unsigned *calls = arg;
    (void)block;
    return ++*calls > 300000 ? PCRE2_ERROR_CALLOUT : 0;
}

struct regex {
    const char *text;
    size_t len;
    uint32_t options;
};

/* Of a pattern that has been accepted. */
static struct regex regex_of(const char *pattern)
{
    const char *end = strrchr(pattern, '/');
    return (struct regex){pattern + 1, (size_t)(end - pattern - 1), options_of(end + 1)};
}

/* What PCRE2's interpreter says; DOUBT: it takes long, or the text is not UTF-8. */
static enum answer reference(const struct regex *regex, const struct buffer *text)
{
    int error;
    PCRE2_SIZE offset;
    unsigned calls = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex->text, regex->len,
                                     regex->options | PCRE2_AUTO_CALLOUT | PCRE2_NO_START_OPTIMIZE |
                                         PCRE2_NO_AUTO_POSSESS,
                                     &error, &offset, NULL);
    check(code != NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_callout(context, count_call, &calls);
    int result =
        pcre2_match(code, (PCRE2_SPTR)text->data, text->len, 0, PCRE2_NO_JIT, match, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    if (result >= 0)
        return YES;
    return result == PCRE2_ERROR_NOMATCH ? NO : DOUBT;
}

static void check_linear(const struct regex *regex, const struct buffer *text, enum answer right)
{
    struct regex_linear *linear = regex_linear_new(regex->text, regex->len, regex->options);
    if (linear == NULL)
        return;
    struct work work = {.max = BUDGET * 10};
    int result = regex_linear_match(linear, text->data, text->len, &work);
    check(result < 0 || right == YES);
    check(result != PCRE2_ERROR_NOMATCH || right == NO);
    regex_linear_free(linear);
}

static void check_literals(const struct regex *regex, const struct buffer *text, enum answer right)
{
    struct regex_literals literals =
        regex_literals_find(regex->text, regex->len, (regex->options & PCRE2_CASELESS) != 0);
    size_t compared = 0;
    check(regex_literals_occur(&literals, text->data, text->len, &compared) || right == NO);
    check(compared <= REGEX_LITERALS_MAX * text->len);
}

static void check_regex(const char *pattern, const struct buffer *text, enum answer machine,
                        enum answer interpreted)
{
    struct regex regex = regex_of(pattern);
    enum answer right = reference(&regex, text);
    if (right == DOUBT)
        return;
    check(machine == DOUBT || machine == right);
    check(interpreted == DOUBT || interpreted == right);
    check_linear(&regex, text, right);
    check_literals(&regex, text, right);
}

static void check_pattern(const char *pattern, const struct buffer *text)
{
    struct patterns *patterns = patterns_new();
    char *mistake = patterns_add(patterns, pattern);
    if (mistake == NULL) {
        enum answer machine = ask(patterns, text);
        patterns_interpret(patterns);
        enum answer interpreted = ask(patterns, text);
        check(machine == DOUBT || interpreted == DOUBT || machine == interpreted);
        if (*pattern == '/')
            check_regex(pattern, text, machine, interpreted);
    }
    free(mistake);
    patterns_free(patterns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    if (nul == NULL || nul - data > PATTERN_MAX || nul + 1 == data + size)
        return 0;
    const char *piece = (const char *)nul + 2;
    size_t piece_len = (size_t)(data + size - nul - 2);
    struct buffer text = {0};
    buffer_text(&text, "");
    for (unsigned i = 0; i <= nul[1] && text.len + piece_len <= TEXT_MAX; i++)
        buffer_add(&text, piece, piece_len);
    check_pattern((const char *)data, &text);
    buffer_free(&text);
    return 0;
}
