/* Decimal fractions: the same text and the same number in every locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <string.h>

#include "agent/util/decimal.h"

static const struct {
    double value;
    const char *text;
} texts[] = {
    {0, "0"},
    {-0.0, "0"},
    {1, "1"},
    {-1, "-1"},
    {100, "100"},
    {0.5, "0.5"},
    {-0.5, "-0.5"},
    {0.000001, "0.000001"},
    {0.0000004, "0"},
    {-0.0000004, "0"},
    {0.1 + 0.2, "0.3"},
    {12.345678, "12.345678"},
    {999999999999.5, "999999999999.5"},
    {1e12, "1000000000000"},
    {18446744073709551615.0, "18446744073709551616"},
    {1e300, "999999999999999983222784"},
    {-INFINITY, "-999999999999999983222784"},
    {NAN, ""},
};

static void written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char text[DECIMAL_TEXT_MAX];
        decimal_text(texts[i].value, text);
        assert_string_equal(text, texts[i].text);
    }
}

static const struct {
    const char *text;
    double value; /* NAN: refused */
    const char *rest;
} numbers[] = {
    {"0", 0, ""},
    {"12", 12, ""},
    {"-12.5", -12.5, ""},
    {"+3", 3, ""},
    {".5", 0.5, ""},
    {"5.", 5, ""},
    {"007", 7, ""},
    {"1,5", 1, ",5"},
    {"1.5.2", 1.5, ".2"},
    {"1e3", 1, "e3"},
    {"0x10", 0, "x10"},
    {"10ms", 10, "ms"},
    {"0.1", 0.1, ""},
    {"0.3333333333333333333333333333333333333333333333333", 0.3333333333333333, ""},
    {"999999999999", 999999999999.0, ""},
    {"1000000000000", NAN, NULL},
    {"99999999999999999999999999999999999999999999999999", NAN, NULL},
    {"", NAN, NULL},
    {"-", NAN, NULL},
    {".", NAN, NULL},
    {"-.", NAN, NULL},
    {"--1", NAN, NULL},
    {" 1", NAN, NULL},
    {"nan", NAN, NULL},
    {"inf", NAN, NULL},
};

static void read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        const char *text = numbers[i].text;
        double value = -77;
        if (decimal_parse(&text, &value) != !isnan(numbers[i].value))
            fail_msg("\"%s\"", numbers[i].text);
        if (isnan(numbers[i].value)) {
            assert_ptr_equal(text, numbers[i].text);
            assert_true(value == -77);
            continue;
        }
        assert_string_equal(text, numbers[i].rest);
        if (fabs(value - numbers[i].value) > fabs(value) * 1e-15)
            fail_msg("\"%s\" is %.17g", numbers[i].text, value);
    }
}

/* Where a comma parts the decimals; skipped on machines that have no such locale. */
static void every_locale(void **state)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
        skip();
    written(state);
    read_back(state);
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(read_back),
        cmocka_unit_test(every_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
