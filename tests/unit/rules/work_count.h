/*
 * Counts the work that the library really does: every block of its code that is executed, and the
 * octets that functions of other libraries are given to look at.
 *
 * The test is linked with a rules library of its own, rules_counted, which the compiler has call
 * __sanitizer_cov_trace_pc() in every block, and the linker puts the functions below in the place
 * of those that they count (--wrap). So nobody who adds a reader has to count anything, and the
 * programs carry no counters. Included by one file of a test.
 */
#ifndef TESTS_WORK_COUNT_H
#define TESTS_WORK_COUNT_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <iconv.h>
#include <pcre2.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Octets that are looked at in the time of one block. */
#define OCTETS_A_BLOCK 8

static uint64_t work_counted;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    work_counted++;
}

static void count_octets(size_t octets)
{
    work_counted += octets / OCTETS_A_BLOCK;
}

/* result __wrap_name(parameters): the octets are known before the call. */
#define COUNT(type, name, parameters, arguments, octets)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        count_octets(octets);                                                                      \
        return __real_##name arguments;                                                            \
    }

COUNT(void *, memcpy, (void *to, const void *from, size_t n), (to, from, n), n)
COUNT(void *, memmove, (void *to, const void *from, size_t n), (to, from, n), n)
COUNT(void *, memset, (void *to, int c, size_t n), (to, c, n), n)
COUNT(int, memcmp, (const void *a, const void *b, size_t n), (a, b, n), n)
COUNT(int, strcmp, (const char *a, const char *b), (a, b), strnlen(a, strlen(b)))
COUNT(int, strncmp, (const char *a, const char *b, size_t n), (a, b, n), strnlen(a, n))
COUNT(int, strcasecmp, (const char *a, const char *b), (a, b), strnlen(a, strlen(b)))
COUNT(int, strncasecmp, (const char *a, const char *b, size_t n), (a, b, n), strnlen(a, n))
COUNT(char *, strstr, (const char *a, const char *b), (a, b), strlen(a))
COUNT(char *, strcasestr, (const char *a, const char *b), (a, b), strlen(a))
COUNT(char *, strrchr, (const char *a, int c), (a, c), strlen(a))
COUNT(void *, memrchr, (const void *a, int c, size_t n), (a, c, n), n)
COUNT(char *, strdup, (const char *a), (a), strlen(a))
/* It may move what is there, but moves little for little. */
COUNT(void *, realloc, (void *old, size_t n), (old, n), n / 16)
COUNT(int, EVP_DigestUpdate, (void *context, const void *data, size_t n), (context, data, n), n)
COUNT(size_t, iconv, (iconv_t converter, char **in, size_t *in_left, char **out, size_t *out_left),
      (converter, in, in_left, out, out_left), in_left != NULL ? *in_left : 0)
COUNT(int, pcre2_match_8,
      (const pcre2_code *code, PCRE2_SPTR text, PCRE2_SIZE n, PCRE2_SIZE start, uint32_t options,
       pcre2_match_data *data, pcre2_match_context *context),
      (code, text, n, start, options, data, context), n)
COUNT(int, pcre2_dfa_match_8,
      (const pcre2_code *code, PCRE2_SPTR text, PCRE2_SIZE n, PCRE2_SIZE start, uint32_t options,
       pcre2_match_data *data, pcre2_match_context *context, int *workspace, PCRE2_SIZE room),
      (code, text, n, start, options, data, context, workspace, room), n)

/* These stop where they find something: the octets are known afterwards. */

size_t __real_strlen(const char *text);
size_t __wrap_strlen(const char *text);
size_t __wrap_strlen(const char *text)
{
    size_t len = __real_strlen(text);
    count_octets(len);
    return len;
}

size_t __real_strspn(const char *text, const char *set);
size_t __wrap_strspn(const char *text, const char *set);
size_t __wrap_strspn(const char *text, const char *set)
{
    size_t len = __real_strspn(text, set);
    count_octets(len);
    return len;
}

size_t __real_strcspn(const char *text, const char *set);
size_t __wrap_strcspn(const char *text, const char *set);
size_t __wrap_strcspn(const char *text, const char *set)
{
    size_t len = __real_strcspn(text, set);
    count_octets(len);
    return len;
}

char *__real_strpbrk(const char *text, const char *set);
char *__wrap_strpbrk(const char *text, const char *set);
char *__wrap_strpbrk(const char *text, const char *set)
{
    count_octets(__real_strcspn(text, set));
    return __real_strpbrk(text, set);
}

char *__real_strchr(const char *text, int c);
char *__wrap_strchr(const char *text, int c);
char *__wrap_strchr(const char *text, int c)
{
    char *found = __real_strchr(text, c);
    count_octets(found != NULL ? (size_t)(found - text) : __real_strlen(text));
    return found;
}

void *__real_memchr(const void *text, int c, size_t n);
void *__wrap_memchr(const void *text, int c, size_t n);
void *__wrap_memchr(const void *text, int c, size_t n)
{
    char *found = __real_memchr(text, c, n);
    count_octets(found != NULL ? (size_t)(found - (const char *)text) : n);
    return found;
}

void *__real_memmem(const void *text, size_t n, const void *word, size_t len);
void *__wrap_memmem(const void *text, size_t n, const void *word, size_t len);
void *__wrap_memmem(const void *text, size_t n, const void *word, size_t len)
{
    char *found = __real_memmem(text, n, word, len);
    count_octets(found != NULL ? (size_t)(found - (const char *)text) + len : n);
    return found;
}

#endif
