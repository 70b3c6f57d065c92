#include "agent/config/syntax/token.h"

#include <ctype.h>
#include <string.h>

#include "rules/util/memory.h"

struct lexer {
    const char *at;
    int line;
    const char *file;
    struct config_problems *problems;
    struct token *tokens;
    size_t count, room;
};

static struct token *push(struct lexer *lexer, enum token_kind kind, size_t len)
{
    if (lexer->count == lexer->room) {
        lexer->room = lexer->room > 0 ? lexer->room * 2 : 256;
        lexer->tokens = xreallocarray(lexer->tokens, lexer->room, sizeof(*lexer->tokens));
    }
    struct token *token = &lexer->tokens[lexer->count++];
    *token = (struct token){.kind = kind, .line = lexer->line, .start = lexer->at, .len = len};
    lexer->at += len;
    return token;
}

static void block_comment(struct lexer *lexer)
{
    const char *end = strstr(lexer->at + 2, "*/");
    int line = lexer->line;

    if (end == NULL)
        config_problem(lexer->problems, lexer->file, line,
                       "unterminated comment: \"/*\" without \"*/\"");
    for (; *lexer->at != '\0' && lexer->at != end; lexer->at++)
        lexer->line += *lexer->at == '\n';
    if (end != NULL)
        lexer->at += 2;
}

/* Comments and white space. */
static void skip(struct lexer *lexer)
{
    for (;;) {
        if (*lexer->at == '#' || strncmp(lexer->at, "//", 2) == 0) {
            lexer->at += strcspn(lexer->at, "\n");
        } else if (strncmp(lexer->at, "/*", 2) == 0) {
            block_comment(lexer);
        } else if (*lexer->at != '\0' && strchr(" \t\r\n", *lexer->at) != NULL) {
            lexer->line += *lexer->at == '\n';
            lexer->at++;
        } else {
            return;
        }
    }
}

/* The escapes that libconfuse keeps: it drops the backslash of all others, or makes
 * control characters of them. */
static bool known_escape(const char *escape)
{
    if (escape[1] == 'x')
        return isxdigit((unsigned char)escape[2]) && isxdigit((unsigned char)escape[3]);
    return escape[1] != '\0' && strchr("\\\"'$t\n", escape[1]) != NULL;
}

/* Length of the string at p with its quotes; *problem when it is not well formed. */
static size_t string_len(const char *p, const char **problem, char *escape)
{
    const char quote = *p;
    const char *s = p + 1;

    while (*s != quote) {
        if (*s == '\n' || *s == '\0') {
            *problem = "quote";
            return (size_t)(s - p);
        }
        if (*s != '\\') {
            s++;
            continue;
        }
        if (quote == '"' && !known_escape(s) && s[1] != '\0') {
            *problem = "escape";
            *escape = s[1];
        }
        s += s[1] == '\0' ? 1 : 2;
    }
    return (size_t)(s + 1 - p);
}

static void string(struct lexer *lexer)
{
    const char *problem = NULL;
    char escape = '\0';
    size_t len = string_len(lexer->at, &problem, &escape);
    int line = lexer->line;
    struct token *token = push(lexer, TOKEN_STRING, len);

    for (size_t i = 0; i < len; i++)
        lexer->line += token->start[i] == '\n';
    if (problem == NULL)
        return;
    token->broken = true;
    if (*problem == 'q')
        config_problem(lexer->problems, lexer->file, line,
                       "unterminated string: no closing %c before the end of the line",
                       *token->start);
    else
        config_problem(lexer->problems, lexer->file, line,
                       "unknown escape \"\\%c\" in double quotes: write \"\\\\%c\" for a "
                       "backslash, or use single quotes",
                       escape, escape);
}

/* As in libconfuse: an unquoted string contains no space, none of # " ' { } ( ) = + , *, and no
 * slash before a slash or an asterisk. */
static size_t word_len(const char *p)
{
    size_t len = 0;

    while ((unsigned char)p[len] > ' ' && strchr("#\"'{}()=+,*", p[len]) == NULL &&
           !(p[len] == '/' && (p[len + 1] == '/' || p[len + 1] == '*')))
        len++;
    return len;
}

/* A line with several such characters is one mistake. */
static bool is_reported(const struct lexer *lexer)
{
    for (size_t i = lexer->count; i-- > 0 && lexer->tokens[i].line == lexer->line;)
        if (lexer->tokens[i].broken)
            return true;
    return false;
}

static void unexpected(struct lexer *lexer)
{
    unsigned char c = (unsigned char)*lexer->at;

    if (is_reported(lexer))
        ;
    else if (c < ' ')
        config_problem(lexer->problems, lexer->file, lexer->line,
                       "control character (0x%02x) outside of quotes", c);
    else
        config_problem(lexer->problems, lexer->file, lexer->line,
                       "unexpected \"%c\": values with such characters must be quoted", c);
    push(lexer, TOKEN_WORD, 1)->broken = true;
}

static void next(struct lexer *lexer)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } marks[] = {
        {"=", TOKEN_EQUALS}, {"+=", TOKEN_PLUS_EQUALS}, {"{", TOKEN_OPEN},
        {"}", TOKEN_CLOSE},  {",", TOKEN_COMMA},
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        size_t len = strlen(marks[i].text);
        if (strncmp(lexer->at, marks[i].text, len) == 0) {
            push(lexer, marks[i].kind, len);
            return;
        }
    }
    if (*lexer->at == '"' || *lexer->at == '\'') {
        string(lexer);
        return;
    }
    size_t len = word_len(lexer->at);
    if (len == 0) {
        unexpected(lexer);
        return;
    }
    /* libconfuse would substitute an environment variable here. */
    bool broken = memchr(lexer->at, '$', len) != NULL;
    if (broken && lexer->at[len] == '{')
        len += strcspn(lexer->at + len, " \t\r\n");
    if (broken && !is_reported(lexer))
        config_problem(lexer->problems, lexer->file, lexer->line,
                       "unexpected \"$\": values with such characters must be quoted");
    push(lexer, TOKEN_WORD, len)->broken = broken;
}

struct token *config_tokens(const char *text, const char *file, struct config_problems *problems,
                            size_t *count)
{
    struct lexer lexer = {.at = text, .line = 1, .file = file, .problems = problems};

    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* the byte order mark that some editors write */
        lexer.at += 3;
    for (skip(&lexer); *lexer.at != '\0'; skip(&lexer))
        next(&lexer);
    push(&lexer, TOKEN_END, 0);
    *count = lexer.count;
    return lexer.tokens;
}
