#include "agent/util/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment distance; three rows of the table are kept. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t len_a = strlen(a), len_b = strlen(b);

    for (size_t j = 0; j <= len_b; j++)
        above[j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t changed = above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[len_b];
}

void suggest_begin(struct suggestion *suggestion, const char *word)
{
    size_t len = strlen(word);

    suggestion->word = word;
    suggestion->best = NULL;
    suggestion->distance = len > SUGGEST_MAX ? 0 : (len < 3 ? 1 : len / 3) + 1;
}

void suggest_offer(struct suggestion *suggestion, const char *known)
{
    size_t len = strlen(suggestion->word), known_len = strlen(known);
    if (len >= 4 && known_len <= SUGGEST_MAX && suggestion->best == NULL &&
        strncasecmp(suggestion->word, known, len) == 0)
        suggestion->best = known; /* a prefix; a closer one may still follow */
    size_t apart = len > known_len ? len - known_len : known_len - len;

    if (known_len > SUGGEST_MAX || apart >= suggestion->distance)
        return;
    size_t found = distance(suggestion->word, known);
    if (found < suggestion->distance) {
        suggestion->distance = found;
        suggestion->best = known;
    }
}
