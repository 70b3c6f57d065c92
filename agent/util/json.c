#include "agent/util/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/util/decimal.h"
#include "imapclient/text/printable.h"
#include "imapclient/text/utf8.h"

void json_begin(struct json *json, FILE *out)
{
    memset(json, 0, sizeof(*json));
    json->out = out;
}

/* Unsafe characters are escaped: they are data to a program, and harmless on a screen. */
static void write_escaped(FILE *out, const char *character)
{
    uint32_t point = utf8_next(&character);

    fprintf(out, "\\u%04x", (unsigned)(point == UTF8_INVALID ? 0xfffd : point));
}

static void write_string(FILE *out, const char *text)
{
    size_t left = strlen(text);

    fputc('"', out);
    while (left > 0) {
        bool safe;
        size_t octets = text_character(text, left, &safe);
        if (!safe)
            write_escaped(out, text);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fwrite(text, 1, octets, out);
        text += octets;
        left -= octets;
    }
    fputc('"', out);
}

static void member(struct json *json, const char *key)
{
    if (json->filled[json->depth])
        fputc(',', json->out);
    json->filled[json->depth] = true;
    if (key != NULL) {
        write_string(json->out, key);
        fputc(':', json->out);
    }
}

static void enter(struct json *json, const char *key, char bracket)
{
    assert(json->depth < JSON_DEPTH_MAX);
    member(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->filled[json->depth] = false;
}

static void leave(struct json *json, char bracket)
{
    assert(json->depth > 0);
    json->depth--;
    fputc(bracket, json->out);
    if (json->depth == 0)
        fputc('\n', json->out);
}

void json_object(struct json *json, const char *key)
{
    enter(json, key, '{');
}

void json_array(struct json *json, const char *key)
{
    enter(json, key, '[');
}

void json_object_end(struct json *json)
{
    leave(json, '}');
}

void json_array_end(struct json *json)
{
    leave(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
    member(json, key);
    if (value == NULL)
        fputs("null", json->out);
    else
        write_string(json->out, value);
}

void json_number(struct json *json, const char *key, int64_t value)
{
    member(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void json_double(struct json *json, const char *key, double value)
{
    char text[DECIMAL_TEXT_MAX];

    decimal_text(value, text);
    member(json, key);
    fputs(isfinite(value) ? text : "null", json->out);
}

void json_bool(struct json *json, const char *key, bool value)
{
    member(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_time(struct json *json, const char *key, time_t value)
{
    char text[32];
    struct tm tm;

    if (value == 0 || gmtime_r(&value, &tm) == NULL) {
        json_string(json, key, NULL);
        return;
    }
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_string(json, key, text);
}
