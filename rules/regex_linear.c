#include "rules/regex_linear.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/regex_token.h"
#include "rules/util/buffer.h"

/* Possibilities that are followed at once; each takes 3 numbers here and 3 for the next character.
 */
#define POSSIBILITIES_MAX 256
#define WORKSPACE (2 + 6 * POSSIBILITIES_MAX)
#define WRITTEN_MAX 8192
/* Each possibility is compared with those before it; so many comparisons are a step. */
#define COMPARISONS_A_STEP 16
#define HEAP_LIMIT_KIB 1024u
#define DEPTH_LIMIT 100u

struct regex_linear {
    pcre2_code *code;
    unsigned endless; /* repeats without end: possibilities that stay without being counted */
};

struct writer {
    struct buffer out;
    unsigned endless;
    bool branches;      /* the regex is not one branch */
    unsigned looks[64]; /* groups that are open: how many of them look around */
    size_t depth;
};

static void repeat_token(struct buffer *out, const struct regex_token *token, unsigned times,
                         const char *suffix)
{
    for (unsigned i = 0; i < times && out->len <= WRITTEN_MAX; i++) {
        buffer_add(out, token->text, token->len);
        buffer_text(out, suffix);
    }
}

/* One character that is repeated. */
static void write_repeated(struct writer *writer, const struct regex_token *token,
                           const struct regex_token *repeat)
{
    repeat_token(&writer->out, token, repeat->min, "");
    if (repeat->endless)
        repeat_token(&writer->out, token, 1, "*");
    else if (repeat->max > repeat->min)
        repeat_token(&writer->out, token, repeat->max - repeat->min, "?");
}

static bool is_atom(const struct regex_token *token)
{
    return token->kind == REGEX_CHARACTER || token->kind == REGEX_SINGLE;
}

static bool open_group(struct writer *writer, bool look)
{
    if (writer->depth + 1 >= sizeof(writer->looks) / sizeof(*writer->looks))
        return false;
    unsigned around = writer->looks[writer->depth];
    writer->looks[++writer->depth] = around + look;
    return true;
}

/* What looks around is tried anew at each character, so it must not be without end. PCRE2 (10.42)
 * takes /(?:a|^b){0}c/ for one that begins with "^": not every {0} means nothing. */
static bool accept_repeat(struct writer *writer, const struct regex_token *repeat)
{
    if (repeat->max == 0 && !repeat->endless)
        return false;
    writer->endless += repeat->endless;
    return !repeat->possessive && (!repeat->endless || writer->looks[writer->depth] == 0);
}

/* false: refused. */
static bool write_token(struct writer *writer, struct regex_reader *reader,
                        const struct regex_token *token)
{
    struct regex_token repeat = regex_peek(reader);
    switch (token->kind) {
    case REGEX_CHARACTER:
    case REGEX_SINGLE:
        if (repeat.kind != REGEX_REPEAT)
            break;
        regex_next(reader);
        write_repeated(writer, token, &repeat);
        return accept_repeat(writer, &repeat);
    case REGEX_OPEN:
    case REGEX_LOOK:
        if (!open_group(writer, token->kind == REGEX_LOOK))
            return false;
        break;
    case REGEX_CLOSE:
        if (writer->depth == 0)
            return false;
        writer->depth--;
        break;
    case REGEX_REPEAT: /* of a group, or of a repeat */
        if (!accept_repeat(writer, token))
            return false;
        break;
    case REGEX_ALTERNATIVE:
        writer->branches |= writer->depth == 0;
        break;
    case REGEX_ASSERTION:
    case REGEX_FLAGS:
        break;
    default:
        return false;
    }
    buffer_add(&writer->out, token->text, token->len);
    return true;
}

static bool write_regex(struct writer *writer, const char *regex, size_t len)
{
    struct regex_reader reader = {regex, regex + len};
    for (;;) {
        struct regex_token token = regex_next(&reader);
        if (token.kind == REGEX_END)
            break;
        if (!write_token(writer, &reader, &token) || writer->out.len > WRITTEN_MAX)
            return false;
        if (is_atom(&token) && regex_peek(&reader).kind == REGEX_REPEAT)
            return false; /* a repeat of a repeat */
    }
    return true;
}

/* Each item is met at each character: the fewer the better. */
static pcre2_code *compile(const struct writer *writer, uint32_t options)
{
    int error;
    PCRE2_SIZE offset;
    struct buffer search = {0};
    buffer_text(&search, (options & PCRE2_DOTALL) != 0 ? "\\A.*?" : "\\A(?s).*?(?-s)");
    buffer_text(&search, writer->branches ? "(?:" : "");
    buffer_add(&search, writer->out.data, writer->out.len);
    buffer_text(&search, writer->branches ? ")" : "");
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)search.data, search.len,
                                     options | PCRE2_AUTO_CALLOUT, &error, &offset, NULL);
    buffer_free(&search);
    return code;
}

struct regex_linear *regex_linear_new(const char *regex, size_t len, uint32_t options)
{
    struct writer writer = {0};
    pcre2_code *code = write_regex(&writer, regex, len) ? compile(&writer, options) : NULL;
    buffer_free(&writer.out);
    if (code == NULL)
        return NULL;
    struct regex_linear *linear = xmalloc(sizeof(*linear));
    *linear = (struct regex_linear){code, writer.endless};
    return linear;
}

void regex_linear_free(struct regex_linear *linear)
{
    if (linear == NULL)
        return;
    pcre2_code_free(linear->code);
    free(linear);
}

struct meter {
    struct work *work;
    unsigned endless;
    size_t position;
    unsigned possibilities; /* met at this position */
};

static int count_step(pcre2_callout_block *block, void *arg)
{
    struct meter *meter = arg;
    uint64_t steps = 1;
    if (block->current_position != meter->position) {
        meter->possibilities = 0;
        steps += meter->endless;
    }
    meter->position = block->current_position;
    meter->possibilities++;
    steps += (meter->possibilities + meter->endless) / COMPARISONS_A_STEP;
    return work_spend(meter->work, steps) ? 0 : PCRE2_ERROR_CALLOUT;
}

int regex_linear_match(const struct regex_linear *linear, const char *text, size_t len,
                       struct work *work)
{
    int workspace[WORKSPACE];
    struct meter meter = {.work = work, .endless = linear->endless};
    pcre2_match_data *data = memory_check(pcre2_match_data_create(1, NULL));
    pcre2_match_context *context = memory_check(pcre2_match_context_create(NULL));
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_match_limit(context, UINT32_MAX);
    pcre2_set_callout(context, count_step, &meter);
    int result = pcre2_dfa_match(linear->code, (PCRE2_SPTR)text, len, 0, PCRE2_DFA_SHORTEST, data,
                                 context, workspace, WORKSPACE);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return result;
}
