#include "rules/regex_literal.h"

#include <string.h>

#include "rules/regex_token.h"
#include "rules/util/octet.h"

#define DEPTH_MAX 16

struct analysis {
    struct regex_reader reader;
    bool caseless;
    bool failed;               /* something was not understood */
    bool branches;             /* the regex is not one branch */
    struct regex_literals all; /* if it is: all that it needs, as far as there is room */
    size_t sets;
};

/* The literals of one branch: the best seen so far, and the run of characters being read. */
struct branch {
    struct analysis *outermost; /* NULL: in a group */
    struct regex_literals best;
    char run[REGEX_LITERAL_OCTETS];
    size_t run_len;
};

static size_t shortest(const struct regex_literals *literals)
{
    size_t len = literals->count > 0 ? REGEX_LITERAL_OCTETS : 0;
    for (size_t i = 0; i < literals->count; i++)
        if (literals->literals[i].len < len)
            len = literals->literals[i].len;
    return len;
}

static void need(struct analysis *analysis, const struct regex_literals *literals)
{
    struct regex_literals *all = &analysis->all;
    if (literals->count == 0 || all->count + literals->count > REGEX_LITERALS_MAX)
        return;
    for (size_t i = 0; i < literals->count; i++) {
        all->literals[all->count] = literals->literals[i];
        all->literals[all->count++].set = analysis->sets;
    }
    analysis->sets++;
}

/* Long ones are rare, and few are quickly looked for. */
static void offer(struct branch *branch, const struct regex_literals *literals)
{
    if (branch->outermost != NULL)
        need(branch->outermost, literals);
    size_t offered = shortest(literals), best = shortest(&branch->best);
    if (offered > best || (offered == best && literals->count < branch->best.count))
        branch->best = *literals;
}

static void end_run(struct branch *branch)
{
    struct regex_literals one = {.count = branch->run_len > 0};
    memcpy(one.literals[0].text, branch->run, branch->run_len);
    one.literals[0].len = branch->run_len;
    offer(branch, &one);
    branch->run_len = 0;
}

/*
 * Without regard to case k also matches U+212A (the Kelvin sign), s U+017F (the long s), and other
 * scripts have cases of their own: such characters are left out.
 */
static bool is_comparable(const struct analysis *analysis, const struct regex_token *token)
{
    char c = octet_lower(token->character[0]);
    return !analysis->caseless || (token->octets == 1 && c != 'k' && c != 's');
}

static void add_character(const struct analysis *analysis, struct branch *branch,
                          const struct regex_token *token)
{
    if (!is_comparable(analysis, token)) {
        end_run(branch);
        return;
    }
    if (branch->run_len + token->octets > sizeof(branch->run))
        end_run(branch);
    for (size_t i = 0; i < token->octets; i++)
        branch->run[branch->run_len++] =
            analysis->caseless ? octet_lower(token->character[i]) : token->character[i];
}

/* Whether what was just read may be missing: the repeat that may follow it is read too. */
static bool is_optional(struct analysis *analysis, bool *repeated)
{
    struct regex_token repeat = regex_peek(&analysis->reader);
    *repeated = repeat.kind == REGEX_REPEAT;
    if (*repeated)
        regex_next(&analysis->reader);
    return *repeated && repeat.min == 0;
}

/* Past the end of a group that has been opened. */
static void skip_group(struct analysis *analysis)
{
    for (size_t open = 1; open > 0;) {
        struct regex_token token = regex_next(&analysis->reader);
        if (token.kind == REGEX_END || token.kind == REGEX_UNKNOWN || token.kind == REGEX_FLAGS) {
            analysis->failed = true;
            return;
        }
        open += token.kind == REGEX_OPEN || token.kind == REGEX_LOOK;
        open -= token.kind == REGEX_CLOSE;
    }
}

/* All branches of a group have to have literals, or the group has none. */
static void join(struct regex_literals *all, const struct regex_literals *branch, bool first)
{
    if (first) {
        *all = *branch;
        return;
    }
    if (all->count == 0 || branch->count == 0 || all->count + branch->count > REGEX_LITERALS_MAX) {
        all->count = 0;
        return;
    }
    for (size_t i = 0; i < branch->count; i++)
        all->literals[all->count++] = branch->literals[i];
}

static struct regex_literals read_group(struct analysis *analysis, unsigned depth);

static void read_token(struct analysis *analysis, struct branch *branch,
                       const struct regex_token *token, unsigned depth)
{
    bool repeated;
    struct regex_literals group;
    switch (token->kind) {
    case REGEX_CHARACTER:
        if (is_optional(analysis, &repeated)) {
            end_run(branch);
            return;
        }
        add_character(analysis, branch, token);
        if (repeated)
            end_run(branch);
        return;
    case REGEX_OPEN:
        end_run(branch);
        group = read_group(analysis, depth + 1);
        if (!is_optional(analysis, &repeated))
            offer(branch, &group);
        return;
    case REGEX_LOOK:
        end_run(branch);
        skip_group(analysis);
        is_optional(analysis, &repeated);
        return;
    case REGEX_SINGLE:
    case REGEX_ASSERTION:
        end_run(branch);
        is_optional(analysis, &repeated);
        return;
    default:
        analysis->failed = true;
    }
}

/* Up to the end of the group, which is read too, or of the regex. */
static struct regex_literals read_group(struct analysis *analysis, unsigned depth)
{
    struct regex_literals all = {0};
    struct analysis *outermost = depth == 0 ? analysis : NULL;
    struct branch branch = {.outermost = outermost};
    analysis->failed |= depth > DEPTH_MAX;
    for (bool first = true; !analysis->failed;) {
        struct regex_token token = regex_next(&analysis->reader);
        bool end = token.kind == REGEX_END || token.kind == REGEX_CLOSE;
        if (!end && token.kind != REGEX_ALTERNATIVE) {
            read_token(analysis, &branch, &token, depth);
            continue;
        }
        end_run(&branch);
        join(&all, &branch.best, first);
        branch = (struct branch){.outermost = outermost};
        first = false;
        if (!end) {
            analysis->branches |= depth == 0;
            continue;
        }
        analysis->failed |= (token.kind == REGEX_END) != (depth == 0);
        break;
    }
    return all;
}

struct regex_literals regex_literals_find(const char *regex, size_t len, bool caseless)
{
    struct analysis analysis = {.reader = {regex, regex + len}, .caseless = caseless};
    struct regex_literals literals = read_group(&analysis, 0);
    if (!analysis.branches)
        literals = analysis.all;
    if (analysis.failed)
        literals.count = 0;
    literals.caseless = caseless;
    return literals;
}

static const char *find_caseless(const char *literal, size_t literal_len, const char *text,
                                 size_t len)
{
    for (size_t i = 0; i + literal_len <= len; i++) {
        size_t same = 0;
        while (same < literal_len && octet_lower(text[i + same]) == literal[same])
            same++;
        if (same == literal_len)
            return text + i;
    }
    return NULL;
}

static bool occurs(const struct regex_literals *literals, size_t number, const char *text,
                   size_t len, size_t *compared)
{
    const char *literal = literals->literals[number].text;
    size_t literal_len = literals->literals[number].len;
    const char *found = literals->caseless ? find_caseless(literal, literal_len, text, len)
                                           : memmem(text, len, literal, literal_len);
    *compared += found != NULL ? (size_t)(found - text) : len;
    return found != NULL;
}

bool regex_literals_occur(const struct regex_literals *literals, const char *text, size_t len,
                          size_t *compared)
{
    size_t found = 0; /* sets, all before it too */
    for (size_t i = 0; i < literals->count; i++) {
        size_t set = literals->literals[i].set;
        if (set > found)
            return false;
        if (set == found && occurs(literals, i, text, len, compared))
            found++;
    }
    return literals->count == 0 || found > literals->literals[literals->count - 1].set;
}
