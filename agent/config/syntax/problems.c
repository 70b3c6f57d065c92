#include "agent/config/syntax/problems.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

static void add(struct config_problems *problems, const char *file, int line, bool warning,
                char *text)
{
    if (problems->count == problems->room) {
        problems->room = problems->room > 0 ? problems->room * 2 : 16;
        problems->problems =
            xreallocarray(problems->problems, problems->room, sizeof(*problems->problems));
    }
    problems->problems[problems->count++] = (struct config_problem){
        .file = file != NULL ? xstrdup(file) : NULL,
        .line = line,
        .warning = warning,
        .text = text,
    };
}

void config_problem(struct config_problems *problems, const char *file, int line,
                    const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(problems, file, line, false, xvasprintf(format, arguments));
    va_end(arguments);
}

void config_warning(struct config_problems *problems, const char *file, int line,
                    const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(problems, file, line, true, xvasprintf(format, arguments));
    va_end(arguments);
}

struct key {
    const struct config_problem *problem;
    const char *first;
    size_t place; /* keeps the order of problems on one line */
};

static int compare(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    const char *file_a = a->problem->file != NULL ? a->problem->file : "";
    const char *file_b = b->problem->file != NULL ? b->problem->file : "";
    int other_a = strcmp(file_a, a->first) != 0, other_b = strcmp(file_b, b->first) != 0;

    if (other_a != other_b)
        return other_a - other_b;
    int order = strcmp(file_a, file_b);
    if (order != 0)
        return order;
    if (a->problem->line != b->problem->line)
        return a->problem->line < b->problem->line ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

void config_problems_sort(struct config_problems *problems, const char *first)
{
    size_t count = problems->count;
    struct key *keys = xcalloc(count, sizeof(*keys));
    struct config_problem *sorted = xcalloc(count, sizeof(*sorted));

    for (size_t i = 0; i < count; i++)
        keys[i] = (struct key){&problems->problems[i], first, i};
    qsort(keys, count, sizeof(*keys), compare);
    for (size_t i = 0; i < count; i++)
        sorted[i] = *keys[i].problem;
    free(keys);
    free(problems->problems);
    problems->problems = sorted;
    problems->room = count;
}

const char *config_hint(char buffer[CONFIG_HINT_MAX], const char *suggestion)
{
    buffer[0] = '\0';
    if (suggestion != NULL)
        snprintf(buffer, CONFIG_HINT_MAX, "; did you mean \"%.100s\"?", suggestion);
    return buffer;
}

void config_problems_print(const struct config_problems *problems, FILE *out)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->problems[i];
        if (problem->file != NULL && problem->line > 0)
            fprintf(out, "%s:%d: ", problem->file, problem->line);
        else if (problem->file != NULL)
            fprintf(out, "%s: ", problem->file);
        fprintf(out, "%s%s\n", problem->warning ? "warning: " : "", problem->text);
    }
}

void config_problems_clear(struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->problems[i].file);
        free(problems->problems[i].text);
    }
    free(problems->problems);
    *problems = (struct config_problems){0};
}

size_t config_errors(const struct config_problems *problems)
{
    size_t errors = 0;

    for (size_t i = 0; i < problems->count; i++)
        errors += problems->problems[i].warning ? 0 : 1;
    return errors;
}
