"""A strict reader of OpenMetrics 1.0.0 and of the Prometheus text format 0.0.4 as we write them: it
refuses what a tolerant server would swallow. As a program: `openmetrics.py [--text] < metrics`."""

import math
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (\S+)" % (NAME, LABEL, LABEL))
METADATA = re.compile(r"# (TYPE|UNIT|HELP) (%s) (.*)" % NAME)
NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
            "histogram": ("_bucket", "_count", "_sum")}
ORDER = {"TYPE": 0, "UNIT": 1, "HELP": 2}


class Wrong(ValueError):
    pass


class Family:
    def __init__(self, name):
        self.name, self.metadata, self.samples = name, {}, []

    @property
    def type(self):
        return self.metadata.get("TYPE")


class Metrics:
    """families: by name; value(name, **labels): of that one sample, None if it is not there."""

    def __init__(self, text, openmetrics=True):
        self.openmetrics = openmetrics
        self.families, self.series = {}, {}
        self.family = None
        if isinstance(text, bytes):
            text = text.decode("utf-8")  # strictly
        if not text.endswith("# EOF\n"):
            raise Wrong("it does not end in # EOF")
        for number, line in enumerate(text[:-len("# EOF\n")].split("\n")[:-1], 1):
            try:
                self._line(line)
            except Wrong as wrong:
                raise Wrong("line %d: %s: %s" % (number, wrong, line)) from None
        for family in self.families.values():
            self._check(family)

    def value(self, name, **labels):
        return self.series.get((name, tuple(sorted(labels.items()))))

    def names(self):
        return {name for name, _ in self.series}

    def values(self, name):
        """{label values by name, as a dictionary: value}, of one name."""
        return [(dict(labels), value) for (one, labels), value in self.series.items()
                if one == name]

    def _line(self, line):
        if line.startswith("#"):
            match = METADATA.fullmatch(line)
            if match is None:
                raise Wrong("no metadata")
            self._metadata(*match.groups())
        else:
            match = SAMPLE.fullmatch(line)
            if match is None:
                raise Wrong("no sample")
            self._sample(match.group(1), match.group(2) or "", match.groups()[-1])

    def _metadata(self, kind, name, value):
        if self.family is None or self.family.name != name:
            if name in self.families:
                raise Wrong("the family is begun twice")
            self.family = self.families[name] = Family(name)
        metadata = self.family.metadata
        if self.family.samples:
            raise Wrong("metadata behind samples")
        if kind in metadata or any(ORDER[kind] < ORDER[other] for other in metadata):
            raise Wrong("%s twice, or behind what should follow it" % kind)
        if kind == "TYPE" and value not in SUFFIXES or value == "info" and not self.openmetrics:
            raise Wrong("unknown type")
        if kind == "UNIT" and (not self.openmetrics or not name.endswith("_" + value)):
            raise Wrong("the name does not end in its unit")
        if kind == "HELP" and re.search(r'(?<!\\)(\\\\)*\\(?![\\n"])', value):
            raise Wrong("unknown escape")
        metadata[kind] = value

    def _suffixes(self, family):
        if not self.openmetrics and family.type == "counter":
            return ("",)
        return SUFFIXES[family.type]

    def _sample(self, name, labels, value):
        family = self.family
        if family is None or "TYPE" not in family.metadata:
            raise Wrong("a sample without a type")
        if name not in [family.name + suffix for suffix in self._suffixes(family)]:
            raise Wrong("not of the family %s" % family.name)
        pairs = [(key, re.sub(r"\\(.)", lambda m: "\n" if m.group(1) == "n" else m.group(1), text))
                 for key, text in re.findall(LABEL, labels)]
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys) or any(key.startswith("__") for key in keys):
            raise Wrong("a label twice, or reserved")
        if not NUMBER.fullmatch(value):
            raise Wrong("the value is no finite number")
        series = (name, tuple(sorted(pairs)))
        if series in self.series:
            raise Wrong("the same series twice")
        self.series[series] = float(value)
        family.samples.append((name, dict(pairs), float(value)))

    def _check(self, family):
        def wrong(why):
            raise Wrong("%s: %s" % (family.name, why))
        if not family.metadata.get("HELP") or "TYPE" not in family.metadata:
            wrong("without type or help")
        if self.openmetrics and family.name.endswith(("_total", "_info", "_bucket", "_count")):
            wrong("a family has no suffix in its name")
        if not self.openmetrics and (family.type == "counter") != family.name.endswith("_total"):
            wrong("counters, and only they, end in _total")
        for name, labels, value in family.samples:
            if family.type == "counter" and value < 0:
                wrong("a counter below 0")
            if family.type == "info" and (value != 1 or not labels):
                wrong("an info is 1 and has labels")
            if "le" in labels and not name.endswith("_bucket"):
                wrong("the label le outside of a histogram")
        if family.type == "histogram":
            self._check_histogram(family, wrong)

    def _check_histogram(self, family, wrong):
        groups = []
        for name, labels, value in family.samples:
            key = sorted((k, v) for k, v in labels.items() if k != "le")
            if not groups or groups[-1][0] != key:
                groups.append((key, [], {}))
            if name.endswith("_bucket"):
                groups[-1][1].append((labels.get("le"), value))
            else:
                groups[-1][2][name[len(family.name):]] = value
        for key, buckets, rest in groups:
            bounds = [bound for bound, _ in buckets]
            if bounds[-1:] != ["+Inf"] or not all(re.search("[.e]", b) for b in bounds[:-1]):
                wrong("bounds are floats, the last one is +Inf: %s" % bounds)
            limits = [float(bound) for bound in bounds]
            counts = [count for _, count in buckets]
            if limits != sorted(set(limits)) or counts != sorted(counts):
                wrong("bounds and counts must ascend: %s" % buckets)
            if set(rest) != {"_count", "_sum"} or rest["_count"] != counts[-1]:
                wrong("count and sum must be there, the count as in +Inf: %s" % rest)
            if rest["_sum"] < 0 or math.isnan(rest["_sum"]):
                wrong("a sum below 0")
        if len({str(key) for key, _, _ in groups}) != len(groups):
            wrong("the samples of one histogram must stand together")


if __name__ == "__main__":
    try:
        read = Metrics(sys.stdin.buffer.read(), "--text" not in sys.argv)
    except Wrong as why:
        sys.exit(str(why))
    print("%d families, %d samples" % (len(read.families), len(read.series)))
