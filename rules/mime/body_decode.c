#include "rules/mime/body_decode.h"

#include "rules/mime/base64.h"
#include "rules/util/octet.h"

/* How much of "=XX" or of a soft line break ("=", blanks, CR, LF) has been seen. */
enum escape { NO_ESCAPE, EQUALS, EQUALS_DIGIT, EQUALS_BLANK };

struct body_decoder {
    enum transfer_encoding encoding;
    struct base64_reader base64;
    enum escape escape;
    char digit;
};

enum transfer_encoding transfer_encoding_find(const char *name)
{
    static const struct {
        const char *name;
        enum transfer_encoding encoding;
    } known[] = {
        {"", ENCODING_IDENTITY},     {"7bit", ENCODING_IDENTITY},
        {"8bit", ENCODING_IDENTITY}, {"binary", ENCODING_IDENTITY},
        {"base64", ENCODING_BASE64}, {"quoted-printable", ENCODING_QUOTED_PRINTABLE},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].encoding;
    return ENCODING_UNKNOWN;
}

struct body_decoder *body_decoder_new(enum transfer_encoding encoding)
{
    struct body_decoder *decoder = xcalloc(1, sizeof(*decoder));
    decoder->encoding = encoding;
    return decoder;
}

/* What turned out not to be an escape is text. */
static void end_escape(struct body_decoder *decoder, struct buffer *out)
{
    if (decoder->escape != NO_ESCAPE)
        buffer_char(out, '=');
    if (decoder->escape == EQUALS_DIGIT)
        buffer_char(out, decoder->digit);
    if (decoder->escape == EQUALS_BLANK)
        buffer_char(out, ' ');
    decoder->escape = NO_ESCAPE;
}

/* Whether c continues or completes the current escape. */
static bool in_escape(struct body_decoder *decoder, char c, struct buffer *out)
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
        buffer_char(out, (char)(octet_hex(decoder->digit) * 16 + value));
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

static void feed_quoted_printable(struct body_decoder *decoder, const char *data, size_t len,
                                  struct buffer *out)
{
    for (size_t i = 0; i < len; i++) {
        if (decoder->escape != NO_ESCAPE && in_escape(decoder, data[i], out))
            continue;
        end_escape(decoder, out);
        if (data[i] == '=')
            decoder->escape = EQUALS;
        else
            buffer_char(out, data[i]);
    }
}

void body_decoder_feed(struct body_decoder *decoder, const char *data, size_t len,
                       struct buffer *out)
{
    if (decoder->encoding == ENCODING_BASE64)
        base64_read(&decoder->base64, data, len, out);
    else if (decoder->encoding == ENCODING_QUOTED_PRINTABLE)
        feed_quoted_printable(decoder, data, len, out);
    else
        buffer_add(out, data, len);
}

bool body_decoder_is_odd(const struct body_decoder *decoder)
{
    return decoder->base64.odd;
}

void body_decoder_end(struct body_decoder *decoder, struct buffer *out)
{
    if (decoder == NULL)
        return;
    end_escape(decoder, out);
    free(decoder);
}
