#include "rules/mime/body_decode.h"

#include <assert.h>
#include <stdbool.h>

#include "rules/mime/base64.h"
#include "rules/mime/charset.h"
#include "rules/util/octet.h"

enum encoding { IDENTITY, BASE64, QUOTED_PRINTABLE };

/* How much of "=XX" or of a soft line break ("=", blanks, CR, LF) has been seen. */
enum escape { NO_ESCAPE, EQUALS, EQUALS_DIGIT, EQUALS_BLANK };

struct body_decoder {
    enum encoding encoding;
    struct base64_reader base64;
    enum escape escape;
    char digit;
    struct charset_reader *charset;
    struct buffer octets; /* between the two decoders; empty between calls */
};

struct body_decoder *body_decoder_new(const char *encoding, const char *charset)
{
    struct body_decoder *decoder = xcalloc(1, sizeof(*decoder));
    if (strcmp(encoding, "base64") == 0)
        decoder->encoding = BASE64;
    else if (strcmp(encoding, "quoted-printable") == 0)
        decoder->encoding = QUOTED_PRINTABLE;
    /* an unquoted value may be followed by a comment */
    size_t len = charset != NULL ? strcspn(charset, " \t(") : 0;
    decoder->charset = charset_reader_new(charset, len);
    return decoder;
}

/* What turned out not to be an escape is text. */
static void end_escape(struct body_decoder *decoder)
{
    if (decoder->escape != NO_ESCAPE)
        buffer_char(&decoder->octets, '=');
    if (decoder->escape == EQUALS_DIGIT)
        buffer_char(&decoder->octets, decoder->digit);
    if (decoder->escape == EQUALS_BLANK)
        buffer_char(&decoder->octets, ' ');
    decoder->escape = NO_ESCAPE;
}

/* Whether c continues or completes the current escape. */
static bool in_escape(struct body_decoder *decoder, char c)
{
    int value = octet_hex(c);
    if (decoder->escape == EQUALS && value >= 0) {
        decoder->digit = c;
        decoder->escape = EQUALS_DIGIT;
        return true;
    }
    if (decoder->escape == EQUALS_DIGIT) {
        if (value < 0)
            return false;
        buffer_char(&decoder->octets, (char)(octet_hex(decoder->digit) * 16 + value));
        decoder->escape = NO_ESCAPE;
        return true;
    }
    if (c == '\n')
        decoder->escape = NO_ESCAPE;
    else if (c == ' ' || c == '\t' || c == '\r')
        decoder->escape = EQUALS_BLANK;
    else
        return false;
    return true;
}

static void feed_quoted_printable(struct body_decoder *decoder, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (decoder->escape != NO_ESCAPE && in_escape(decoder, data[i]))
            continue;
        end_escape(decoder);
        if (data[i] == '=')
            decoder->escape = EQUALS;
        else
            buffer_char(&decoder->octets, data[i]);
    }
}

void body_decoder_feed(struct body_decoder *decoder, const char *data, size_t len,
                       struct buffer *out)
{
    if (decoder->encoding == IDENTITY) {
        charset_reader_feed(decoder->charset, data, len, out);
        return;
    }
    assert(decoder->octets.len == 0);
    if (decoder->encoding == BASE64)
        base64_read(&decoder->base64, data, len, &decoder->octets);
    else
        feed_quoted_printable(decoder, data, len);
    charset_reader_feed(decoder->charset, decoder->octets.data, decoder->octets.len, out);
    decoder->octets.len = 0;
}

void body_decoder_end(struct body_decoder *decoder, struct buffer *out)
{
    if (decoder == NULL)
        return;
    end_escape(decoder);
    charset_reader_feed(decoder->charset, decoder->octets.data, decoder->octets.len, out);
    charset_reader_flush(decoder->charset, out);
    charset_reader_free(decoder->charset);
    buffer_free(&decoder->octets);
    free(decoder);
}
