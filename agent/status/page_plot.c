#include <math.h>

#include "agent/status/page.h"

/* In units of the drawing: one bar a result, newest right. */
enum { BAR = 2, HEIGHT = 24, WIDTH = BAR * PROBE_POINTS };

static const char *class_of(const struct probe_point *point)
{
    static const char *const classes[] = {"ok", "warning", "critical", "unknown"};

    return classes[point->status <= PROBE_UNKNOWN ? point->status : PROBE_UNKNOWN];
}

static bool is_timed(const struct probe_point *point)
{
    return isfinite(point->seconds) && point->seconds >= 0;
}

static double longest_of(const struct probe_point *points, size_t n)
{
    double longest = 0;

    for (size_t i = 0; i < n; i++)
        if (is_timed(&points[i]) && (double)points[i].seconds > longest)
            longest = (double)points[i].seconds;
    return longest;
}

/* What failed takes the whole height: it is seen without colours too. */
static double height_of(const struct probe_point *point, double longest)
{
    double height;

    if (!is_timed(point))
        return HEIGHT;
    height = longest > 0 ? (HEIGHT - 4) * (double)point->seconds / longest : 0;
    return height < 1 ? 1 : height;
}

static size_t count_bad(const struct probe_point *points, size_t n)
{
    size_t bad = 0;

    for (size_t i = 0; i < n; i++)
        bad += points[i].status != PROBE_OK;
    return bad;
}

void page_plot(FILE *out, const struct probe_point *points, size_t n)
{
    double longest;

    if (n > PROBE_POINTS) {
        points += n - PROBE_POINTS;
        n = PROBE_POINTS;
    }
    longest = longest_of(points, n);
    fprintf(out,
            "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">"
            "<title>%zu results, %zu of them not OK, the longest %.3f s</title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT, n, count_bad(points, n), longest);
    for (size_t i = 0; i < n; i++) {
        double height = height_of(&points[i], longest);

        fprintf(out, "<rect class=\"%s\" x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                class_of(&points[i]), (PROBE_POINTS - n + i) * BAR, (double)HEIGHT - height, BAR,
                height);
    }
    fputs("</svg>", out);
}
