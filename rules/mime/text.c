#include "rules/mime/text.h"

#include "rules/mime/charset.h"
#include "rules/mime/fold.h"
#include "rules/util/buffer.h"

struct text_reader {
    struct readings readings;
    struct buffer octets; /* of the current part */
    char *charset;
    size_t parts, total;
    bool in_part;
    struct buffer written;
};

struct text_reader *text_reader_new(void)
{
    return xcalloc(1, sizeof(struct text_reader));
}

static void end_part(struct text_reader *reader)
{
    if (!reader->in_part)
        return;
    reader->in_part = false;
    if (reader->written.len > 0)
        buffer_char(&reader->written, '\n');
    size_t charset_len = reader->charset != NULL ? strlen(reader->charset) : 0;
    struct charset_reader *charset = charset_reader_new(reader->charset, charset_len);
    charset_reader_feed(charset, reader->octets.data, reader->octets.len, &reader->written);
    charset_reader_flush(charset, &reader->written);
    charset_reader_free(charset);
    free(reader->charset);
    reader->charset = NULL;
    reader->octets.len = 0;
}

void text_reader_begin(struct text_reader *reader, const struct text_part *part)
{
    end_part(reader);
    if (reader->parts++ >= TEXT_PARTS_MAX) {
        text_reader_doubt(reader, "more than 1,000 parts of text");
        return;
    }
    reader->in_part = true;
    reader->charset = part->charset != NULL ? xmemdup0(part->charset, part->charset_len) : NULL;
}

void text_reader_feed(struct text_reader *reader, const char *data, size_t len)
{
    if (!reader->in_part)
        return;
    size_t room = TEXT_OCTETS_MAX - reader->total;
    if (len > room) {
        text_reader_doubt(reader, "more than 1 MiB of text");
        len = room;
    }
    reader->total += len;
    buffer_add(&reader->octets, data, len);
}

void text_reader_doubt(struct text_reader *reader, const char *reason)
{
    readings_doubt(&reader->readings, reason);
}

struct readings text_reader_end(struct text_reader *reader)
{
    end_part(reader);
    size_t len = reader->written.len;
    char *written = buffer_take(&reader->written);
    struct buffer folded = {0};
    if (!fold_text(&folded, written, len, 2 * TEXT_OCTETS_MAX))
        text_reader_doubt(reader, "more than 1 MiB of text");
    size_t folded_len = folded.len;
    readings_add(&reader->readings, "as written", written, len);
    readings_add(&reader->readings, "folded", buffer_take(&folded), folded_len);
    struct readings readings = reader->readings;
    reader->readings = (struct readings){0};
    text_reader_free(reader);
    return readings;
}

void text_reader_free(struct text_reader *reader)
{
    if (reader == NULL)
        return;
    readings_clear(&reader->readings);
    buffer_free(&reader->octets);
    buffer_free(&reader->written);
    free(reader->charset);
    free(reader);
}
