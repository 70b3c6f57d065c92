#include "rules/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <string.h>

#include "rules/mime/charset.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

/* A step that moves far in the text costs more than one. */
#define WORK_OCTETS_A_STEP 32

struct pattern {
    enum pattern_kind kind;
    pcre2_code *code;
};

struct patterns {
    struct pattern *patterns;
    size_t count;
};

struct patterns *patterns_new(void)
{
    return xcalloc(1, sizeof(struct patterns));
}

void patterns_free(struct patterns *patterns)
{
    if (patterns == NULL)
        return;
    for (size_t i = 0; i < patterns->count; i++)
        pcre2_code_free(patterns->patterns[i].code);
    free(patterns->patterns);
    free(patterns);
}

static bool is_special(char c)
{
    char lower = octet_lower(c);
    bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
    return (unsigned char)c < 0x80 && !plain;
}

static void literal_to_regex(const char *text, size_t len, struct buffer *regex)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '?') {
            buffer_char(regex, '.');
            continue;
        }
        if (is_special(c))
            buffer_char(regex, '\\');
        buffer_char(regex, c);
    }
}

/*
 * Each piece between stars may match at its first occurrence: if the rest does not match after
 * that, it does not match after a later one either. So the pieces are atomic groups, and after the
 * first of them no other starting position is tried (COMMIT): no text makes this backtrack over
 * more than one piece.
 */
static void glob_to_regex(const char *glob, struct buffer *regex)
{
    const char *rest = glob;
    if (*rest != '*')
        buffer_text(regex, "\\A");
    for (;;) {
        bool star = *rest == '*';
        rest += strspn(rest, "*");
        size_t len = strcspn(rest, "*");
        bool last = rest[len] == '\0';
        bool inner = star && regex->len > 0;
        if (len == 0) {
            if (!star)
                buffer_text(regex, "\\z");
            return;
        }
        if (inner)
            buffer_text(regex, last ? "(*COMMIT).*" : "(*COMMIT)(?>.*?");
        literal_to_regex(rest, len, regex);
        if (inner && !last)
            buffer_char(regex, ')');
        rest += len;
    }
}

static char *compile(const char *text, size_t len, uint32_t options, pcre2_code **code_r)
{
    int error;
    PCRE2_SIZE offset;
    options |= PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    *code_r = pcre2_compile((PCRE2_SPTR)text, len, options, &error, &offset, NULL);
    if (*code_r != NULL)
        return NULL;
    PCRE2_UCHAR message[200] = "";
    pcre2_get_error_message(error, message, sizeof(message));
    return xasprintf("%s, at byte %zu", (const char *)message, (size_t)offset + 1);
}

static char *compile_glob(const char *text, struct pattern *pattern)
{
    struct buffer regex = {0};
    glob_to_regex(text, &regex);
    pattern->kind = PATTERN_GLOB;
    char *mistake = compile(regex.data != NULL ? regex.data : "", regex.len,
                            PCRE2_CASELESS | PCRE2_DOTALL, &pattern->code);
    buffer_free(&regex);
    if (mistake == NULL)
        return NULL;
    free(mistake); /* its offset refers to our translation */
    return xstrdup("is too long or not UTF-8");
}

static uint32_t flag_option(char flag)
{
    switch (flag) {
    case 'i':
        return PCRE2_CASELESS;
    case 'm':
        return PCRE2_MULTILINE;
    case 's':
        return PCRE2_DOTALL;
    case 'u':
        return PCRE2_UCP;
    default:
        return 0;
    }
}

static char *compile_regex(const char *text, struct pattern *pattern)
{
    const char *end = strrchr(text, '/');
    if (end == text)
        return xstrdup("is a regular expression without a closing \"/\"");
    if (end == text + 1)
        return xstrdup("is an empty regular expression");
    uint32_t options = PCRE2_AUTO_CALLOUT;
    for (const char *flag = end + 1; *flag != '\0'; flag++) {
        uint32_t option = flag_option(*flag);
        if (option == 0)
            return xasprintf("has invalid flags \"%s\": known flags are i, m, s and u", end + 1);
        options |= option;
    }
    pattern->kind = PATTERN_REGEX;
    return compile(text + 1, (size_t)(end - text - 1), options, &pattern->code);
}

char *patterns_add(struct patterns *patterns, const char *text)
{
    struct pattern pattern = {0};
    char *mistake = *text == '/' ? compile_regex(text, &pattern) : compile_glob(text, &pattern);
    if (mistake != NULL)
        return mistake;
    patterns->patterns =
        xreallocarray(patterns->patterns, patterns->count + 1, sizeof(*patterns->patterns));
    patterns->patterns[patterns->count++] = pattern;
    return NULL;
}

struct step_count {
    uint64_t work;
    size_t position;
};

/* Called by PCRE2 before each item of a regex. */
static int count_step(pcre2_callout_block *block, void *arg)
{
    struct step_count *steps = arg;
    size_t from = steps->position, to = block->current_position;
    steps->work += 1 + (to > from ? to - from : from - to) / WORK_OCTETS_A_STEP;
    steps->position = to;
    return steps->work > PATTERN_WORK_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static int run(const struct pattern *pattern, const char *text, size_t len,
               struct pattern_search *search)
{
    pcre2_match_data *data = memory_check(pcre2_match_data_create(1, NULL));
    pcre2_match_context *context = memory_check(pcre2_match_context_create(NULL));
    struct step_count steps = {.work = search->work};
    pcre2_set_heap_limit(context, PATTERN_HEAP_LIMIT_KIB);
    pcre2_set_depth_limit(context, PATTERN_DEPTH_LIMIT);
    if (pattern->kind == PATTERN_REGEX) {
        pcre2_set_match_limit(context, PATTERN_MATCH_LIMIT);
        pcre2_set_callout(context, count_step, &steps);
    } else {
        pcre2_set_match_limit(context, UINT32_MAX);
    }
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, data, context);
    search->work = steps.work;
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return result;
}

static void replace_invalid(const char *text, size_t len, struct buffer *clean)
{
    for (size_t i = 0; i < len;) {
        size_t octets = utf8_length(text + i, len - i);
        if (octets > 0)
            buffer_add(clean, text + i, octets);
        else
            buffer_text(clean, "\xEF\xBF\xBD");
        i += octets > 0 ? octets : 1;
    }
}

static bool is_utf8_error(int result)
{
    return result <= PCRE2_ERROR_UTF8_ERR1 && result >= PCRE2_ERROR_UTF8_ERR21;
}

static bool match_pattern(const struct pattern *pattern, const char *text, size_t len,
                          struct pattern_search *search)
{
    int result = run(pattern, text, len, search);
    if (is_utf8_error(result)) {
        struct buffer clean = {0};
        replace_invalid(text, len, &clean);
        result = run(pattern, clean.data, clean.len, search);
        buffer_free(&clean);
    }
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
        search->limited++;
    return result >= 0;
}

bool patterns_match_one(const struct patterns *patterns, size_t number, const char *text,
                        size_t len, struct pattern_search *search)
{
    assert(number < patterns->count);
    if (!match_pattern(&patterns->patterns[number], text, len, search))
        return false;
    search->hit = number;
    return true;
}

bool patterns_match(const struct patterns *patterns, unsigned kinds, const char *text, size_t len,
                    struct pattern_search *search)
{
    for (size_t i = 0; i < patterns->count; i++)
        if ((patterns->patterns[i].kind & kinds) != 0 &&
            patterns_match_one(patterns, i, text, len, search))
            return true;
    return false;
}
