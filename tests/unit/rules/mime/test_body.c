#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/mime/text.h"
#include "rules/samples.h"
#include "rules/text/charset.h"

static struct body_facts *scan_pieces(const char *text, size_t len, size_t piece)
{
    struct body_scan *scan = body_scan_new(true);
    for (size_t done = 0; done < len; done += piece)
        body_scan_feed(scan, text + done, len - done < piece ? len - done : piece);
    return body_scan_end(scan);
}

static struct body_facts *scan(const char *text)
{
    return scan_pieces(text, strlen(text), SIZE_MAX / 2);
}

static const char *text_of(const struct body_facts *facts)
{
    return facts->text.count > 0 ? facts->text.list[0].text : "";
}

/* "type=name|other name type=name doubt tnef" */
static char *describe(const struct body_facts *facts)
{
    struct buffer out = {0};
    buffer_text(&out, "");
    for (size_t i = 0; i < facts->count; i++) {
        const struct attachment *attachment = &facts->attachments[i];
        buffer_printf(&out, "%s%s=", i > 0 ? " " : "", attachment->type);
        for (size_t n = 0; n < attachment->n_names; n++)
            buffer_printf(&out, "%s%s", n > 0 ? "|" : "", attachment->names[n]);
    }
    if ((facts->doubt & BODY_DOUBT_ATTACHMENTS) != 0)
        buffer_text(&out, " doubt");
    if (facts->tnef)
        buffer_text(&out, " tnef");
    return buffer_take(&out);
}

static void test_attachments_of_samples(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want, *text;
    } cases[] = {
        {"plain.eml", "", "the minutes are on the share"},
        {"attachment-pdf.eml", "application/pdf=offer.pdf",
         "Gr\xc3\xbc\xc3\x9f"
         "e, the offer"},
        {"attachment-rfc2231-name.eml",
         "application/zip=Pr\xc3\xbc"
         "fbericht 2026.zip|Pr\xc3\xbc"
         "fbericht%202026.zip|Pr\xc3\xbc"
         "f",
         "See attachment."},
        {"attachment-encoded-word-name.eml",
         "application/octet-stream=\xc3\x9c"
         "bersicht.xls|=?iso-8859-1?Q?=DCbersicht=2Exls?=",
         "hello"},
        {"html-inline-image.eml",
         "image/png=", "100\xe2\x82\xac, ein langer Satz, der mit einem weichen Umbruch endet."},
        {"smime-signed.eml", "", "I hereby confirm the order \xe2\x80\x93 signed."},
        {"smime-opaque.eml", "application/pkcs7-mime=smime.p7m doubt", ""},
        {"smime-encrypted.eml", "application/pkcs7-mime=smime.p7m", ""},
        {"pgp-mime-signed.eml", "", "100 \xe2\x82\xac for the trip."},
        {"pgp-mime-encrypted.eml", "application/pgp-encrypted= application/octet-stream=msg.asc",
         ""},
        {"broken-mime-no-closing.eml", "application/msword=letter of january.doc|letter",
         "text of the inner part"},
        {"broken-mime-no-boundary.eml", " doubt", "--something\nContent-Type: text/plain\n\nhello"},
        {"subject-8bit-latin1.eml", "",
         "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"subject-iso-2022-jp.eml", "",
         "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf"},
        {"nested-rfc822.eml", "message/rfc822= application/vnd.ms-excel=inner.xls", "inner text"},
        {"tnef.eml", "application/ms-tnef=winmail.dat tnef", "See budget."},
        {"calendar.eml", "text/calendar=", "BEGIN:VCALENDAR"},
        {"digest.eml", "message/rfc822= message/rfc822= application/x-tar=src.tar", "first"},
        {"no-header.eml", "", "Subject: this is body"},
        {"header-only.eml", "", ""},
        {"header-cut.eml", "", ""},
        {"bare-lf.eml", "", "body line\nlast line"},
        {"junk-in-header.eml", " doubt", "body with\nodd octets"},
        {"sent-with-bcc.eml", "",
         "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
         "e"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = sample_read(cases[i].name);
        struct body_facts *facts = scan_pieces(text.data, text.len, text.len);
        char *got = describe(facts);
        print_message("%s\n", cases[i].name);
        assert_string_equal(got, cases[i].want);
        if (strstr(text_of(facts), cases[i].text) == NULL)
            fail_msg("no \"%s\" in \"%s\"", cases[i].text, text_of(facts));
        assert_int_equal(strlen(text_of(facts)), facts->text.list[0].len);
        free(got);
        body_facts_free(facts);
        buffer_free(&text);
    }
}

static void test_what_is_an_attachment(void **state)
{
    (void)state;
    static const struct {
        const char *header, *want; /* of a part between boundaries, and the expected facts */
    } cases[] = {
        {"Content-Type: text/plain", ""},
        {"Content-Type: TEXT/Plain; NAME=Notes.TXT", "text/plain=Notes.TXT"},
        {"Content-Type: text/csv\r\nContent-Disposition: ATTACHMENT", "text/csv="},
        {"Content-Disposition: attachment ; filename = \"a;b\\\"c.txt\"",
         "text/plain=a;b\"c.txt|a;b\\\"c.txt|\"c.txt|a;b\\"},
        {"Content-Disposition: inline; filename=x.png\r\nContent-Type: image/png",
         "image/png=x.png"},
        {"Content-Type: image/png; name=y.png\r\nContent-Disposition: inline; filename=x.png",
         "image/png=x.png|y.png"},
        {"Content-Type: application/x-y", "application/x-y="},
        {"Content-Type : application/x-y", "application/x-y= doubt"},
        {"Content-Type: application (comment (nested)) / x-y ; (c) name=z",
         "application/x-y=z doubt"},
        {"Content-Type: application", "application= doubt"},
        {"Content-Type:", " doubt"},
        {"content-type:\r\n\tapplication/\r\n x-y;\r\n name=\r\n \"n\r\n m\"",
         "application/x-y=n m doubt"},
        {"Content-Type: application/pgp-signature", "application/pgp-signature="},
        {"Content-Type: application/pgp-signature; name=signature.asc",
         "application/pgp-signature=signature.asc"},
        {"Content-Type: application/pkcs7-signature\r\nContent-Disposition: attachment; "
         "filename=smime.p7s",
         "application/pkcs7-signature=smime.p7s"},
        {"Content-Type: application/pkcs7-signature; name=secret.zip",
         "application/pkcs7-signature=secret.zip"},
        {"Content-Type: text/plain; name*=iso-8859-1'de'%FC.txt", "text/plain=\xc3\xbc.txt"},
        {"Content-Type: text/plain; name*0=a; name*1=b; name*3=d", "text/plain=abd|ab|a"},
        {"Content-Type: text/plain; name=plain; name*=utf-8''ext", "text/plain=ext|plain"},
        {"Content-Type: text/plain; name*=%zz%4", "text/plain=%zz%4"},
        {"Content-Type: text/plain; name=\"never closed",
         "text/plain=never closed|\"never closed doubt"},
        {"Content-Type: text/plain; name=two words.txt ; x=y", "text/plain=two words.txt|two"},
        {"Content-Type: text/plain; x; ; name=z", "text/plain=z"},
        {"Content-Type: text/plain\r\nContent-Type: application/x-second",
         "application/x-second= doubt"},
        {"Content-Type: text/plain; name=winmail.dat", "text/plain=winmail.dat tnef"},
        {"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
         "x\r\n\r\nFinal-Recipient: y",
         "message/delivery-status="},
        {"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=m.eml\r\n\r\n"
         "Subject: a",
         "message/rfc822=m.eml"},
        {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
         "message/rfc822= doubt"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n%s\r\n\r\n"
                               "content\r\n--b--\r\n",
                               cases[i].header);
        struct body_facts *facts = scan(text);
        char *got = describe(facts);
        if (strcmp(got, cases[i].want) != 0) {
            print_error("%s\n  got \"%s\", want \"%s\"\n", cases[i].header, got, cases[i].want);
            wrong++;
        }
        free(got);
        free(text);
        body_facts_free(facts);
    }
    assert_int_equal(wrong, 0);
}

static void test_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"quoted, with blanks after the delimiter",
         "Content-Type: multipart/mixed; boundary=\"b b\"\n\n--b b \t\nContent-Type: a/b\n\n--b "
         "b--",
         "a/b="},
        {"one begins with the other",
         "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; "
         "boundary=bb\n\n--bb\nContent-Type: a/b\n\n--bb--\n--b\nContent-Type: c/d\n\n--b--\n",
         "a/b= c/d="},
        {"text after the last delimiter is ignored",
         "Content-Type: multipart/mixed; boundary=b\n\n--b--\n--b\nContent-Type: a/b\n\n",
         " doubt"},
        {"an outer delimiter ends inner parts",
         "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
         "boundary=i\n\n--i\n\nx\n--o\nContent-Type: a/b\n\n--i\nContent-Type: c/d\n\n",
         "a/b= doubt"},
        {"a part that ends in its header",
         "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b\n--b--\n",
         "a/b= doubt"},
        {"the whole message is one leaf", "Content-Type: application/pdf\n\n%PDF",
         "application/pdf="},
        {"the message ends in its header", "Content-Type: application/pdf", "application/pdf="},
        {"continued in sections",
         "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--bc\nContent-Type: a/b\n\n",
         "a/b="},
        {"not at the start of a line",
         "Content-Type: multipart/mixed; boundary=b\n\n --b\nContent-Type: a/b\n\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct body_facts *facts = scan(cases[i].text);
        char *got = describe(facts);
        print_message("%s\n", cases[i].name);
        assert_string_equal(got, cases[i].want);
        free(got);
        body_facts_free(facts);
    }
}

/* The cases of others: what any common program shows, by every name; or doubt. */
static void test_attachments_that_others_see(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"bare-cr.eml", " doubt"},
        {"barecr-header.eml", " doubt"},
        {"boundary-comment.eml", "application/zip=secret.zip"},
        {"cd-unclosed-comment.eml", "application/octet-stream=secret.zip doubt"},
        {"depth33.eml", " doubt"},
        {"dup-ct-second-mp.eml", "application/zip=secret.zip doubt"},
        {"false-close.eml", "application/zip=secret.zip doubt"},
        {"forwarded-inline-rfc822.eml", "message/rfc822="},
        {"long-boundary.eml", "application/zip=secret.zip doubt"},
        {"name-100params.eml", "application/octet-stream= doubt"},
        {"name-2231-gap.eml", "application/octet-stream=secret.zip|sec"},
        {"name-2231-leading0.eml", "application/octet-stream=secret.zip|sec"},
        {"name-2231-vs-plain.eml", "application/octet-stream=holiday.txt|secret.zip"},
        {"name-ct-vs-cd.eml", "application/octet-stream=holiday.txt|secret.zip"},
        {"name-trailing-dot.eml", "application/octet-stream=secret.zip.|secret.zip"},
        {"name-zwsp.eml", "application/octet-stream=secret.z\xe2\x80\x8bip|secret.zip"},
        {"no-blank-line.eml", " doubt"},
        {"rfc822-b64.eml", "message/rfc822= doubt"},
        {"sig-type-p7s.eml", "application/pkcs7-signature=x.p7s"},
        {"two-content-types.eml", "application/zip=secret.zip doubt"},
        {"unnamed-attachment-star.eml", "application/octet-stream="},
        {"uuencode.eml", "application/octet-stream=secret.zip"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = sample_read(cases[i].name);
        struct body_facts *facts = scan_pieces(text.data, text.len, text.len);
        char *got = describe(facts);
        print_message("%s\n", cases[i].name);
        assert_string_equal(got, cases[i].want);
        assert_int_equal(facts->bare_cr, strstr(cases[i].name, "cr") != NULL);
        free(got);
        body_facts_free(facts);
        buffer_free(&text);
    }
    struct buffer text = sample_read("name-long.eml");
    struct body_facts *facts = scan_pieces(text.data, text.len, text.len);
    const char *name = facts->attachments[0].names[0];
    assert_true(strlen(name) > 1000);
    assert_string_equal(name + strlen(name) - 4, ".zip");
    body_facts_free(facts);
    buffer_free(&text);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *field, *want;
    } cases[] = {
        {"filename=a.zip; filename=b.txt", "a.zip|b.txt"},
        {"filename*1=ret.zip; filename*0=sec", "ret.zipsec|secret.zip|sec"},
        {"filename*1=sec; filename*2=ret.zip", "secret.zip|sec"},
        {"filename*0=a; filename*0=b; filename*1=.zip", "ab.zip|b.zip|a.zip|a doubt"},
        {"filename*0*=utf-8''a; filename*1*=utf-8''.zip", "autf-8''.zip|.zip|a.zip|a"},
        {"filename*0=a; filename*1*=iso-8859-1''%FC",
         "aiso-8859-1''\xc3\xbc|\xc3\xbc|a\xc3\xbc|aiso-8859-1''%FC|%FC|a"},
        {"filename*0*=us-ascii'en'a%2e; filename*1=\"%zip\"", "a.%zip|a.|a"},
        {"filename*99999999999=a", "a doubt"},
        {"filename=\"=?utf-8?Q?a=2Ezip?=\"", "a.zip|=?utf-8?Q?a=2Ezip?="},
        {"filename==?utf-8?Q?a=2Ezip?=", "a.zip|=?utf-8?Q?a=2Ezip?="},
        {"filename=\"dir/a.zip\"", "dir/a.zip|a.zip"},
        {"filename=\"c:\\\\a.zip\"", "c:\\a.zip|a.zip|c:\\\\a.zip"},
        {"filename=\"c:\\a.zip\"", "c:a.zip|c:\\a.zip|a.zip"},
        {"filename=<a.zip>", "<a.zip>|a.zip"},
        {"filename=\"<a.zip>\"", "<a.zip>|a.zip"},
        {"filename=\"\\\"a.zip\\\"\"", "\"a.zip\"|a.zip|\\\"a.zip\\\"|\"|\\"},
        {"filename*=utf-8''%22a.zip%22", "\"a.zip\"|a.zip"},
        {"filename*=utf-8''%3Ca.zip%3E", "<a.zip>|a.zip"},
        {"filename=\"a.txt\".zip", "a.txt|\"a.txt\".zip|a.txt.zip"},
        {"filename=\"a.zip . . \"", "a.zip . . |a.zip"},
        {"filename=\"\xef\xbd\x81.zip\"", "\xef\xbd\x81.zip|a.zip"},
        {"filename=a.zip (b.txt)", "a.zip|a.zip (b.txt)"},
        {"x=(; filename=\"a.zip\"", "a.zip doubt"},
        {"filename=\"\"", ""},
        {"name=a.zip", "a.zip"},
        {"filename=a\xff.zip", "a\xc3\xbf.zip"},
        {"file\xffname=a.zip", "a.zip doubt"},
        {"filename", ""},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("Content-Type: a/b\r\nContent-Disposition: inline; %s\r\n\r\nx",
                               cases[i].field);
        struct body_facts *facts = scan(text);
        char *got = describe(facts);
        if (strcmp(got + strlen("a/b="), cases[i].want) != 0) {
            print_error("%s\n  got \"%s\", want \"%s\"\n", cases[i].field, got, cases[i].want);
            wrong++;
        }
        free(got);
        free(text);
        body_facts_free(facts);
    }
    assert_int_equal(wrong, 0);
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define BOUNDARY "Content-Type: multipart/mixed; boundary="
#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"
#define ZIP "Content-Type: application/zip\r\n\r\nx\r\n"

static void test_structures_in_doubt(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {MIXED "--b \t\r\n" ZIP "--b--  \r\n", "application/zip="},
        {MIXED "--b\r\n\r\nx\r\n--b--x\r\n--b\r\n" ZIP "--b--\r\n", "application/zip= doubt"},
        {MIXED "--b\r\n\r\nx\r\n--b\r\n--b--\r\n" ZIP "--b--\r\n", " doubt"},
        {MIXED "--b\r\n--b--\r\n" ZIP "--b--\r\n", " doubt"},
        {MIXED "--b\r\n--b\r\n" ZIP "--b--\r\n", "application/zip="},
        {MIXED "--b\r\n\r\n--b--\r\n", ""},
        {MIXED "--bx\r\n" ZIP "--b--\r\n", " doubt"},
        {"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n" ZIP "----\r\n", " doubt"},
        {"Content-Type: multipart\r\n\r\n--b\r\n" ZIP, "multipart= doubt"},
        {"Content-Type: multipart; boundary=b\r\n\r\n--b\r\n" ZIP,
         "multipart= application/zip= doubt"},
        {"Content-Type: multipart/mixed; boundary=b (c)\r\n\r\n--b\r\n\r\n--b (c)\r\n" ZIP,
         "application/zip= doubt"},
        {"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--c\r\n" ZIP,
         "application/zip="},
        {"Content-Type: multipart/mixed; boundary=b\xc3\xbc\r\n\r\n--b\xc3\xbc\r\n" ZIP, " doubt"},
        {MIXED "--b\r\n" MIXED "--b\r\n" ZIP, "application/zip= doubt"},
        {"Content-Type: text/plain; boundary=b\r\n\r\n--b\r\n" ZIP, " doubt"},
        {"Content-Type: multipart/mixed; boundary=" SEVENTY "a\r\n\r\n--" SEVENTY "b\r\n" ZIP,
         " doubt"},
        {"Content-Type: multipart/mixed; boundary=" SEVENTY "a\r\n\r\n--" SEVENTY "a\r\n" ZIP,
         "application/zip="},
        {"Content-Type: multipart/mixed; boundary==b\r\n\r\n--b\r\n" ZIP, " doubt"},
        {"Content-Type: multipart/mixed; boundary=\"=b\"\r\n\r\n--=b\r\n" ZIP, "application/zip="},
        {BOUNDARY "\"b\f\"\r\n\r\n--b\r\n" ZIP, "application/zip="},
        {BOUNDARY "b\v\r\n\r\n--b\r\n" ZIP, "application/zip="},
        {BOUNDARY "\"\x1f"
                  "b\x1c\"\r\n\r\n--b\r\n" ZIP,
         "application/zip="},
        {BOUNDARY "\"b\f\"\r\n\r\n--b\f\r\n\r\n--b\r\n" ZIP, "application/zip= doubt"},
        {BOUNDARY "\"b\xc2\x85\"\r\n\r\n--b\r\n" ZIP, " doubt"},
        {BOUNDARY "\"b\x85\"\r\n\r\n--b\r\n" ZIP, " doubt"},
        {BOUNDARY "\"<b>\"\r\n\r\n--b\r\n" ZIP, "application/zip="},
        {BOUNDARY "\"<b>\"\r\n\r\n--<b>\r\n" ZIP, "application/zip="},
        {BOUNDARY "\"\\\"b\\\"\"\r\n\r\n--b\r\n" ZIP, "application/zip="},
        {"Content-Type: multipart/mixed; boundary*=us-ascii''%22b%22\r\n\r\n--b\r\n" ZIP,
         "application/zip="},
        {"Content-Type: multipart/mixed; boundary*=us-ascii''%3Cb%3E\r\n\r\n--b\r\n" ZIP,
         "application/zip="},
        {MIXED "--b\r\nX: y\r\n \r\n" ZIP, "application/zip="},
        {MIXED "--b\r\njunk\r\n" ZIP, "application/zip= doubt"},
        {MIXED "--b\r\n folded\r\n" ZIP, "application/zip= doubt"},
        {MIXED "--b\r\nX: y\rContent-Type: text/plain\r\n" ZIP, "application/zip= doubt"},
        {"Content-Type: text/plain\r\nContent-Type: text/plain\r\n\r\nx", ""},
        {"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx", " doubt"},
        {"Content-Type: (application/zip) text/plain\r\n\r\nx", " doubt"},
        {"Content-Type: text/plain name=a.zip\r\n\r\nx", "text/plainname=a.zip= doubt"},
        {"Content-Disposition: attachment filename=a.zip\r\n\r\nx", "text/plain= doubt"},
        {"Content-Disposition: foo\r\n\r\nx", "text/plain="},
        {"Content-Disposition: inline\r\nContent-Disposition: attachment\r\n\r\nx", "text/plain="},
        {"Content-Type: text/csv\r\n\r\nx", "text/csv="},
        {"Content-Type: message/rfc822\r\n\r\n" ZIP, "message/rfc822= application/zip="},
        {"Content-Type: message/x-other\r\n\r\n" ZIP, "message/x-other= application/zip="},
        {"Content-Type: message/partial\r\n\r\n" ZIP, "message/partial= application/zip= doubt"},
        {"Content-Type: message/external-body\r\n\r\n" ZIP,
         "message/external-body= application/zip= doubt"},
        {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: x-uue\r\n\r\n" ZIP,
         "message/rfc822= doubt"},
        {"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         " doubt"},
        {"Content-Transfer-Encoding: base64\r\n" MIXED "--b\r\n" ZIP "--b--\r\n",
         "application/zip="},
        {"Content-Transfer-Encoding: quoted-printable\r\n" MIXED "--b\r\n\r\nx\r\n--b--\r\n", ""},
        {"Content-Transfer-Encoding: quoted-printable\r\n" MIXED "=2D-b\r\n" ZIP, " doubt"},
        {"Content-Transfer-Encoding: x-uue\r\n" MIXED "--b\r\n\r\nx\r\n--b--\r\n", " doubt"},
        {MIXED "--b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: multipart/mixed; "
               "boundary=c\r\n\r\nLS1j\r\n--b--\r\n",
         " doubt"},
        {"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\rbG8=\r\n", ""},
        {"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r--b\r\n",
         " doubt"},
        {"Content-Type: text/plain\r\n\r\na\rb\r\n", ""},
        {"Content-Type: text/plain\r\n\r\na\r", ""},
        {"Content-Type: text/plain\r\n\r\na\r\r\nb\r\r\r\n", ""},
        {"Content-Type: text/plain\r\n\r\na\r-b\r\r-\r-", ""},
        {"Content-Type: text/plain\r\n\r\na\r\r--b", " doubt"},
        {"Content-Type: text/plain\r\n\r\na\rbegin ", " doubt"},
        {"Content-Type: text/plain\r\n\r\na\rbegin\r=ybegi\rb", ""},
        {"Content-Type: text/plain\r\n\r\na\r=ybegin", " doubt"},
        {"Subject: x\r\rX: y\r\r", " doubt"},
        {MIXED "--b\r\n\r\na\rb\r\n--b--\r\n", ""},
        {MIXED "--b\r\n\r\na\r--b\r" ZIP "--b--\r\n", " doubt"},
        {MIXED "a\r--b\r" ZIP "--b--\r\n", " doubt"},
        {"From alice Mon\r\nContent-Type: text/plain\r\n\r\na\r\n", ""},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct body_facts *facts = scan(cases[i].text);
        char *got = describe(facts);
        if (strcmp(got, cases[i].want) != 0) {
            print_error("%s\n  got \"%s\", want \"%s\"\n", cases[i].text, got, cases[i].want);
            wrong++;
        }
        assert_int_equal(facts->doubt == 0,
                         facts->doubt_why == NULL && facts->text_doubt_why == NULL);
        free(got);
        body_facts_free(facts);
    }
    assert_int_equal(wrong, 0);
}

static void test_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int before; /* parts */
        const char *name, *want;
    } cases[] = {
        {"signed", 1, "s.asc", ""},
        {"signed", 0, "s.asc", "application/pgp-signature=s.asc"},
        {"signed", 2, "s.asc", "application/pgp-signature=s.asc"},
        {"mixed", 1, "s.asc", "application/pgp-signature=s.asc"},
        {"signed", 1, "secret.zip", "application/pgp-signature=secret.zip"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = {0};
        buffer_printf(&text, "Content-Type: multipart/%s; boundary=b\r\n\r\n", cases[i].type);
        for (int part = 0; part < cases[i].before; part++)
            buffer_text(&text, "--b\r\n\r\ntext\r\n");
        buffer_printf(&text, "--b\r\nContent-Type: application/pgp-signature; name=%s\r\n\r\nx\r\n",
                      cases[i].name);
        struct body_facts *facts = scan(text.data);
        char *got = describe(facts);
        assert_string_equal(got, cases[i].want);
        free(got);
        body_facts_free(facts);
        buffer_free(&text);
    }
}

static void test_files_within_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"begin 644 a.zip\n", "a.zip"},
        {"x\nbegin 0755  my file.zip\r\n", "my file.zip"},
        {"x\rbegin-base64 644 a.zip", "a.zip doubt"}, /* the CR */
        {"=ybegin line=128 size=9 name=a b.zip\r\n", "a b.zip"},
        {"begin with a word\n", NULL},
        {"begin 64 a.zip\n", NULL},
        {"begin 644\n", NULL},
        {" begin 644 a.zip\n", NULL},
        {"beginning 644 a.zip\n", NULL},
        {"=ybegin line=128\n", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int html = 0; html < 2; html++) {
            char *text = xasprintf("Content-Type: text/%s\r\n\r\n%s", html ? "html" : "plain",
                                   cases[i].text);
            char *want = cases[i].want != NULL
                             ? xasprintf("application/octet-stream=%s", cases[i].want)
                             : xstrdup("");
            struct body_facts *facts = scan(text);
            char *got = describe(facts);
            print_message("%s\n", cases[i].text);
            assert_string_equal(got, want);
            free(got);
            free(want);
            free(text);
            body_facts_free(facts);
        }
    struct body_facts *facts = scan("Content-Transfer-Encoding: base64\r\n\r\n"
                                    "YmVnaW4gNjQ0IGEuemlwCg==\r\n");
    char *got = describe(facts);
    assert_string_equal(got, "application/octet-stream=a.zip");
    free(got);
    body_facts_free(facts);
}

static void test_text_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"\r\nplain\r\n", "plain\n"},
        {"Content-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8=\r\n", "hello"},
        {"Content-Transfer-Encoding: base64 (why)\r\n\r\naGVsbG8=IHdvcmxk", "hello world"},
        {"Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc=20=\n d= \t\r\ne=zz=3",
         "a=bc  de=zz=3"},
        {"Content-Type: text/html; charset=\"ISO-8859-1\"\r\n\r\n<b>\xfc</b>", "<b>\xc3\xbc</b>"},
        {"Content-Type: text/plain; charset=utf-8 (x)\r\n\r\n\xfc\xc3\xbc", "\xef\xbf\xbd\xc3\xbc"},
        {"Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\naABpAA==",
         "hi"},
        {"Content-Type: text/plain; charset=nonsense\r\n\r\n\xc3\xbc\xfc", "\xc3\xbc\xc3\xbc"},
        {"\r\na\rb\r\r\nc\r\rd\r", "a\nb\nc\nd"},
        {"Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nDU4=",
         "\xe4\xb8\x8d"},
        {"Content-Transfer-Encoding: quoted-printable\r\n\r\na=0Db", "a\nb"},
        {"Content-Type: application/x-y\r\n\r\nno text", ""},
        {"Content-Type: multipart/mixed; "
         "boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n--b\r\n\r\n"
         "two\r\n--b--\r\nepilogue",
         "one\n\ntwo\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct body_facts *facts = scan(cases[i].text);
        assert_string_equal(text_of(facts), cases[i].want);
        body_facts_free(facts);
    }
}

static void test_encodings_in_doubt(void **state)
{
    (void)state;
    static const struct {
        const char *encoding, *body;
        bool doubt;
    } cases[] = {
        {"base64", "YSBzZWNyZXQ=", false},
        {"base64", "YSBzZWNyZXQ", false},
        {"base64", "YQ==\r\nYQ=\r\n=YWE=\r\n=\r\nYSBz", false},
        {"base64", "=YSBz=", false},
        {"base64", "YQ=", false},
        {"base64", "YS=BzZWNyZXQ=", true},
        {"base64", "Y=SBzZWNyZXQ=", true},
        {"base64", "YS\r\n=\r\nBzZWNyZXQ=", true},
        {"; base64", "YSBzZWNyZXQ=", true},
        {";; base64", "YSBzZWNyZXQ=", true},
        {"base64; x=y", "YSBzZWNyZXQ=", true},
        {"base\x01"
         "64",
         "YSBzZWNyZXQ=", true},
        {"base64 (why)", "YSBzZWNyZXQ=", false},
        {"7bit;", "text", false},
        {"8bit ", "text", false},
        {"x-y", "text", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("Content-Transfer-Encoding: %s\r\n\r\n%s\r\n", cases[i].encoding,
                               cases[i].body);
        struct body_facts *facts = scan(text);
        print_message("%s\n", text);
        assert_int_equal(facts->doubt, cases[i].doubt ? BODY_DOUBT_TEXT : 0);
        body_facts_free(facts);
        free(text);
    }
}

static void test_no_text_where_none_is_wanted(void **state)
{
    (void)state;
    struct body_scan *scan = body_scan_new(false);
    body_scan_feed(scan, "\r\nplain\r\n", 9);
    struct body_facts *facts = body_scan_end(scan);
    assert_string_equal(text_of(facts), "");
    assert_int_equal(facts->doubt, 0);
    body_facts_free(facts);
}

static void assert_same(const struct body_facts *a, const struct body_facts *b)
{
    char *one = describe(a), *other = describe(b);
    assert_string_equal(one, other);
    assert_int_equal(a->doubt, b->doubt);
    assert_int_equal(a->bare_cr, b->bare_cr);
    assert_int_equal(a->text.count, b->text.count);
    for (size_t i = 0; i < a->text.count; i++)
        assert_string_equal(a->text.list[i].text, b->text.list[i].text);
    free(one);
    free(other);
}

static void check_splits(const char *name, const struct buffer *text)
{
    print_message("%s\n", name);
    struct body_facts *whole = scan_pieces(text->data, text->len, text->len);
    for (size_t cut = 0; cut <= text->len; cut++) {
        struct body_scan *scan = body_scan_new(true);
        body_scan_feed(scan, text->data, cut);
        body_scan_feed(scan, text->data + cut, text->len - cut);
        struct body_facts *facts = body_scan_end(scan);
        assert_same(facts, whole);
        body_facts_free(facts);
    }
    static const size_t pieces[] = {1, 2, 3, 5, 7, 11, 13, 64, 100, 1000, 4095, 4096, 4097};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct body_facts *facts = scan_pieces(text->data, text->len, pieces[i]);
        assert_same(facts, whole);
        body_facts_free(facts);
    }
    body_facts_free(whole);
}

static void test_pieces_make_no_difference(void **state)
{
    (void)state;
    samples_each(check_splits);
}

/* A small generator, so that failures are reproducible. */
static size_t next_random(uint64_t *random, size_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(*random >> 33) % below;
}

static void test_random_pieces_of_a_large_message(void **state)
{
    (void)state;
    struct buffer text = {0};
    uint64_t random = 1;
    buffer_text(&text, "Content-Type: multipart/mixed; boundary=b\r\n");
    for (int part = 0; part < 20; part++) {
        buffer_printf(&text,
                      "\r\n--b\r\nContent-Type: text/plain; charset=%s; name=%d\r\n"
                      "Content-Transfer-Encoding: %s\r\n\r\n",
                      part % 2 ? "iso-2022-jp" : "utf-8", part,
                      part % 3 ? "quoted-printable" : "base64");
        for (size_t i = next_random(&random, 40000); i > 0; i--)
            buffer_char(&text, (char)next_random(&random, 256));
    }
    struct body_facts *whole = scan_pieces(text.data, text.len, text.len);
    assert_int_equal(whole->count, 20);
    for (int round = 0; round < 20; round++) {
        struct body_scan *scan = body_scan_new(true);
        for (size_t done = 0; done < text.len;) {
            size_t piece = 1 + next_random(&random, 9000);
            piece = piece < text.len - done ? piece : text.len - done;
            body_scan_feed(scan, text.data + done, piece);
            done += piece;
        }
        struct body_facts *facts = body_scan_end(scan);
        assert_same(facts, whole);
        body_facts_free(facts);
    }
    body_facts_free(whole);
    buffer_free(&text);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    for (int messages = 0; messages < 2; messages++) {
        struct buffer text = {0};
        for (int i = 100; i < 10100; i++) {
            if (messages)
                buffer_text(&text, "Content-Type: message/rfc822\r\n\r\n");
            else
                buffer_printf(&text, "Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n",
                              i, i);
        }
        struct body_facts *facts = scan_pieces(text.data, text.len, 1000);
        assert_int_not_equal(facts->doubt, 0);
        body_facts_free(facts);
        buffer_free(&text);
    }
}

static void test_attachments_are_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 50000; i++)
        buffer_text(&text, "--b\nContent-Type: a/b\n\n");
    struct body_facts *facts = scan_pieces(text.data, text.len, text.len);
    assert_int_equal(facts->count, BODY_ATTACHMENTS_MAX);
    assert_int_not_equal(facts->doubt, 0);
    body_facts_free(facts);
    buffer_free(&text);
}

static void test_text_is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "Content-Type: text/plain; charset=utf-8\n\n");
    for (size_t i = 0; i < TEXT_OCTETS_MAX; i++)
        buffer_text(&text, "\xc3\xbc");
    struct body_facts *facts = scan_pieces(text.data, text.len, 10000);
    assert_int_equal(facts->doubt, BODY_DOUBT_TEXT);
    assert_int_equal(strlen(text_of(facts)), TEXT_OCTETS_MAX);
    body_facts_free(facts);
    facts = scan_pieces(text.data, 1000, 1000);
    assert_int_equal(facts->doubt, 0);
    body_facts_free(facts);
    buffer_free(&text);
}

/* The last piece of text exceeds the bound and is cut between characters. */
static void test_text_is_cut_at_a_character(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "Content-Type: text/plain; charset=utf-8\n\nx");
    for (size_t i = 0; i < TEXT_OCTETS_MAX; i++)
        buffer_text(&text, "\xe2\x82\xac");
    struct body_facts *facts = scan_pieces(text.data, text.len, text.len);
    assert_int_not_equal(facts->doubt, 0);
    for (const char *c = text_of(facts); *c != '\0';) {
        size_t n = utf8_length(c, strlen(c) < 4 ? strlen(c) : 4);
        assert_true(n > 0);
        c += n;
    }
    body_facts_free(facts);
    buffer_free(&text);
}

static void test_long_lines_and_fields(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "Content-Type: multipart/mixed; boundary=b\n");
    for (int i = 0; i < 1024 * 1024; i++)
        buffer_char(&text, 'X');
    buffer_text(&text, ": y\nContent-Disposition: attachment; x=");
    for (int i = 0; i < 1024 * 1024; i++)
        buffer_char(&text, '"');
    buffer_text(&text, "\n\nx");
    for (int i = 0; i < 1024 * 1024; i++)
        buffer_text(&text, "--b");
    buffer_text(&text, "\n--b\nContent-Type: a/b\n\n");
    struct body_facts *facts = scan_pieces(text.data, text.len, 777);
    char *got = describe(facts);
    assert_string_equal(got, "multipart/mixed= a/b= doubt");
    free(got);
    body_facts_free(facts);
    buffer_free(&text);
}

static void test_a_scan_can_be_given_up(void **state)
{
    (void)state;
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, "Content-Type: text/plain\r\n\r\nabc", 31);
    body_scan_free(scan);
    body_scan_free(NULL);
    body_facts_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attachments_of_samples),
        cmocka_unit_test(test_what_is_an_attachment),
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_attachments_that_others_see),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_structures_in_doubt),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_files_within_text),
        cmocka_unit_test(test_text_is_decoded),
        cmocka_unit_test(test_encodings_in_doubt),
        cmocka_unit_test(test_no_text_where_none_is_wanted),
        cmocka_unit_test(test_pieces_make_no_difference),
        cmocka_unit_test(test_random_pieces_of_a_large_message),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_attachments_are_bounded),
        cmocka_unit_test(test_text_is_bounded),
        cmocka_unit_test(test_text_is_cut_at_a_character),
        cmocka_unit_test(test_long_lines_and_fields),
        cmocka_unit_test(test_a_scan_can_be_given_up),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
