#include "agent/config/syntax/text.h"

#include <assert.h>
#include <string.h>

#include "agent/config/syntax/token.h"
#include "agent/util/name_index.h"
#include "agent/util/suggest.h"
#include "rules/util/memory.h"

enum { OPTIONS_MAX = 64 }; /* of one section; the tables are ours */

struct parser {
    const char *file;
    const cfg_opt_t *options, *known;
    struct config_problems *problems;
    struct token *tokens;
    size_t at;
    struct config_text *text;
    FILE *out;
    int out_line;
    const char *place;         /* name of the place that is read, for messages */
    struct name_index *titles; /* "kind\ntitle": its token */
};

/* Where an item is: at the top (kind NULL) or in a section. */
struct place {
    const cfg_opt_t *options;
    const char *kind;
    char *name; /* "account "alice": ", or "" at the top */
    int line;
    bool keep;             /* false: items are checked, but not written out */
    int seen[OPTIONS_MAX]; /* the line of each key's first assignment */
};

static const struct token *token(const struct parser *parser, size_t ahead)
{
    const struct token *t = &parser->tokens[parser->at];

    while (ahead-- > 0 && t->kind != TOKEN_END)
        t++;
    return t;
}

static enum token_kind kind(const struct parser *parser, size_t ahead)
{
    return token(parser, ahead)->kind;
}

static bool is_scalar(enum token_kind k)
{
    return k == TOKEN_WORD || k == TOKEN_STRING;
}

static bool is_assignment(enum token_kind k)
{
    return k == TOKEN_EQUALS || k == TOKEN_PLUS_EQUALS;
}

/* What a token looks like, for messages. */
static char *shown(const struct token *t)
{
    if (t->kind == TOKEN_END)
        return xstrdup("the end of the file");
    if (t->kind == TOKEN_STRING)
        return xasprintf("%.*s", (int)(t->len < 40 ? t->len : 40), t->start);
    return xasprintf("\"%.*s\"", (int)(t->len < 40 ? t->len : 40), t->start);
}

/* A name or a title without its quotes. */
static char *plain(const struct token *t)
{
    if (t->kind == TOKEN_STRING)
        return xmemdup0(t->start + 1, t->len >= 2 ? t->len - 2 : 0);
    return xmemdup0(t->start, t->len);
}

static const cfg_opt_t *find_option(const cfg_opt_t *options, const char *name)
{
    for (; options != NULL && options->name != NULL; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static bool begins_section(const struct parser *parser)
{
    if (kind(parser, 0) != TOKEN_WORD ||
        !(kind(parser, 1) == TOKEN_OPEN ||
          (is_scalar(kind(parser, 1)) && kind(parser, 2) == TOKEN_OPEN)))
        return false;
    char *name = plain(token(parser, 0));
    const cfg_opt_t *option = find_option(parser->known, name);
    free(name);
    return option != NULL && option->type == CFGT_SEC;
}

static bool begins_item(const struct parser *parser)
{
    return (kind(parser, 0) == TOKEN_WORD && is_assignment(kind(parser, 1))) ||
           begins_section(parser);
}

/* ---- writing ---- */

/* Between double quotes libconfuse would substitute environment variables. */
static void write_token(struct parser *parser, const struct token *t)
{
    bool substitutes = t->kind == TOKEN_STRING && *t->start == '"';

    for (; parser->out_line < t->line; parser->out_line++)
        fputc('\n', parser->out);
    fputc(' ', parser->out);
    for (size_t i = 0; i < t->len; i++) {
        char c = t->start[i];
        if (substitutes && c == '$')
            fputc('\\', parser->out);
        fputc(c, parser->out);
        if (substitutes && c == '\\' && i + 1 < t->len) {
            c = t->start[++i];
            fputc(c, parser->out);
        }
        parser->out_line += c == '\n';
    }
}

static void write_range(struct parser *parser, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        write_token(parser, &parser->tokens[i]);
}

/* ---- unknown names ---- */

static const char *most_like(const cfg_opt_t *options, const char *name)
{
    struct suggestion suggestion;

    suggest_begin(&suggestion, name);
    for (; options != NULL && options->name != NULL; options++)
        suggest_offer(&suggestion, options->name);
    return suggestion.best;
}

/* The kind of section that has such a key. */
static const char *home_of(const cfg_opt_t *known, const char *name)
{
    for (; known->name != NULL; known++)
        if (find_option(known->subopts, name) != NULL)
            return known->name;
    return NULL;
}

static void unknown(struct parser *parser, const struct place *place, const struct token *t,
                    const char *name, const char *what)
{
    char hint[CONFIG_HINT_MAX];
    const char *like = most_like(place->options, name), *home = home_of(parser->known, name);

    if (place->kind == NULL && find_option(parser->known, name) != NULL)
        config_problem(parser->problems, parser->file, t->line,
                       "\"%s\" is not allowed here: files in rules_dir may only contain list "
                       "and rule sections",
                       name);
    else if (like == NULL && home != NULL)
        config_problem(parser->problems, parser->file, t->line,
                       "%sunknown %s \"%.64s\": it is a key of %s sections", place->name, what,
                       name, home);
    else
        config_problem(parser->problems, parser->file, t->line, "%sunknown %s \"%.64s\"%s",
                       place->name, what, name, config_hint(hint, like));
}

/* ---- values ---- */

struct value {
    bool list;
    bool broken; /* a problem was reported */
};

static void bad_value(struct parser *parser, struct value *value, const struct token *t,
                      const char *format, const char *argument)
{
    char *text = xasprintf(format, argument);

    if (!value->broken)
        config_problem(parser->problems, parser->file, t->line, "%s%s", parser->place, text);
    value->broken = true;
    free(text);
}

static void read_list(struct parser *parser, const struct token *name, struct value *value)
{
    bool expected = true;

    value->list = true;
    for (parser->at++;; parser->at++) {
        const struct token *t = token(parser, 0);
        char *text = shown(t);
        bool unclosed = t->kind == TOKEN_END || begins_item(parser);
        if (unclosed)
            bad_value(parser, value, name, "list is not closed by \"}\" before %s", text);
        else if (t->kind == TOKEN_COMMA && expected)
            bad_value(parser, value, t, "missing value before %s", text);
        else if (is_scalar(t->kind) && !expected)
            bad_value(parser, value, t, "missing comma before %s", text);
        else if (is_assignment(t->kind) || t->kind == TOKEN_OPEN)
            bad_value(parser, value, t, "unexpected %s in a list", text);
        free(text);
        if (unclosed)
            return;
        value->broken |= t->broken;
        expected = t->kind == TOKEN_COMMA;
        if (t->kind == TOKEN_CLOSE)
            break;
    }
    /* An empty list of conditions would match everything. */
    if (kind(parser, 0) == TOKEN_CLOSE && parser->tokens[parser->at - 1].kind == TOKEN_OPEN)
        bad_value(parser, value, name, "empty list; expected at least one value%s", "");
    parser->at++;
}

/* What follows a plain value on its line and cannot be a new item. */
static void read_rest(struct parser *parser, int line, struct value *value)
{
    while (token(parser, 0)->line == line && !begins_item(parser) &&
           (is_scalar(kind(parser, 0)) || kind(parser, 0) == TOKEN_COMMA)) {
        bool comma = kind(parser, 0) == TOKEN_COMMA;
        if (token(parser, 0)->broken)
            value->broken = true;
        char *text = shown(token(parser, 0));
        bad_value(parser, value, token(parser, 0),
                  comma ? "unexpected %s; several values must be in braces: {\"a\", \"b\"}"
                        : "unexpected %s after value; values containing spaces must be quoted",
                  text);
        free(text);
        parser->at++;
    }
}

static void read_value(struct parser *parser, const struct token *name, struct value *value)
{
    const struct token *t = token(parser, 0);

    if (t->kind == TOKEN_OPEN) {
        read_list(parser, name, value);
        return;
    }
    if (is_scalar(t->kind) && !(t->line > name->line && begins_item(parser))) {
        value->broken |= t->broken;
        parser->at++;
        read_rest(parser, t->line, value);
        return;
    }
    char *text = plain(name);
    bad_value(parser, value, name, "missing value after \"%s =\"", text);
    free(text);
    if (t->kind == TOKEN_COMMA || is_assignment(t->kind))
        parser->at++;
}

/* ---- items ---- */

static bool fits(struct parser *parser, struct place *place, const struct token *t,
                 const char *name, const struct value *value)
{
    const cfg_opt_t *option = find_option(place->options, name);
    const char *file = parser->file;
    bool append = t[1].kind == TOKEN_PLUS_EQUALS;

    if (option == NULL) {
        unknown(parser, place, t, name, "key");
        return false;
    }
    bool is_list = (option->flags & CFGF_LIST) != 0;
    assert(option - place->options < OPTIONS_MAX);
    int *seen = &place->seen[option - place->options];
    if (option->type == CFGT_SEC)
        config_problem(parser->problems, file, t->line, "\"%s\" is a section: %s%s { ... }", name,
                       name, (option->flags & CFGF_TITLE) != 0 ? " \"NAME\"" : "");
    else if (value->list && !is_list)
        config_problem(parser->problems, file, t->line, "%s%s takes one value, not a list",
                       place->name, name);
    else if (append && !is_list)
        config_problem(parser->problems, file, t->line,
                       "%s%s takes one value: use \"=\", not \"+=\"", place->name, name);
    else if (*seen > 0 && !append)
        config_problem(parser->problems, file, t->line,
                       "%sduplicate key \"%s\", first set on line %d", place->name, name, *seen);
    else
        return *seen = *seen > 0 ? *seen : t->line, true;
    return false;
}

static void note_left_out(struct config_text *text, const char *key, int section_line)
{
    if (text->n_left_out == text->left_out_room) {
        text->left_out_room = text->left_out_room > 0 ? text->left_out_room * 2 : 16;
        text->left_out =
            xreallocarray(text->left_out, text->left_out_room, sizeof(*text->left_out));
    }
    text->left_out[text->n_left_out].key = xstrdup(key);
    text->left_out[text->n_left_out++].section_line = section_line;
}

static void assignment(struct parser *parser, struct place *place)
{
    const struct token *t = token(parser, 0);
    size_t first = parser->at;
    struct value value = {0};
    char *name = plain(t);

    parser->at += 2;
    parser->place = place->name;
    read_value(parser, t, &value);
    bool fit = !t->broken && fits(parser, place, t, name, &value);
    if (!fit || value.broken)
        note_left_out(parser->text, name, place->line);
    else if (place->keep)
        write_range(parser, first, parser->at);
    free(name);
}

static void skip_braces(struct parser *parser)
{
    int depth = 0;

    do {
        depth += kind(parser, 0) == TOKEN_OPEN;
        depth -= kind(parser, 0) == TOKEN_CLOSE;
        if (kind(parser, 0) == TOKEN_END)
            return;
        parser->at++;
    } while (depth > 0);
}

/* The option of a known section, or NULL when a problem was reported. */
static const cfg_opt_t *section_option(struct parser *parser, const struct place *place,
                                       const struct token *t)
{
    char *name = plain(t);
    const cfg_opt_t *option = find_option(place->options, name);

    if (t->broken) {
        option = NULL;
    } else if (option == NULL) {
        unknown(parser, place, t, name, "section");
    } else if (option->type != CFGT_SEC) {
        config_problem(parser->problems, parser->file, t->line,
                       "%s\"%s\" is a key, not a section: %s = ...", place->name, name, name);
        option = NULL;
    }
    free(name);
    return option;
}

static bool title_fits(struct parser *parser, const cfg_opt_t *option, const struct token *t,
                       const char *title)
{
    bool wanted = (option->flags & CFGF_TITLE) != 0;
    const char *name = option->name;

    if (wanted != (title != NULL)) {
        config_problem(parser->problems, parser->file, t->line,
                       wanted ? "%s requires a name: %s \"NAME\" { ... }"
                              : "%s takes no name: %s { ... }",
                       name, name);
        return false;
    }
    if (!wanted && (option->flags & CFGF_NO_TITLE_DUPES) == 0)
        return true;
    char *key = xasprintf("%s\n%s", name, wanted ? title : "");
    bool fresh = name_index_add(parser->titles, key, t);
    if (!fresh) {
        const struct token *first = name_index_get(parser->titles, key);
        config_problem(parser->problems, parser->file, t->line,
                       "%s%s%s%s is defined twice, first on line %d", name, wanted ? " \"" : "",
                       wanted ? title : "", wanted ? "\"" : "", first->line);
    }
    free(key);
    return fresh;
}

static void note_section(struct config_text *text, const char *name, int line)
{
    if (text->n_sections == text->room) {
        text->room = text->room > 0 ? text->room * 2 : 32;
        text->sections = xreallocarray(text->sections, text->room, sizeof(*text->sections));
    }
    text->sections[text->n_sections].kind = name;
    text->sections[text->n_sections++].line = line;
}

static void section_items(struct parser *parser, struct place *place);

static void section(struct parser *parser, const struct place *outer)
{
    const struct token *t = token(parser, 0);
    bool titled = t[1].kind != TOKEN_OPEN;
    size_t first = parser->at;
    const cfg_opt_t *option = section_option(parser, outer, t);

    if (option == NULL) {
        parser->at += titled ? 2 : 1;
        skip_braces(parser);
        return;
    }
    char *title = titled ? plain(&t[1]) : NULL;
    struct place place = {.options = option->subopts, .kind = option->name, .line = t->line};
    place.name =
        titled ? xasprintf("%s \"%.64s\": ", option->name, title) : xasprintf("%s: ", option->name);
    place.keep = title_fits(parser, option, t, title) && !(titled && t[1].broken);
    parser->at += titled ? 3 : 2;
    if (place.keep) {
        write_range(parser, first, parser->at);
        note_section(parser->text, option->name, t->line);
    }
    section_items(parser, &place);
    if (place.keep)
        fputs(" }", parser->out);
    free(place.name);
    free(title);
}

static void note_left_out_token(struct parser *parser, const struct place *place,
                                const struct token *t)
{
    char *name = plain(t);

    note_left_out(parser->text, name, place->line);
    free(name);
}

static void lost(struct parser *parser, const struct place *place)
{
    const struct token *t = token(parser, 0);
    char *text = shown(t);
    bool key = t->kind == TOKEN_WORD;

    if (!t->broken && key)
        config_problem(parser->problems, parser->file, t->line, "%smissing \"=\" after %s",
                       place->name, text);
    else if (!t->broken)
        config_problem(parser->problems, parser->file, t->line,
                       "%sexpected a key or a section, found %s", place->name, text);
    if (key)
        note_left_out_token(parser, place, t);
    free(text);
    for (parser->at++; !begins_item(parser) && kind(parser, 0) != TOKEN_CLOSE &&
                       kind(parser, 0) != TOKEN_END &&
                       !(kind(parser, 0) == TOKEN_WORD && token(parser, 0)->line > t->line);)
        parser->at++;
}

static void item(struct parser *parser, struct place *place)
{
    if (kind(parser, 0) == TOKEN_WORD && is_assignment(kind(parser, 1)))
        assignment(parser, place);
    else if (kind(parser, 0) == TOKEN_WORD &&
             (kind(parser, 1) == TOKEN_OPEN ||
              (is_scalar(kind(parser, 1)) && kind(parser, 2) == TOKEN_OPEN)))
        section(parser, place);
    else
        lost(parser, place);
}

/* Sections do not nest: one that begins here shows that a brace is missing. */
static void section_items(struct parser *parser, struct place *place)
{
    while (kind(parser, 0) != TOKEN_CLOSE) {
        if (kind(parser, 0) == TOKEN_END || begins_section(parser)) {
            char *text = shown(token(parser, 0));
            config_problem(parser->problems, parser->file, place->line,
                           "%sis not closed by \"}\" before %s on line %d", place->name, text,
                           token(parser, 0)->line);
            free(text);
            return;
        }
        item(parser, place);
    }
    parser->at++;
}

static void top_items(struct parser *parser, struct place *place)
{
    while (kind(parser, 0) != TOKEN_END) {
        if (kind(parser, 0) != TOKEN_CLOSE) {
            item(parser, place);
            continue;
        }
        config_problem(parser->problems, parser->file, token(parser, 0)->line, "unmatched \"}\"");
        parser->at++;
    }
}

struct config_text *config_text_make(const char *file_text, const cfg_opt_t *options,
                                     const cfg_opt_t *known, const char *file,
                                     struct config_problems *problems)
{
    struct config_text *text = xcalloc(1, sizeof(*text));
    struct parser parser = {.file = file,
                            .options = options,
                            .known = known,
                            .problems = problems,
                            .text = text,
                            .out_line = 1,
                            .titles = name_index_new()};
    struct place top = {.options = options, .name = xstrdup(""), .keep = true};
    size_t count, len;

    parser.tokens = config_tokens(file_text, file, problems, &count);
    parser.out = memory_check(open_memstream(&text->text, &len));
    top_items(&parser, &top);
    fputc('\n', parser.out);
    if (fclose(parser.out) != 0)
        memory_exhausted();
    name_index_free(parser.titles);
    free(parser.tokens);
    free(top.name);
    return text;
}

void config_text_free(struct config_text *text)
{
    if (text == NULL)
        return;
    for (size_t i = 0; i < text->n_left_out; i++)
        free(text->left_out[i].key);
    free(text->left_out);
    free(text->text);
    free(text->sections);
    free(text);
}

int config_text_next_section(const struct config_text *text, const char *name, size_t *at)
{
    while (*at < text->n_sections) {
        const struct config_section_line *next = &text->sections[(*at)++];
        if (strcmp(next->kind, name) == 0)
            return next->line;
    }
    return 0;
}

bool config_text_left_out(const struct config_text *text, const char *key, int section_line)
{
    for (size_t i = 0; i < text->n_left_out; i++)
        if (text->left_out[i].section_line == section_line &&
            strcmp(text->left_out[i].key, key) == 0)
            return true;
    return false;
}
