#include "imapclient/wire/writer.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>

#include "imapclient/text/utf8.h"
#include "imapclient/util/memory.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool writer_sendable(const char *text)
{
    size_t len = strcspn(text, "\r\n");
    return len <= WRITER_LINE_MAX && text[len] == '\0';
}

/* RFC 9051 section 9: ASTRING-CHAR. NIL is an atom as well, but servers may misread it. */
static bool is_atom(const char *text)
{
    if (*text == '\0' || strcasecmp(text, "NIL") == 0)
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == '\x7f' || strchr("(){%*\"\\", *at) != NULL)
            return false;
    return true;
}

static bool is_seven_bit(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

static void write_quoted(struct evbuffer *out, const char *text)
{
    evbuffer_add(out, "\"", 1);
    while (*text != '\0') {
        size_t plain = strcspn(text, "\"\\");
        evbuffer_add(out, text, plain);
        text += plain;
        if (*text != '\0')
            evbuffer_add_printf(out, "\\%c", *text++);
    }
    evbuffer_add(out, "\"", 1);
}

bool writer_astring(struct evbuffer *out, const char *text)
{
    if (!writer_sendable(text) || !is_seven_bit(text))
        return false;
    if (is_atom(text))
        evbuffer_add(out, text, strlen(text));
    else
        write_quoted(out, text);
    return true;
}

/* A run of base64 in modified UTF-7: UTF-16 in, six bits out. */
struct base64_run {
    char *out;
    uint32_t bits;  /* not yet written */
    unsigned count; /* how many */
    bool open;
};

static void put_unit(struct base64_run *run, unsigned unit)
{
    run->bits = run->bits << 16 | unit;
    run->count += 16;
    while (run->count >= 6) {
        run->count -= 6;
        *run->out++ = base64_digits[run->bits >> run->count & 63];
    }
    run->bits &= (1u << run->count) - 1;
}

static void put_encoded(struct base64_run *run, uint32_t point)
{
    if (!run->open) {
        *run->out++ = '&';
        run->open = true;
    }
    if (point < 0x10000) {
        put_unit(run, point);
        return;
    }
    put_unit(run, 0xd800 + (point - 0x10000) / 0x400);
    put_unit(run, 0xdc00 + (point - 0x10000) % 0x400);
}

static void close_run(struct base64_run *run)
{
    if (!run->open)
        return;
    assert(run->count < 6);
    if (run->count > 0)
        *run->out++ = base64_digits[run->bits << (6 - run->count) & 63];
    *run->out++ = '-';
    run->bits = run->count = 0;
    run->open = false;
}

static bool is_direct(uint32_t point)
{
    return point >= 0x20 && point <= 0x7e;
}

/* A UTF-8 name in modified UTF-7, as a new string; NULL: not UTF-8. */
static char *encode_mailbox(const char *name)
{
    /* The worst case is one octet as a run of its own: "&AAE-". */
    char *wire = xmalloc(strlen(name) * 5 + 1);
    struct base64_run run = {.out = wire};
    while (*name != '\0') {
        uint32_t point = utf8_next(&name);
        if (point == UTF8_INVALID) {
            free(wire);
            return NULL;
        }
        if (!is_direct(point)) {
            put_encoded(&run, point);
            continue;
        }
        close_run(&run);
        *run.out++ = (char)point;
        if (point == '&')
            *run.out++ = '-';
    }
    close_run(&run);
    *run.out = '\0';
    return wire;
}

bool writer_mailbox(struct evbuffer *out, const char *utf8_name)
{
    if (!writer_sendable(utf8_name))
        return false;
    char *wire = encode_mailbox(utf8_name);
    if (wire == NULL)
        return false;
    bool written = writer_astring(out, wire);
    free(wire);
    return written;
}

static int base64_value(char digit)
{
    const char *at = digit != '\0' ? strchr(base64_digits, digit) : NULL;
    return at != NULL ? (int)(at - base64_digits) : -1;
}

/* The next UTF-16 unit of a run, -1 at its end. */
static int next_unit(struct base64_run *run, const char **wire)
{
    while (run->count < 16) {
        int value = base64_value(**wire);
        if (value < 0)
            return -1;
        run->bits = (run->bits << 6 | (uint32_t)value) & 0x3fffff;
        run->count += 6;
        ++*wire;
    }
    run->count -= 16;
    return (int)(run->bits >> run->count & 0xffff);
}

/* The run that begins at *wire, including its "-". false: malformed. */
static bool decode_run(struct base64_run *run, const char **wire)
{
    int unit;
    run->bits = run->count = 0;
    while ((unit = next_unit(run, wire)) >= 0) {
        uint32_t point = (uint32_t)unit;
        if (point >= 0xd800 && point <= 0xdbff) {
            int low = next_unit(run, wire);
            if (low < 0xdc00 || low > 0xdfff)
                return false;
            point = 0x10000 + (point - 0xd800) * 0x400 + ((uint32_t)low - 0xdc00);
        }
        if (point == 0 || point == '\r' || point == '\n')
            return false;
        run->out = utf8_put(run->out, point);
    }
    return *(*wire)++ == '-';
}

static bool decode_mailbox(const char *wire, char *name)
{
    struct base64_run run = {.out = name};
    while (*wire != '\0') {
        char octet = *wire++;
        if (octet != '&') {
            *run.out++ = octet;
        } else if (*wire == '-') {
            *run.out++ = '&';
            wire++;
        } else if (!decode_run(&run, &wire)) {
            return false;
        }
    }
    *run.out = '\0';
    return true;
}

char *writer_mailbox_decode(const char *wire_name)
{
    /* Three base64 digits (18 bits) hold at least one UTF-16 unit, which is at most three octets.
     */
    char *name = xmalloc(strlen(wire_name) * 3 + 1);
    if (!decode_mailbox(wire_name, name)) {
        free(name);
        return NULL;
    }
    /* Only names that encode to the same octets are accepted: any other (8-bit, needless or split
     * runs, leftover bits) would address a different mailbox. */
    char *again = encode_mailbox(name);
    bool same = again != NULL && strcmp(again, wire_name) == 0;
    free(again);
    if (same)
        return name;
    free(name);
    return NULL;
}

void writer_date_time(struct evbuffer *out, time_t when, int zone_minutes)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (zone_minutes <= -24 * 60 || zone_minutes >= 24 * 60)
        zone_minutes = 0;
    time_t local;
    struct tm tm;
    /* A time whose year does not fit in four digits becomes the epoch. */
    if (__builtin_add_overflow(when, (time_t)zone_minutes * 60, &local) ||
        gmtime_r(&local, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
        local = 0;
        zone_minutes = 0;
        gmtime_r(&local, &tm);
    }
    int east = zone_minutes < 0 ? -zone_minutes : zone_minutes;
    evbuffer_add_printf(out, "\"%02d-%s-%04d %02d:%02d:%02d %c%02d%02d\"", tm.tm_mday,
                        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
                        zone_minutes < 0 ? '-' : '+', east / 60, east % 60);
}
