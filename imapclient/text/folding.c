#include "imapclient/text/folding.h"

#include <assert.h>
#include <stddef.h>
#include <utf8proc.h>

#include "imapclient/text/utf8.h"

#define FOLDED_MAX 32 /* code points that one becomes; the most are 18, of U+FDFA */

static const utf8proc_option_t options =
    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

/* Letters that one language writes in two ways, or two languages in one. */
static utf8proc_int32_t one_spelling(utf8proc_int32_t point)
{
    switch (point) {
    case 0x0131: /* Turkish dotless small i */
        return 'i';
    case 0x0643: /* Arabic kaf and yeh, of which Persian has its own */
        return 0x06a9;
    case 0x064a:
        return 0x06cc;
    default:
        return point;
    }
}

/* Combining dot above (dotted "I" has two forms) and Arabic vowel marks. */
static bool is_ignored(utf8proc_int32_t point)
{
    return point == 0x0307 || (point >= 0x064b && point <= 0x0652);
}

/* Yields the code points of a name one by one. */
struct folded {
    const char *at;
    utf8proc_int32_t pending[FOLDED_MAX];
    size_t next, count;
};

static bool fold_next(struct folded *folded)
{
    int no_class = 0;
    uint32_t point = utf8_next(&folded->at);
    if (point == UTF8_INVALID)
        return false;
    utf8proc_ssize_t count = utf8proc_decompose_char((utf8proc_int32_t)point, folded->pending,
                                                     FOLDED_MAX, options, &no_class);
    assert(count <= FOLDED_MAX);
    folded->next = 0;
    folded->count = count > 0 ? (size_t)count : 0;
    return count >= 0;
}

/* 0 at the end, UTF8_INVALID if it is not UTF-8. */
static uint32_t next_folded(struct folded *folded)
{
    for (;;) {
        while (folded->next < folded->count) {
            utf8proc_int32_t point = one_spelling(folded->pending[folded->next++]);
            if (!is_ignored(point))
                return (uint32_t)point;
        }
        if (*folded->at == '\0')
            return 0;
        if (!fold_next(folded))
            return UTF8_INVALID;
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
