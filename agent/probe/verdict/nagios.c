/* The output of a Nagios plugin: the Monitoring Plugins Development Guidelines, "Plugin Output for
 * Nagios" and "Performance data". */
#include <math.h>

#include "agent/probe/verdict/verdict.h"
#include "agent/util/decimal.h"

static const char *service_name(enum probe_type type)
{
    static const char *const names[] = {
        [PROBE_IMAP] = "IMAP",       [PROBE_POP3] = "POP3",           [PROBE_SMTP] = "SMTP",
        [PROBE_MAILBOX] = "MAILBOX", [PROBE_ROUNDTRIP] = "ROUNDTRIP",
    };
    return names[type];
}

/* Within quotes, a quote doubled. A label has no "=", which would end it. */
static void write_label(FILE *out, const char *label)
{
    fputc('\'', out);
    for (const char *c = label; *c != '\0'; c++)
        if (*c == '\'')
            fputs("''", out);
        else
            fputc(*c == '=' || *c == '|' || (unsigned char)*c < ' ' ? '_' : *c, out);
    fputc('\'', out);
}

/* value[unit];warn;crit;min;max, without empty fields at the end. */
static void write_figure(FILE *out, const struct perfdata *figure)
{
    char value[DECIMAL_TEXT_MAX], warn[RANGE_TEXT_MAX], crit[RANGE_TEXT_MAX];
    char least[DECIMAL_TEXT_MAX], most[DECIMAL_TEXT_MAX];
    const char *const parts[] = {warn, crit, least, most};
    size_t n = sizeof(parts) / sizeof(*parts);

    decimal_text(figure->value, value);
    range_text(&figure->warn, warn);
    range_text(&figure->crit, crit);
    decimal_text(figure->min, least);
    decimal_text(figure->max, most);
    write_label(out, figure->label);
    if (isfinite(figure->value))
        fprintf(out, "=%s%s", value, figure->unit);
    else
        fputs("=U", out);
    while (n > 0 && parts[n - 1][0] == '\0')
        n--;
    for (size_t i = 0; i < n; i++)
        fprintf(out, ";%s", parts[i]);
}

void nagios_write(FILE *out, const struct probe *probe, const struct probe_verdict *verdict,
                  int verbosity)
{
    fprintf(out, "%s %s: %s", service_name(probe->type), probe_status_text(verdict->status),
            verdict->summary);
    for (size_t i = 0; i < verdict->n_perfdata; i++) {
        fputs(i == 0 ? " | " : " ", out);
        write_figure(out, &verdict->perfdata[i]);
    }
    fputc('\n', out);
    if (verbosity <= 0)
        return;
    for (char **line = verdict->details; *line != NULL; line++)
        fprintf(out, "%s\n", *line);
}
