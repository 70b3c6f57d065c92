"""The output of a Nagios plugin, read by the letter of the Monitoring Plugins Development
Guidelines, "Plugin Output for Nagios" and "Performance data": what does not follow them is a
ValueError."""

import collections
import math
import re

STATES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
UNITS = ("", "s", "us", "ms", "%", "B", "KB", "MB", "TB", "c")

Figure = collections.namedtuple("Figure", "label value unit warn crit least most")
Output = collections.namedtuple("Output", "service state text figures details")

_FIRST = re.compile(r"([A-Z0-9]+) (OK|WARNING|CRITICAL|UNKNOWN): (.+)")
_LABEL = re.compile(r"'((?:[^'=]|'')+)'=|([^'= ]+)=")
_VALUE = re.compile(r"(U|-?\d+(?:\.\d+)?)([A-Za-z%]*)")
_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(r"(@?)(?:(~|%s)?:)?(%s)?" % (_NUMBER, _NUMBER))


def read_range(text):
    """(start, end, inside), or None for an empty one."""
    if not text:
        return None
    found = _RANGE.fullmatch(text)
    if not found or text in ("@", ":", "@:"):
        raise ValueError("no range: %r" % text)
    inside, start, end = found.groups()
    start = -math.inf if start == "~" else float(start or 0)
    end = math.inf if end is None else float(end)
    if start > end:
        raise ValueError("a range that ends before it starts: %r" % text)
    return start, end, bool(inside)


def _number(text, what):
    if text and not re.fullmatch(_NUMBER, text):
        raise ValueError("no number for %s: %r" % (what, text))
    return float(text) if text else None


def _figure(text, at):
    """One figure at that place; and where it ends."""
    label = _LABEL.match(text, at)
    if not label:
        raise ValueError("no label at %r" % text[at:])
    end = text.find(" ", label.end())
    end = len(text) if end < 0 else end
    parts = text[label.end():end].split(";")
    if len(parts) > 5:
        raise ValueError("more than five parts: %r" % text[at:end])
    value = _VALUE.fullmatch(parts[0])
    if not value or value.group(2) not in UNITS or (value.group(1) == "U" and value.group(2)):
        raise ValueError("no value: %r" % parts[0])
    parts += [""] * (5 - len(parts))
    name = label.group(1).replace("''", "'") if label.group(1) else label.group(2)
    number = None if value.group(1) == "U" else float(value.group(1))
    return Figure(name, number, value.group(2), read_range(parts[1]), read_range(parts[2]),
                  _number(parts[3], "the minimum"), _number(parts[4], "the maximum")), end


def perfdata(text):
    """{label: Figure} in their order."""
    figures, at = {}, 0
    while at < len(text):
        figure, at = _figure(text, at)
        if figure.label in figures:
            raise ValueError("label %r stands twice" % figure.label)
        figures[figure.label] = figure
        if at < len(text):
            at += 1
            if at == len(text) or text[at] == " ":
                raise ValueError("more than one space between figures, or one at the end")
    return figures


def read(output):
    """All that a plugin has printed."""
    if not output.endswith("\n"):
        raise ValueError("the last line has no end: %r" % output)
    first, *details = output[:-1].split("\n")
    if any("|" in line for line in details) or first.count("|") > 1:
        raise ValueError("a second \"|\": %r" % output)
    shown, bar, figures = first.partition(" | ")
    found = _FIRST.fullmatch(shown)
    if not found or (bar and not figures):
        raise ValueError("no status line: %r" % first)
    return Output(found.group(1), found.group(2), found.group(3), perfdata(figures), details)
