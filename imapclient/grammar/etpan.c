#include "imapclient/grammar/etpan.h"

#include <assert.h>

#include "imapclient/util/memory.h"

#define STREAM_BUFFER 16384
#define TAG 1

static const char line_end[] =
    "\r\n1 OK x\r\n"; /* of the unit, and the tagged reply that libetpan waits for */

/* All that libetpan can read; the end is an error, as the driver interface requires. */
struct source {
    const char *at;
    size_t left;
};

struct etpan {
    struct source source;
    mailstream_low_driver driver; /* libetpan requires a non-constant one */
    mailimap *imap;
    char *line;
    size_t len, room;
};

static ssize_t source_read(mailstream_low *low, void *out, size_t len)
{
    struct source *source = low->data;
    size_t part = source->left < len ? source->left : len;
    if (part == 0)
        return -1;
    memcpy(out, source->at, part);
    source->at += part;
    source->left -= part;
    return (ssize_t)part;
}

static ssize_t source_write(mailstream_low *low, const void *data, size_t len)
{
    (void)low;
    (void)data;
    return (ssize_t)len;
}

static int source_close(mailstream_low *low)
{
    (void)low;
    return 0;
}

static int source_fd(mailstream_low *low)
{
    (void)low;
    return -1;
}

static void source_free(mailstream_low *low)
{
    free(low);
}

static const mailstream_low_driver source_driver = {
    .mailstream_read = source_read,
    .mailstream_write = source_write,
    .mailstream_close = source_close,
    .mailstream_get_fd = source_fd,
    .mailstream_free = source_free,
};

struct etpan *etpan_new(void)
{
    static const char greeting[] = "* PREAUTH x\r\n";
    struct etpan *etpan = xcalloc(1, sizeof(*etpan));
    etpan->source = (struct source){greeting, sizeof(greeting) - 1};
    etpan->driver = source_driver;
    mailstream_low *low = memory_check(mailstream_low_new(&etpan->source, &etpan->driver));
    mailstream *stream = memory_check(mailstream_new(low, STREAM_BUFFER));
    etpan->imap = memory_check(mailimap_new(0, NULL));
    if (mailimap_connect(etpan->imap, stream) != MAILIMAP_NO_ERROR_AUTHENTICATED)
        memory_exhausted();
    etpan->imap->imap_tag = TAG;
    return etpan;
}

void etpan_free(struct etpan *etpan)
{
    if (etpan == NULL)
        return;
    /* mailimap_free() would send LOGOUT and wait for a reply. */
    mailstream_close(etpan->imap->imap_stream);
    etpan->imap->imap_stream = NULL;
    mailimap_free(etpan->imap);
    free(etpan->line);
    free(etpan);
}

void etpan_begin(struct etpan *etpan, const char *text)
{
    etpan->len = 0;
    etpan_add(etpan, text, strlen(text));
}

void etpan_add(struct etpan *etpan, const char *text, size_t len)
{
    size_t wanted = etpan->len + len + sizeof(line_end);
    if (wanted > etpan->room) {
        size_t room = etpan->room == 0 ? 256 : etpan->room;
        while (room < wanted)
            room *= 2;
        etpan->line = xrealloc(etpan->line, room);
        etpan->room = room;
    }
    memcpy(etpan->line + etpan->len, text, len);
    etpan->len += len;
}

size_t etpan_length(const struct etpan *etpan)
{
    return etpan->len;
}

void etpan_truncate(struct etpan *etpan, size_t len)
{
    assert(len <= etpan->len);
    etpan->len = len;
}

const struct mailimap_response_info *etpan_parse(struct etpan *etpan)
{
    mailimap *imap = etpan->imap;
    struct mailimap_response *response = NULL;
    memcpy(etpan->line + etpan->len, line_end, sizeof(line_end) - 1);
    etpan->source = (struct source){etpan->line, etpan->len + sizeof(line_end) - 1};
    imap->imap_stream->read_buffer_len = 0;
    imap->imap_tag = TAG;
    /* Without the first call the stream buffer would grow, and parsing would become quadratic. */
    if (mailimap_read_line(imap) == NULL ||
        mailimap_parse_response(imap, &response) != MAILIMAP_NO_ERROR)
        return NULL;
    mailimap_response_free(response);
    return imap->imap_response_info;
}
