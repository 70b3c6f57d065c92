"""The manual says what the program knows: every key of the configuration, every field and every
warning of a copy is in mailvigil.conf(5)."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
faults = []


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def compare(what, known, described):
    for name in sorted(known - described):
        faults.append("%s \"%s\" is not in mailvigil.conf(5)" % (what, name))
    for name in sorted(described - known):
        faults.append("mailvigil.conf(5) describes %s \"%s\", which does not exist" % (what, name))


def items(text, macro):
    """The words of .It lines that follow a macro, up to the next one."""
    found = set()
    for line in re.findall(r"^\.It (.*)$", text, re.M):
        words = line.split()
        if words and words[0] == macro:
            for word in words[1:]:
                if word in ("No", ":"):
                    break
                if word != ",":
                    found.add(word.rstrip(","))
    return found


def between(text, start, end):
    begin = text.index(start)
    return text[begin:text.index(end, begin + len(start))]


manual = read("share/man/mailvigil.conf.5")
schema = read("agent/config/syntax/schema.c")
for section, block in (
        ("GLOBAL KEYS", "cfg_opt_t options[] = {VALUE"), ("SERVERS", "define SERVER_OPTIONS"),
        ("ACCOUNTS", "cfg_opt_t account[]"), ("TARGETS", "cfg_opt_t target[]"),
        ("LISTS", "define LIST_OPTIONS"), ("RULES", "define RULE_OPTIONS"),
        ("TEXTS", "cfg_opt_t texts[]"), ("PROBES", "define PROBE_OPTIONS"),
        ("REFLECTORS", "define REFLECTOR_OPTIONS"), ("ALERTS", "cfg_opt_t alert[]"),
        ("STATUS", "cfg_opt_t status[]")):
    keys = set(re.findall(r'(?:VALUE|LIST)\("(\w+)"\)', between(schema, block, "CFG_END")))
    assert keys, block
    compare("in %s the key" % section, keys,
            items(between(manual, "\n.Sh %s\n" % section, "\n.Sh "), "Ic"))

copies = between(manual, ".Sh COPIES", ".Sh PROBES")
route = read("rules/route.c")
warnings = set(re.findall(r'return "([^"]+)";',
                          between(route, "const char *warning_text(", "\n}\n")))
meanings = set(re.findall(r'^    \{"([^"]+)",', read("rules/warning.c"), re.M))
described = items(copies[copies.index(".Ss Warnings"):], "Cm")
compare("the warning", warnings | meanings, described)

sources = "".join(path.read_text(encoding="utf-8")
                  for path in sorted((ROOT / "rules/copy").glob("*.c")))
fields = set(re.findall(r'"(X-Monitor-[\w-]+)', sources)) - {"X-Monitor-"}
fields = {name + "*" if name.endswith("-") else name for name in fields}
compare("the field", fields, items(copies, "Li"))

for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
