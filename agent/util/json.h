/*
 * Writes JSON (RFC 8259) to a stream, for everything that programs read. Objects and arrays nest
 * down to JSON_DEPTH_MAX; the writer puts the commas. In strings each byte that is not valid UTF-8
 * becomes U+FFFD. A key is NULL inside arrays and at the top.
 */
#ifndef AGENT_UTIL_JSON_H
#define AGENT_UTIL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define JSON_DEPTH_MAX 16

struct json {
    FILE *out;
    int depth;
    bool filled[JSON_DEPTH_MAX + 1]; /* the level has a member already */
};

void json_begin(struct json *json, FILE *out);
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_end(struct json *json);
void json_string(struct json *json, const char *key, const char *value); /* NULL: null */
void json_number(struct json *json, const char *key, int64_t value);
/* With 6 decimals at most; if not finite: null */
void json_double(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
/* "2026-11-23T06:00:00Z"; 0: null */
void json_time(struct json *json, const char *key, time_t value);

#endif
