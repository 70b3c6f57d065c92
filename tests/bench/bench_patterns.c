/*
 * What patterns cost: nanoseconds a step and an octet, by machine code and interpreted, on ordinary
 * and on hostile text; and what ten mails of 60 kB of digits cost against ten rules, beside what
 * PCRE2 takes for them when it is left alone (one mail and one rule of it, times a hundred).
 *
 * bench_patterns [KILOBYTES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/match/match.h"
#include "rules/pattern.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static char *repeated(const char *text, size_t len)
{
    char *repeated = xmalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        repeated[i] = text[i % strlen(text)];
    repeated[len] = '\0';
    return repeated;
}

static const char *const prose = "The quick brown fox, 12 years of age, jumps over 3.45 lazy dogs; "
                                 "see invoice 77/2026 of Acme Ltd. <bob@example.org>.\n";

static void measure(const char *pattern, const char *name, const char *piece, size_t len)
{
    char *text = repeated(piece, len);
    for (int interpreted = 0; interpreted < 2; interpreted++) {
        struct patterns *patterns = patterns_new();
        free(patterns_add(patterns, pattern));
        if (interpreted)
            patterns_interpret(patterns);
        struct work work = {.max = MATCH_WORK_BODY};
        struct pattern_search search = {.work = &work};
        double start = now();
        bool hit = patterns_match(patterns, PATTERN_ANY_KIND, text, len, &search);
        double taken = now() - start;
        printf("%-32s %-8s %-11s %-9s %8.3f ms %7.1f ns/octet %7.2f steps/octet %6.1f ns/step\n",
               pattern, name, interpreted ? "interpreted" : "machine",
               hit                  ? "yes"
               : search.limited > 0 ? "undecided"
                                    : "no",
               taken * 1e3, taken * 1e9 / (double)len, (double)work.done / (double)len,
               taken * 1e9 / (double)work.done);
        patterns_free(patterns);
    }
    free(text);
}

#define MAILS 10
#define RULES 10

static double alone(const char *regex, const char *text, size_t len)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_AUTO_CALLOUT, &error, &offset, NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    double start = now();
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, UINT32_MAX);
    pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, match, context);
    pcre2_match_context_free(context);
    double taken = now() - start;
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return taken;
}

static void digits(const char *name, const char *end)
{
    char *seven = repeated("7", 60000);
    char *text = xasprintf("%s%s", seven, end);
    size_t undecided = 0;
    double start = now();
    for (int mail = 0; mail < MAILS; mail++) {
        struct work work = {.max = MATCH_WORK_BODY};
        struct pattern_search search = {.work = &work};
        for (int rule = 0; rule < RULES; rule++) {
            struct patterns *patterns = patterns_new();
            free(patterns_add(patterns, "/[0-9]+ (EUR|USD)/"));
            patterns_match(patterns, PATTERN_ANY_KIND, text, strlen(text), &search);
            patterns_free(patterns);
        }
        undecided += search.limited;
    }
    double taken = now() - start;
    double before = alone("[0-9]+ (EUR|USD)", text, strlen(text)) * MAILS * RULES;
    printf("%s: %d mails, %d rules: %.1f ms, %zu undecided; PCRE2 alone about %.1f s\n", name,
           MAILS, RULES, taken * 1e3, undecided, before);
    free(text);
    free(seven);
}

int main(int argc, char **argv)
{
    static const char *const patterns[] = {
        "*secret*",
        "/secret/",
        "/secret/i",
        "/[0-9]+ (EUR|USD)/",
        "/\\bproject\\s+[xyz]\\b/i",
        "/\\w+@\\w+\\.test/",
        "/(foo|bar|baz)\\d{4,}/",
        "/quick.*lazy.*cat/s",
        "/\\d+\\.\\d+\\.\\d+/",
        "/(\\w+) \\1/",
    };
    size_t len = (argc > 1 ? strtoul(argv[1], NULL, 10) : 100) * 1000;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
        measure(patterns[i], "prose", prose, len);
    measure("*aaaaaaaaaaaaaaaaaaaaaaab*", "a", "a", len);
    measure("/secret/", "secre", "secre", len);
    measure("/secret/i", "secre", "secre", len);
    measure("/(a+)+[yz]/", "a", "a", len);
    measure("/(?:a|e|ab|ae)*[yz]/", "ab", "ab", len);
    measure("/(a?){40}a{40}[yz]/", "a", "a", len);
    measure("/(a+)+\\1[yz]/", "a", "a", len);
    measure("/x[^y]*+z/", "x", "x", len);
    digits("digits", "");
    digits("digits, then near misses", " EUX, EUR");
    return 0;
}
