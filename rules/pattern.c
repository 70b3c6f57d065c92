#include "rules/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <string.h>

#include "rules/regex_linear.h"
#include "rules/regex_literal.h"
#include "rules/text/charset.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

/* What a step (work.h) is: any attempt costs some; then octets that are checked to be UTF-8, that
 * are compared with a literal as it is or in any case, and that PCRE2 passes over or compares. */
#define STEPS_AN_ATTEMPT 8
#define CHECKED_A_STEP 128
#define EXACT_A_STEP 32
#define CASELESS_A_STEP 12
#define PASSED_A_STEP 32
#define COMPARED_A_STEP 16
/* Of what is left of the budget, one search of one text may spend this part. */
#define SHARE 4
/* A regex that is known to a linear search may go back and forth this much before that is tried. */
#define TRIAL_STEPS_AN_OCTET 2
#define TRIAL_STEPS 4096

#define COMPILE_OPTIONS (PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C)

struct pattern {
    enum pattern_kind kind;
    pcre2_code *code;
    char *text; /* as written: a glob, or a regex without its slashes */
    size_t len;
    struct regex_literals literals;
    struct regex_linear *linear; /* or NULL */
};

struct patterns {
    struct pattern *patterns;
    size_t count;
    bool interpreted;
};

struct patterns *patterns_new(void)
{
    return xcalloc(1, sizeof(struct patterns));
}

void patterns_free(struct patterns *patterns)
{
    if (patterns == NULL)
        return;
    for (size_t i = 0; i < patterns->count; i++) {
        pcre2_code_free(patterns->patterns[i].code);
        regex_linear_free(patterns->patterns[i].linear);
        free(patterns->patterns[i].text);
    }
    free(patterns->patterns);
    free(patterns);
}

void patterns_interpret(struct patterns *patterns)
{
    patterns->interpreted = true;
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
    *pattern = (struct pattern){.kind = PATTERN_GLOB, .len = strlen(text)};
    char *mistake = compile(regex.data != NULL ? regex.data : "", regex.len,
                            COMPILE_OPTIONS | PCRE2_CASELESS | PCRE2_DOTALL, &pattern->code);
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
    uint32_t options = COMPILE_OPTIONS;
    for (const char *flag = end + 1; *flag != '\0'; flag++) {
        uint32_t option = flag_option(*flag);
        if (option == 0)
            return xasprintf("has invalid flags \"%s\": known flags are i, m, s and u", end + 1);
        options |= option;
    }
    *pattern = (struct pattern){.kind = PATTERN_REGEX, .len = (size_t)(end - text - 1)};
    /* PCRE2 (10.42) looks for a start of /(?= )a* / in vain: a look ahead misleads it. */
    uint32_t start = strstr(text, "(?=") != NULL ? PCRE2_NO_START_OPTIMIZE : 0;
    char *mistake =
        compile(text + 1, pattern->len, options | start | PCRE2_AUTO_CALLOUT, &pattern->code);
    if (mistake != NULL)
        return mistake;
    pattern->literals =
        regex_literals_find(text + 1, pattern->len, (options & PCRE2_CASELESS) != 0);
    pattern->linear = regex_linear_new(text + 1, pattern->len, options);
    return NULL;
}

char *patterns_add(struct patterns *patterns, const char *text)
{
    struct pattern pattern = {0};
    char *mistake = *text == '/' ? compile_regex(text, &pattern) : compile_glob(text, &pattern);
    if (mistake != NULL)
        return mistake;
    pattern.text = xmemdup0(text + (pattern.kind == PATTERN_REGEX), pattern.len);
    /* Refused where memory must not be executable: then the code is interpreted. */
    pcre2_jit_compile(pattern.code, PCRE2_JIT_COMPLETE);
    patterns->patterns =
        xreallocarray(patterns->patterns, patterns->count + 1, sizeof(*patterns->patterns));
    patterns->patterns[patterns->count++] = pattern;
    return NULL;
}

struct meter {
    struct work work;
    const struct pattern *pattern;
    size_t position;
};

static bool is_back_reference(const char *item)
{
    if (item[0] == '\\')
        return item[1] != '\0' && strchr("123456789gk", item[1]) != NULL;
    return strncmp(item, "(?P=", 4) == 0;
}

/* The octets that the item before which PCRE2 calls may pass over and then give up: those that a
 * back reference compares. */
static size_t compared_octets(const pcre2_callout_block *block, const struct pattern *pattern)
{
    const char *item = pattern->text + block->pattern_position;
    if (!is_back_reference(item))
        return 0;
    size_t longest = 0;
    for (uint32_t i = 1; i < block->capture_top; i++) {
        size_t from = block->offset_vector[2 * i], to = block->offset_vector[2 * i + 1];
        if (from != PCRE2_UNSET && to > from && to - from > longest)
            longest = to - from;
    }
    return longest;
}

/* ... or those of a character that is repeated: {n} or {n,m} follows the item. */
static size_t repeated_octets(const pcre2_callout_block *block, const struct pattern *pattern)
{
    size_t at = block->pattern_position + block->next_item_length;
    if (at >= pattern->len || pattern->text[at] != '{')
        return 0;
    char *end;
    unsigned long min = strtoul(pattern->text + at + 1, &end, 10);
    unsigned long max = *end == ',' ? strtoul(end + 1, NULL, 10) : 0;
    size_t left = block->subject_length - block->current_position;
    size_t times = max > min ? max : min;
    return times < left ? times : left;
}

/* Called by PCRE2 before each item of a regex. */
static int count_step(pcre2_callout_block *block, void *arg)
{
    struct meter *meter = arg;
    size_t from = meter->position, to = block->current_position;
    uint64_t steps = 1 + (to > from ? to - from : from - to) / PASSED_A_STEP;
    steps += compared_octets(block, meter->pattern) / COMPARED_A_STEP;
    steps += repeated_octets(block, meter->pattern) / PASSED_A_STEP;
    meter->position = to;
    return work_spend(&meter->work, steps) ? 0 : PCRE2_ERROR_CALLOUT;
}

static int run(const struct pattern *pattern, const char *text, size_t len, uint32_t options,
               struct meter *meter)
{
    pcre2_match_data *data = memory_check(pcre2_match_data_create(1, NULL));
    pcre2_match_context *context = memory_check(pcre2_match_context_create(NULL));
    pcre2_set_heap_limit(context, PATTERN_HEAP_LIMIT_KIB);
    pcre2_set_depth_limit(context, PATTERN_DEPTH_LIMIT);
    pcre2_set_match_limit(context,
                          pattern->kind == PATTERN_REGEX ? PATTERN_MATCH_LIMIT : UINT32_MAX);
    if (pattern->kind == PATTERN_REGEX)
        pcre2_set_callout(context, count_step, meter);
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, options, data, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return result;
}

/* Goes back and tries again, which may end for lack of work or memory. */
static int match_backtracking(const struct patterns *patterns, const struct pattern *pattern,
                              const char *text, size_t len, struct work *work)
{
    struct meter meter = {.work = *work, .pattern = pattern};
    uint32_t options = patterns->interpreted ? PCRE2_NO_JIT : 0;
    int result = run(pattern, text, len, options, &meter);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) { /* as if there had been no JIT */
        meter = (struct meter){.work = *work, .pattern = pattern};
        result = run(pattern, text, len, PCRE2_NO_JIT, &meter);
    }
    work->done = meter.work.done;
    return result;
}

static bool is_answer(int result)
{
    return result >= 0 || result == PCRE2_ERROR_NOMATCH;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The part of a budget that the next search may spend. */
static struct work share_of(const struct work *work)
{
    return (struct work){.done = work->done, .max = work->done + work_left(work) / SHARE};
}

static int match_regex(const struct patterns *patterns, const struct pattern *pattern,
                       const char *text, size_t len, struct work *work)
{
    const struct regex_literals *literals = &pattern->literals;
    size_t compared = 0;
    bool possible = regex_literals_occur(literals, text, len, &compared);
    work_spend(work, compared / (literals->caseless ? CASELESS_A_STEP : EXACT_A_STEP));
    if (!possible)
        return PCRE2_ERROR_NOMATCH;
    work_spend(work, len / COMPARED_A_STEP);
    struct work share = share_of(work);
    if (pattern->linear != NULL)
        share.max = smaller(share.max, share.done + TRIAL_STEPS + len * TRIAL_STEPS_AN_OCTET);
    int result = match_backtracking(patterns, pattern, text, len, &share);
    work->done = share.done;
    if (is_answer(result) || pattern->linear == NULL)
        return result;
    share = share_of(work);
    result = regex_linear_match(pattern->linear, text, len, &share);
    work->done = share.done;
    return result;
}

static int match_glob(const struct patterns *patterns, const struct pattern *pattern,
                      const char *text, size_t len, struct work *work)
{
    work_spend(work, len / COMPARED_A_STEP * (1 + pattern->len / COMPARED_A_STEP));
    struct work unused = *work;
    return match_backtracking(patterns, pattern, text, len, &unused);
}

static bool match_pattern(const struct patterns *patterns, const struct pattern *pattern,
                          const char *text, size_t len, struct pattern_search *search)
{
    int result = PCRE2_ERROR_CALLOUT;
    if (work_spend(search->work, STEPS_AN_ATTEMPT + len / CHECKED_A_STEP))
        result = pattern->kind == PATTERN_REGEX
                     ? match_regex(patterns, pattern, text, len, search->work)
                     : match_glob(patterns, pattern, text, len, search->work);
    search->limited += !is_answer(result);
    return result >= 0;
}

static bool is_ascii(const char text[8])
{
    uint64_t octets;
    memcpy(&octets, text, sizeof(octets));
    return (octets & 0x8080808080808080u) == 0;
}

static bool is_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        while (len - i >= 8 && is_ascii(text + i))
            i += 8;
        if (i == len)
            break;
        size_t octets = utf8_length(text + i, len - i);
        if (octets == 0)
            return false;
        i += octets;
    }
    return true;
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

/* The patterns from the first up to the last. */
static bool match_some(const struct patterns *patterns, size_t first, size_t last, unsigned kinds,
                       const char *text, size_t len, struct pattern_search *search)
{
    assert(search->work != NULL);
    struct buffer clean = {0};
    if (!is_valid(text, len)) {
        replace_invalid(text, len, &clean);
        text = clean.data;
        len = clean.len;
    }
    bool hit = false;
    for (size_t i = first; i < last && !hit; i++) {
        const struct pattern *pattern = &patterns->patterns[i];
        hit = (pattern->kind & kinds) != 0 && match_pattern(patterns, pattern, text, len, search);
        if (hit)
            search->hit = i;
    }
    buffer_free(&clean);
    return hit;
}

bool patterns_match_one(const struct patterns *patterns, size_t number, const char *text,
                        size_t len, struct pattern_search *search)
{
    assert(number < patterns->count);
    return match_some(patterns, number, number + 1, PATTERN_ANY_KIND, text, len, search);
}

bool patterns_match(const struct patterns *patterns, unsigned kinds, const char *text, size_t len,
                    struct pattern_search *search)
{
    return match_some(patterns, 0, patterns->count, kinds, text, len, search);
}
