#include "agent/util/decimal.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MICRO 1000000
#define TEXT_LARGEST 1e24

static void trim_zeros(char *text)
{
    size_t len = strlen(text);

    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[len - 1] = '\0';
}

void decimal_text(double value, char out[DECIMAL_TEXT_MAX])
{
    if (isnan(value)) {
        out[0] = '\0';
        return;
    }
    if (fabs(value) >= DECIMAL_PARSE_MAX) {
        snprintf(out, DECIMAL_TEXT_MAX, "%.0f", fmax(fmin(value, TEXT_LARGEST), -TEXT_LARGEST));
        return;
    }
    double whole, fraction = modf(fabs(value), &whole);
    uint64_t micro = (uint64_t)whole * MICRO + (uint64_t)llround(fraction * MICRO);
    const char *sign = value < 0 && micro > 0 ? "-" : "";

    snprintf(out, DECIMAL_TEXT_MAX, "%s%" PRIu64 ".%06" PRIu64, sign, micro / MICRO, micro % MICRO);
    trim_zeros(out);
}

bool decimal_parse(const char **text, double *value)
{
    const char *p = *text;
    bool negative = *p == '-';
    double sum = 0, divisor = 1;
    bool any = false;

    if (*p == '-' || *p == '+')
        p++;
    for (; isdigit((unsigned char)*p); p++, any = true) {
        sum = sum * 10 + (*p - '0');
        if (sum >= DECIMAL_PARSE_MAX)
            return false;
    }
    if (*p == '.')
        p++;
    else
        divisor = 0;
    for (; divisor > 0 && isdigit((unsigned char)*p); p++, any = true) {
        /* Digits beyond the precision of a double change nothing. */
        if (sum * 10 >= 0x1p53)
            continue;
        sum = sum * 10 + (*p - '0');
        divisor *= 10;
    }
    if (!any)
        return false;
    if (divisor > 0)
        sum /= divisor;
    *text = p;
    *value = negative ? -sum : sum;
    return true;
}
