#include "imapclient/text/folding.h"

#include <assert.h>
#include <stddef.h>

#include "imapclient/text/utf8.h"

#define FOLDED_MAX 4 /* code points that one decomposes into */

/* Canonical decompositions, UnicodeData.txt, of the small letters in special_names.c, ascending. */
/* clang-format off */
static const struct {
    uint16_t composed, base, mark;
} pairs[] = {
    {0x00e1, 0x0061, 0x0301},
    {0x00e3, 0x0061, 0x0303},
    {0x00e4, 0x0061, 0x0308},
    {0x00e7, 0x0063, 0x0327},
    {0x00e9, 0x0065, 0x0301},
    {0x00eb, 0x0065, 0x0308},
    {0x00ed, 0x0069, 0x0301},
    {0x00f3, 0x006f, 0x0301},
    {0x00f4, 0x006f, 0x0302},
    {0x00f5, 0x006f, 0x0303},
    {0x00f6, 0x006f, 0x0308},
    {0x00f9, 0x0075, 0x0300},
    {0x00fc, 0x0075, 0x0308},
    {0x0101, 0x0061, 0x0304},
    {0x0103, 0x0061, 0x0306},
    {0x0107, 0x0063, 0x0301},
    {0x010d, 0x0063, 0x030c},
    {0x0113, 0x0065, 0x0304},
    {0x0117, 0x0065, 0x0307},
    {0x0119, 0x0065, 0x0328},
    {0x011b, 0x0065, 0x030c},
    {0x011d, 0x0067, 0x0302},
    {0x011f, 0x0067, 0x0306},
    {0x012b, 0x0069, 0x0304},
    {0x0135, 0x006a, 0x0302},
    {0x0146, 0x006e, 0x0327},
    {0x015b, 0x0073, 0x0301},
    {0x015d, 0x0073, 0x0302},
    {0x015f, 0x0073, 0x0327},
    {0x0161, 0x0073, 0x030c},
    {0x0163, 0x0074, 0x0327},
    {0x016b, 0x0075, 0x0304},
    {0x0173, 0x0075, 0x0328},
    {0x017e, 0x007a, 0x030c},
    {0x01b0, 0x0075, 0x031b},
    {0x0219, 0x0073, 0x0326},
    {0x021b, 0x0074, 0x0326},
    {0x03ac, 0x03b1, 0x0301},
    {0x03ad, 0x03b5, 0x0301},
    {0x03af, 0x03b9, 0x0301},
    {0x03cc, 0x03bf, 0x0301},
    {0x03cd, 0x03c5, 0x0301},
    {0x0439, 0x0438, 0x0306},
    {0x0451, 0x0435, 0x0308},
    {0x0453, 0x0433, 0x0301},
    {0x045e, 0x0443, 0x0306},
    {0x0622, 0x0627, 0x0653},
    {0x0625, 0x0627, 0x0655},
    {0x0626, 0x064a, 0x0654},
    {0x09cb, 0x09c7, 0x09be},
    {0x0bca, 0x0bc6, 0x0bbe},
    {0x1ea3, 0x0061, 0x0309},
    {0x1eaf, 0x0103, 0x0301},
    {0x1ecd, 0x006f, 0x0323},
    {0x1ed1, 0x00f4, 0x0301},
    {0x1ed9, 0x1ecd, 0x0302},
    {0x1ee5, 0x0075, 0x0323},
    {0x1eed, 0x01b0, 0x0309},
    {0x3054, 0x3053, 0x3099},
    {0x305a, 0x3059, 0x3099},
    {0x30b4, 0x30b3, 0x3099},
    {0x30b8, 0x30b7, 0x3099},
    {0x30c0, 0x30bf, 0x3099},
    {0x30c9, 0x30c8, 0x3099},
    {0x30d1, 0x30cf, 0x309a},
    {0x30dc, 0x30db, 0x3099},
};
/* clang-format on */

/* Ranges of capitals at the same distance from their small letters. */
static const struct {
    uint16_t first, last, step, distance; /* step 2: every second one, from the first */
} capitals[] = {
    {0x0041, 0x005a, 1, 32}, {0x00c0, 0x00d6, 1, 32}, {0x00d8, 0x00de, 1, 32},
    {0x0100, 0x012e, 2, 1},  {0x0132, 0x0136, 2, 1},  {0x0139, 0x0147, 2, 1},
    {0x014a, 0x0176, 2, 1},  {0x0179, 0x017d, 2, 1},  {0x018f, 0x018f, 1, 202},
    {0x01a0, 0x01a4, 2, 1},  {0x01af, 0x01af, 1, 1},  {0x0218, 0x021a, 2, 1},
    {0x0386, 0x0386, 1, 38}, {0x0388, 0x038a, 1, 37}, {0x038c, 0x038c, 1, 64},
    {0x038e, 0x038f, 1, 63}, {0x0391, 0x03ab, 1, 32}, {0x03c2, 0x03c2, 1, 1},
    {0x0400, 0x040f, 1, 80}, {0x0410, 0x042f, 1, 32}, {0x0460, 0x0480, 2, 1},
    {0x048a, 0x04be, 2, 1},  {0x04d0, 0x052e, 2, 1},  {0x0531, 0x0556, 1, 48},
    {0x1e00, 0x1e94, 2, 1},  {0x1ea0, 0x1efe, 2, 1},
};

static uint32_t small_letter(uint32_t point)
{
    for (size_t i = 0; i < sizeof(capitals) / sizeof(*capitals); i++) {
        if (point < capitals[i].first)
            break;
        if (point <= capitals[i].last && (point - capitals[i].first) % capitals[i].step == 0)
            return point + capitals[i].distance;
    }
    return point;
}

/* Letters that one language writes in two ways. */
static uint32_t one_spelling(uint32_t point)
{
    switch (point) {
    case 0x00a0:
        return ' ';
    case 0x0130: /* Turkish dotted capital I, and dotless small i */
    case 0x0131:
        return 'i';
    case 0x0643: /* Arabic kaf and yeh, of which Persian has its own */
        return 0x06a9;
    case 0x064a:
        return 0x06cc;
    default:
        return point;
    }
}

/* Combining dot above (dotted "I" has two forms), Arabic vowel marks, joiners, direction marks. */
static bool is_ignored(uint32_t point)
{
    return point == 0x0307 || (point >= 0x064b && point <= 0x0652) ||
           (point >= 0x200b && point <= 0x200f) || point == 0x00ad;
}

/* Yields the code points of a name one by one. */
struct folded {
    const char *at;
    uint32_t pending[FOLDED_MAX]; /* the next one last */
    size_t count;
};

static void push(struct folded *folded, uint32_t point)
{
    assert(folded->count < FOLDED_MAX);
    folded->pending[folded->count++] = point;
}

/* Unicode 3.12: a Hangul syllable is arithmetic. */
static void decompose_hangul(struct folded *folded, uint32_t point)
{
    uint32_t index = point - 0xac00;
    if (index % 28 != 0)
        push(folded, 0x11a7 + index % 28);
    push(folded, 0x1161 + index % 588 / 28);
    push(folded, 0x1100 + index / 588);
}

static bool find_pair(uint32_t point, uint32_t *base, uint32_t *mark)
{
    size_t low = 0, high = sizeof(pairs) / sizeof(*pairs);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pairs[middle].composed < point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof(pairs) / sizeof(*pairs) || pairs[low].composed != point)
        return false;
    *base = pairs[low].base;
    *mark = pairs[low].mark;
    return true;
}

static void decompose(struct folded *folded, uint32_t point)
{
    uint32_t base, mark;
    assert(folded->count == 0);
    if (point >= 0xac00 && point <= 0xd7a3) {
        decompose_hangul(folded, point);
        return;
    }
    while (find_pair(point, &base, &mark)) {
        push(folded, mark);
        point = base;
    }
    push(folded, point);
}

/* 0 at the end, UTF8_INVALID if it is not UTF-8. */
static uint32_t next_folded(struct folded *folded)
{
    for (;;) {
        while (folded->count > 0) {
            uint32_t point = folded->pending[--folded->count];
            if (!is_ignored(point))
                return point;
        }
        if (*folded->at == '\0')
            return 0;
        uint32_t point = utf8_next(&folded->at);
        if (point == UTF8_INVALID)
            return UTF8_INVALID;
        decompose(folded, one_spelling(small_letter(point)));
    }
}

bool folding_equal(const char *a, const char *b)
{
    struct folded left = {.at = a}, right = {.at = b};
    for (;;) {
        uint32_t point = next_folded(&left);
        if (point != next_folded(&right) || point == UTF8_INVALID)
            return false;
        if (point == 0)
            return true;
    }
}
