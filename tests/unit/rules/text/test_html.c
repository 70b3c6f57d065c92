#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/text/html.h"
#include "rules/text/html_entity.h"
#include "rules/text/html_entity_names.h"

typedef void shower(struct buffer *out, const char *html, size_t len);

static void expect_by(shower *show, const char *html, const char *shown)
{
    struct buffer out = {0};
    show(&out, html, strlen(html));
    buffer_text(&out, "");
    if (strcmp(out.data, shown) != 0)
        fail_msg("%s\nshows: %s\nnot:   %s", html, out.data, shown);
    buffer_free(&out);
}

static void expect(const char *html, const char *shown)
{
    expect_by(html_show, html, shown);
}

static void tags_and_comments_within_a_word_are_left_out(void **state)
{
    (void)state;
    expect("sec<b></b>ret", "secret");
    expect("sec<!-- x > y -->ret", "secret");
    expect("sec<!-->ret", "secret");
    expect("sec<!--->ret", "secret");
    expect("sec<!--a--!>ret", "secret");
    expect("sec<?xml x?>ret", "secret");
    expect("sec</>ret", "secret");
    expect("sec<wbr>ret", "secret");
    expect("sec<span title='>'>ret</span>", "secret\n>\n");
    expect("sec<a b=c=\"d>ret", "secret");
    expect("sec<a =\"d>ret", "secret");
    expect("sec<a b = \"d>x\" >ret", "secret");
    expect("sec<script>x</scripty></script >ret", "secret");
    expect("sec<STYLE>p { }</Style>ret", "secret");
    expect("1 < 2 <3 a<", "1 < 2 <3 a<");
}

static void character_references_are_decoded(void **state)
{
    (void)state;
    expect("&#115;&#x65;&#X63&#114et", "secret");
    expect("sec&shy;ret sec&#8203;ret", "sec\u00adret sec\u200bret");
    expect("&auml;&Auml;&nbsp;&euro;&lt;b&gt;&amp;amp;", "\u00e4\u00c4\u00a0\u20ac<b>&amp;");
    expect("&notit; &notin; &ampx &AMP", "\u00acit; \u2209 &x &");
    expect("&#128;&#150;&#0;&#xd800;&#99999999999;", "\u20ac\u2013\ufffd\ufffd\ufffd");
    expect("&#00000000000000000000000000000000000115;", "s");
    expect("&unknown; && &; &#; &#x;", "&unknown; && &; &#; &#x;");
    expect("&CounterClockwiseContourIntegral;&nGt;", "\u2233\u226b\u20d2");
    for (size_t i = 0; i + 1 < html_entities_count; i++)
        assert_true(strcmp(html_entities[i].name, html_entities[i + 1].name) < 0);
    for (size_t i = 0; html_unterminated[i] != NULL; i++) {
        struct buffer out = {0};
        char text[20];
        int len = snprintf(text, sizeof(text), "&%s", html_unterminated[i]);
        assert_int_equal(html_entity_read(&out, text, (size_t)len), len);
        buffer_free(&out);
    }
}

static void white_space_and_blocks(void **state)
{
    (void)state;
    expect("top\r\n   \tsecret", "top secret");
    expect("<p>one</p>\n<p>two <br> three</p>", "one\ntwo\nthree\n");
    expect("<table><tr><td>a</td><td>b</td></tr><tr><th>c</table>", "a b\nc\n");
    expect("<pre>a\n  b</pre>", "a\n  b\n");
    expect("<title>t</title><body>x", "x\nt\n"); /* no browser shows it there */
    expect("", "");
}

static void what_only_some_show_comes_after(void **state)
{
    (void)state;
    expect("sec<span style=\"display: none\">xyz</span>ret", "secret\nxyz\n");
    expect("sec<i hidden>x<i>y</i>z</i>ret", "secret\nxyz\n");
    expect("sec<i style='font-size:0.9em'>ret", "secret");
    expect("sec<i style='Font-Size : 0px'>x</i>ret", "secret\nx\n");
    expect("sec<!--[if mso]>se<b></b>cret<![endif]-->ret", "secret\nsecret");
    expect("sec<!--[if mso]>x-->ret", "secret\nx");
    expect("a<!--[if !mso]><!-->b<!--<![endif]-->c", "abc");
    expect("a<![if !mso]>b<![endif]>c", "abc");
    expect("a<![CDATA[x]]>b", "ab\nx");
    expect("a<img alt='&#115;ecret'>b", "ab\nsecret\n");
    expect("a<a href=\"https://x.test/?a=1&amp;b=2\">b", "ab\nhttps://x.test/?a=1&b=2\n");
    expect("a<!-- se<b></b>cret", "a\nsecret");
    expect("a<b title=\"x>se<i></i>cret", "a\nx\nsecret");
    expect("a<b se<i></i>cret", "acret");
    expect("a<b x", "a\nx");
    expect("a<script>se<b></b>cret", "a\nsecret");
    expect("a<!x", "a\nx");
}

static void what_no_browser_shows_comes_after(void **state)
{
    static const char *const names[] = {"template", "datalist", "noembed", "noframes",
                                        "rp",       "audio",    "object",  "meter"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char html[80];
        snprintf(html, sizeof(html), "se<%s>zz</%s>cret", names[i], names[i]);
        expect(html, "secret\nzz\n");
        expect_by(html_run_together, html, "secret\nzz\n");
        expect_by(html_strip, html, "sezzcret");
    }
    expect_by(html_run_together, "se<title>zz</title>cret", "secret\nzz\n");
    expect_by(html_run_together, "se<dialog>zz</dialog>cret", "secret\nzz\n");
    expect_by(html_run_together, "se<dialog open>cr</dialog>et", "secret");
    expect_by(html_run_together, "se<div style='display:none'>zz</div>cret", "secret\nzz\n");
    expect_by(html_run_together, "se<p hidden>zz</p>cret", "secret\nzz\n");
    expect("<ruby>se<rp>(<rt></rt><rp>)</ruby>cret", "secret\n(\n)\n");
}

static void what_is_raw_has_no_markup(void **state)
{
    (void)state;
    expect("<title><!--</title>se<b></b>cret<!-- -->", "secret\n<!--\n");
    expect("<textarea><b hidden></textarea>secret", "<b hidden>\nsecret");
    expect("<xmp>a&amp;<b></xmp>c", "a&<b>\nc");
    expect("a<noframes><i>se<b></b>cret", "a\nsecret");
    expect_by(html_strip, "<title><b>se<i></i>cret</title>", "secret");
    expect_by(html_run_together, "se<script><!--<script></script>--></script>cret", "secret");
    expect_by(html_run_together, "se<script><!--<script></script>--><i></i>cret", "se-->cret");
    expect_by(html_run_together, "se<script><!--></script>cret", "secret");
    expect_by(html_run_together, "se<script><!--<scripty></script>cret", "secret");
}

/* What a browser ignores where it stands, or does not show as a line's end. */
static void nothing_separates_what_is_run_together(void **state)
{
    static const char *const between[] = {
        "</body>", "<html>",  "</title>",     "</textarea>", "</select>", "<head>",
        "</xmp>",  "<td>",    "</td>",        "</li>",       "</div>",    "</h1>",
        "<tr>",    "<table>", "<th>",         "<hr>",        "<br>",      "<!--x-->",
        "<?x>",    "</ x>",   "<![CDATA[<x>", "<p\n>",       "<i a='>'>"};
    (void)state;
    for (size_t i = 0; i < sizeof(between) / sizeof(*between); i++) {
        char html[80];
        snprintf(html, sizeof(html), "s&#101;%scret", between[i]);
        expect_by(html_run_together, html, "secret");
        if (strstr(between[i], "CDATA") == NULL)
            expect_by(html_strip, html, "secret");
    }
    expect_by(html_run_together, "a<p>b</p>\n<p>c", "ab c");
}

static void what_is_stripped_stays_in_its_place(void **state)
{
    (void)state;
    expect_by(html_strip, "se<!--[if mso]>cr<![endif]-->et", "secret");
    expect_by(html_strip, "se<img alt='&#99;' title=x src=cid:none>ret", "secret");
    expect_by(html_strip, "se<![CDATA[cr]]>et", "secret");
    expect_by(html_strip, "se<i hidden>cr</i>et", "secret");
    expect_by(html_strip, "se<rp>cr</rp>et", "secret");
    expect_by(html_strip, "se<script>x</script>cret", "secret");
    expect_by(html_strip, "se<script>cret", "secret");
    expect_by(html_strip, "se<!--cret", "secret");
}

static void expect_charset(const char *html, const char *charset)
{
    size_t len;
    const char *found = html_charset(html, strlen(html), &len);
    assert_int_equal(len, strlen(charset));
    if (len > 0)
        assert_memory_equal(found, charset, len);
}

static void a_document_names_its_charset(void **state)
{
    (void)state;
    expect_charset("<META charset = \"koi8-r\">", "koi8-r");
    expect_charset("<meta http-equiv=Content-Type content='text/html; charset=utf-8'>", "utf-8");
    expect_charset("<meta charset=big5>", "big5");
    expect_charset("<meta charset", "");
    expect_charset("charset=x", "");
}

static size_t time_of(shower *show, const char *piece, size_t len)
{
    struct buffer html = {0}, out = {0};
    while (html.len < len)
        buffer_text(&html, piece);
    show(&out, html.data, html.len);
    size_t shown = out.len;
    assert_true(shown <= 2 * html.len + 10);
    buffer_free(&html);
    buffer_free(&out);
    return shown;
}

/* Each of these is quadratic in a reader that looks for an end again and again. */
static void ends_that_never_come_are_looked_for_once(void **state)
{
    static const char *const pieces[] = {"<a ",
                                         "<a \"",
                                         "<a b=\"",
                                         "<!--",
                                         "<script>",
                                         "<![if",
                                         "<!",
                                         "</",
                                         "&#0",
                                         "&aaaaaaa",
                                         "<a b='",
                                         "<!--[if",
                                         "<style",
                                         "<a b=\">",
                                         "--!",
                                         "<p hidden>",
                                         "<![CDATA[",
                                         "<title>",
                                         "<textarea></title>",
                                         "<script><!--<script></script>",
                                         "<rp>"};
    static shower *const showers[] = {html_show, html_run_together, html_strip};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        for (size_t k = 0; k < 3; k++)
            time_of(showers[k], pieces[i], 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_and_comments_within_a_word_are_left_out),
        cmocka_unit_test(character_references_are_decoded),
        cmocka_unit_test(white_space_and_blocks),
        cmocka_unit_test(what_only_some_show_comes_after),
        cmocka_unit_test(what_no_browser_shows_comes_after),
        cmocka_unit_test(what_is_raw_has_no_markup),
        cmocka_unit_test(nothing_separates_what_is_run_together),
        cmocka_unit_test(what_is_stripped_stays_in_its_place),
        cmocka_unit_test(a_document_names_its_charset),
        cmocka_unit_test(ends_that_never_come_are_looked_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
