#include "rules/text/charset_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/octet.h"

#define LABEL_MAX 40

struct alias {
    const char *name;
    enum charset_kind kind;
    const char *iconv_name;
};

/* Compared without punctuation. Not here: what iconv_open() itself finds by a name that
 * simplify_for_iconv() leaves or makes. */
static const struct alias aliases[] = {
    {"utf8", CHARSET_UTF8, NULL},
    {"csutf8", CHARSET_UTF8, NULL},
    {"cp65001", CHARSET_UTF8, NULL},
    {"unicode11utf8", CHARSET_UTF8, NULL},
    {"unicode20utf8", CHARSET_UTF8, NULL},
    {"xunicode20utf8", CHARSET_UTF8, NULL},
    {"ascii", CHARSET_NONE, NULL},
    {"usascii", CHARSET_NONE, NULL},
    {"csascii", CHARSET_NONE, NULL},
    {"us", CHARSET_NONE, NULL},
    {"ansix341968", CHARSET_NONE, NULL},
    {"ansix341986", CHARSET_NONE, NULL},
    {"iso646us", CHARSET_NONE, NULL},
    {"iso646irv1991", CHARSET_NONE, NULL},
    {"isoir6", CHARSET_NONE, NULL},
    {"ibm367", CHARSET_NONE, NULL},
    {"cp367", CHARSET_NONE, NULL},
    {"none", CHARSET_NONE, NULL},
    {"default", CHARSET_NONE, NULL},
    {"unknown8bit", CHARSET_NONE, NULL}, /* RFC 1428 */
    {"csunknown8bit", CHARSET_NONE, NULL},
    {"xunknown", CHARSET_NONE, NULL},
    {"latin1", CHARSET_WINDOWS1252, NULL},
    {"l1", CHARSET_WINDOWS1252, NULL},
    {"iso88591", CHARSET_WINDOWS1252, NULL},
    {"iso885911987", CHARSET_WINDOWS1252, NULL},
    {"isoir100", CHARSET_WINDOWS1252, NULL},
    {"csisolatin1", CHARSET_WINDOWS1252, NULL},
    {"ibm819", CHARSET_WINDOWS1252, NULL},
    {"cp819", CHARSET_WINDOWS1252, NULL},
    {"cp1252", CHARSET_WINDOWS1252, NULL},
    {"ansi", CHARSET_WINDOWS1252, NULL},
    {"xansi", CHARSET_WINDOWS1252, NULL},
    {"utf16", CHARSET_UTF16, NULL},
    {"csutf16", CHARSET_UTF16, NULL},
    {"unicode", CHARSET_UTF16, NULL},
    {"csunicode", CHARSET_UTF16, NULL},
    {"ucs2", CHARSET_UTF16, NULL},
    {"iso10646ucs2", CHARSET_UTF16, NULL},
    {"iso10646", CHARSET_UTF16, NULL},
    {"cp1200", CHARSET_UTF16, NULL},
    {"unicodefffe", CHARSET_ICONV, "UTF-16BE"},
    {"cp1201", CHARSET_ICONV, "UTF-16BE"},
    {"csutf16be", CHARSET_ICONV, "UTF-16BE"},
    {"ucs2be", CHARSET_ICONV, "UTF-16BE"},
    {"unicodefeff", CHARSET_ICONV, "UTF-16LE"},
    {"csutf16le", CHARSET_ICONV, "UTF-16LE"},
    {"ucs2le", CHARSET_ICONV, "UTF-16LE"},
    {"utf32", CHARSET_UTF32, NULL},
    {"csutf32", CHARSET_UTF32, NULL},
    {"ucs4", CHARSET_UTF32, NULL},
    {"csucs4", CHARSET_UTF32, NULL},
    {"iso10646ucs4", CHARSET_UTF32, NULL},
    {"cp12000", CHARSET_UTF32, NULL},
    {"cp12001", CHARSET_ICONV, "UTF-32BE"},
    {"ucs4be", CHARSET_ICONV, "UTF-32BE"},
    {"ucs4le", CHARSET_ICONV, "UTF-32LE"},
    {"utf7", CHARSET_ICONV, "UTF-7"},
    {"csutf7", CHARSET_ICONV, "UTF-7"},
    {"cp65000", CHARSET_ICONV, "UTF-7"},
    {"unicode11utf7", CHARSET_ICONV, "UTF-7"},
    {"csunicode11utf7", CHARSET_ICONV, "UTF-7"},
    {"unicode20utf7", CHARSET_ICONV, "UTF-7"},
    {"xunicode20utf7", CHARSET_ICONV, "UTF-7"},
    {"hz", CHARSET_HZ, NULL},
    {"hzgb2312", CHARSET_HZ, NULL},
    {"cp52936", CHARSET_HZ, NULL},
    {"iso88598i", CHARSET_ICONV, "ISO-8859-8"},
    {"iso88598e", CHARSET_ICONV, "ISO-8859-8"},
    {"csiso88598i", CHARSET_ICONV, "ISO-8859-8"},
    {"csiso88598e", CHARSET_ICONV, "ISO-8859-8"},
    {"logical", CHARSET_ICONV, "ISO-8859-8"},
    {"visual", CHARSET_ICONV, "ISO-8859-8"},
    {"iso88596i", CHARSET_ICONV, "ISO-8859-6"},
    {"iso88596e", CHARSET_ICONV, "ISO-8859-6"},
    {"iso885911", CHARSET_ICONV, "CP874"},
    {"tis620", CHARSET_ICONV, "CP874"},
    {"iso88599", CHARSET_ICONV, "CP1254"},
    {"iso885991989", CHARSET_ICONV, "CP1254"},
    {"latin5", CHARSET_ICONV, "CP1254"},
    {"l5", CHARSET_ICONV, "CP1254"},
    {"csisolatin5", CHARSET_ICONV, "CP1254"},
    {"isoir148", CHARSET_ICONV, "CP1254"},
    {"shiftjis", CHARSET_ICONV, "CP932"},
    {"sjis", CHARSET_ICONV, "CP932"},
    {"xsjis", CHARSET_ICONV, "CP932"},
    {"csshiftjis", CHARSET_ICONV, "CP932"},
    {"mskanji", CHARSET_ICONV, "CP932"},
    {"ms932", CHARSET_ICONV, "CP932"},
    {"cp31j", CHARSET_ICONV, "CP932"},
    {"cswindows31j", CHARSET_ICONV, "CP932"},
    {"cp943", CHARSET_ICONV, "CP932"},
    {"cp943c", CHARSET_ICONV, "CP932"},
    {"eucjp", CHARSET_ICONV, "EUC-JP-MS"},
    {"ujis", CHARSET_ICONV, "EUC-JP-MS"},
    {"cp51932", CHARSET_ICONV, "EUC-JP-MS"},
    {"cp20932", CHARSET_ICONV, "EUC-JP-MS"},
    {"cseucjp", CHARSET_ICONV, "EUC-JP-MS"},
    {"cseucpkdfmtjapanese", CHARSET_ICONV, "EUC-JP-MS"},
    {"extendedunixcodepackedformatforjapanese", CHARSET_ICONV, "EUC-JP-MS"},
    {"iso2022jp", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"iso2022jp1", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"iso2022jpms", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"csiso2022jp", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"jis", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"jis7", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"cp50220", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"cp50221", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"cp50222", CHARSET_ICONV, "ISO-2022-JP-2"},
    {"cp50225", CHARSET_ICONV, "ISO-2022-KR"},
    {"euckr", CHARSET_ICONV, "CP949"},
    {"cseuckr", CHARSET_ICONV, "CP949"},
    {"korean", CHARSET_ICONV, "CP949"},
    {"ksc5601", CHARSET_ICONV, "CP949"},
    {"ksc56011987", CHARSET_ICONV, "CP949"},
    {"ksc56011989", CHARSET_ICONV, "CP949"},
    {"csksc56011987", CHARSET_ICONV, "CP949"},
    {"isoir149", CHARSET_ICONV, "CP949"},
    {"cp51949", CHARSET_ICONV, "CP949"},
    {"gb", CHARSET_ICONV, "GB18030"},
    {"gbk", CHARSET_ICONV, "GB18030"},
    {"csgbk", CHARSET_ICONV, "GB18030"},
    {"gb2312", CHARSET_ICONV, "GB18030"},
    {"gb231280", CHARSET_ICONV, "GB18030"},
    {"csgb2312", CHARSET_ICONV, "GB18030"},
    {"csgb18030", CHARSET_ICONV, "GB18030"},
    {"csiso58gb231280", CHARSET_ICONV, "GB18030"},
    {"isoir58", CHARSET_ICONV, "GB18030"},
    {"chinese", CHARSET_ICONV, "GB18030"},
    {"cngb", CHARSET_ICONV, "GB18030"},
    {"euccn", CHARSET_ICONV, "GB18030"},
    {"cp936", CHARSET_ICONV, "GB18030"},
    {"ms936", CHARSET_ICONV, "GB18030"},
    {"cp54936", CHARSET_ICONV, "GB18030"},
    {"cp20936", CHARSET_ICONV, "GB18030"},
    {"big5", CHARSET_ICONV, "CP950"},
    {"csbig5", CHARSET_ICONV, "CP950"},
    {"cnbig5", CHARSET_ICONV, "CP950"},
    {"big5eten", CHARSET_ICONV, "CP950"},
    {"xbig5", CHARSET_ICONV, "CP950"},
    {"csbig5hkscs", CHARSET_ICONV, "BIG5-HKSCS"},
    {"cseuctw", CHARSET_ICONV, "EUC-TW"},
    {"koi", CHARSET_ICONV, "KOI8-R"},
    {"koi8", CHARSET_ICONV, "KOI8-R"},
    {"cskoi8r", CHARSET_ICONV, "KOI8-R"},
    {"cskoi8u", CHARSET_ICONV, "KOI8-U"},
    {"cp20866", CHARSET_ICONV, "KOI8-R"},
    {"cp21866", CHARSET_ICONV, "KOI8-U"},
    {"macroman", CHARSET_ICONV, "MACINTOSH"},
    {"maccentraleurroman", CHARSET_ICONV, "MAC-CENTRALEUROPE"},
    {"macce", CHARSET_ICONV, "MAC-CENTRALEUROPE"},
    {"macukrainian", CHARSET_ICONV, "MAC-UK"},
    {"csviscii", CHARSET_ICONV, "VISCII"},
};

/* "cp1251" for all of these. */
static const char *const code_page_names[] = {"windows",   "win",  "dos",   "ibm",  "cp",
                                              "ccsid",     "pc",   "ms",    "mscp", "microsoftcp",
                                              "cswindows", "cspc", "csibm", "ansi"};

/* Parts of names, without punctuation: not for a sender to choose. */
static const char *const refused[] = {"internal", "wchar",    "1364",         "1371",       "1388",
                                      "1390",     "1399",     "iso2022cnext", "iso2022jp3", "0213",
                                      "utf7imap", "translit", "ignore"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Lower case, letters and digits only; false: not a name. */
static bool simplify(const char *name, size_t len, char plain[LABEL_MAX + 1])
{
    size_t n = 0;
    if (len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = octet_lower(name[i]);
        if ((c >= 'a' && c <= 'z') || is_digit(c))
            plain[n++] = c;
        else if (c == '\0' || strchr("-_.:+ ", c) == NULL)
            return false;
    }
    plain[n] = '\0';
    return n > 0 && strcmp(plain, "char") != 0;
}

/* Turns "windows1251", "ibm00858" into "cp1251", "cp858". */
static void simplify_code_page(char plain[LABEL_MAX + 1])
{
    for (size_t i = 0; i < sizeof(code_page_names) / sizeof(*code_page_names); i++) {
        size_t len = strlen(code_page_names[i]);
        if (strncmp(plain, code_page_names[i], len) != 0)
            continue;
        const char *number = plain + len;
        number += strspn(number, "0");
        if (!is_digit(*number))
            continue;
        char page[LABEL_MAX + 1];
        snprintf(page, sizeof(page), "cp%s", number);
        strcpy(plain, page);
        return;
    }
}

static bool is_refused(const char *plain)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (strstr(plain, refused[i]) != NULL)
            return true;
    return false;
}

static const struct alias *find_alias(const char *plain)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
        if (strcmp(aliases[i].name, plain) == 0)
            return &aliases[i];
    return NULL;
}

/* Whether every octet is a character by itself: then an octet that is none hides nothing else. */
static bool is_single_octet(iconv_t converter)
{
    for (int c = 1; c < 256; c++) {
        char octet = (char)c, utf8[16], *in = &octet, *out = utf8;
        size_t left = 1, room = sizeof(utf8);
        size_t result = iconv(converter, &in, &left, &out, &room);
        bool unassigned = result == (size_t)-1 && errno == EILSEQ;
        iconv(converter, NULL, NULL, NULL, NULL);
        if (out == utf8 && !unassigned)
            return false; /* a shift, or the first octet of several */
    }
    return true;
}

static bool open_converter(struct charset *charset, const char *iconv_name)
{
    iconv_t converter = iconv_open("UTF-8", iconv_name);
    if (converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX */
        return false;
    charset->kind = CHARSET_ICONV;
    charset->converter = converter;
    charset->single_octet = is_single_octet(converter);
    return true;
}

static bool try_iconv(struct charset *charset, const char *name, size_t len)
{
    char copy[LABEL_MAX + 1];
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (open_converter(charset, copy))
        return true;
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '_' || *c == ' ')
            *c = '-';
    return open_converter(charset, copy);
}

static unsigned char unit(const char *plain)
{
    if (strstr(plain, "utf32") != NULL || strstr(plain, "ucs4") != NULL ||
        strcmp(plain, "cp12001") == 0)
        return 4;
    return strstr(plain, "utf16") != NULL || strstr(plain, "ucs2") != NULL ||
                   strstr(plain, "unicode") == plain || strcmp(plain, "cp1201") == 0
               ? 2
               : 1;
}

/* By a name without "x-": an alias, what iconv has, a code page. */
static bool find(struct charset *charset, const char *name, size_t len)
{
    char plain[LABEL_MAX + 1];
    if (!simplify(name, len, plain) || is_refused(plain))
        return false;
    simplify_code_page(plain);
    charset->unit = unit(plain);
    const struct alias *alias = find_alias(plain);
    if (alias != NULL) {
        charset->kind = alias->kind;
        return alias->kind != CHARSET_ICONV || open_converter(charset, alias->iconv_name);
    }
    if (try_iconv(charset, name, len) || open_converter(charset, plain))
        return true;
    if (strncmp(plain, "cp", 2) != 0)
        return false;
    char ibm[LABEL_MAX + 8];
    snprintf(ibm, sizeof(ibm), "IBM%03d", atoi(plain + 2));
    return open_converter(charset, ibm);
}

static bool is_padding(char c)
{
    return octet_is_blank(c) || c == '"' || c == '\'';
}

struct charset charset_find(const char *name, size_t len)
{
    struct charset charset = {.kind = CHARSET_NONE, .unit = 1};
    if (name == NULL)
        return charset;
    while (len > 0 && is_padding(*name)) {
        name++;
        len--;
    }
    while (len > 0 && is_padding(name[len - 1]))
        len--;
    if (len == 0)
        return charset;
    while (!find(&charset, name, len)) {
        charset.kind = CHARSET_UNKNOWN;
        bool prefixed =
            len > 2 && octet_lower(name[0]) == 'x' && (name[1] == '-' || name[1] == '_');
        bool listed = len > 2 && octet_lower(name[0]) == 'c' && octet_lower(name[1]) == 's';
        if (!prefixed && !listed)
            return charset;
        name += 2;
        len -= 2;
    }
    return charset;
}
