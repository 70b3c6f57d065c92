"""The rules of the house that no compiler knows.

house.py BUILD_DIRECTORY   holds the source tree, and the object files below that folder, against them
house.py --self-test       holds a made-up house against them that breaks each one
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The staircases, one floor a line, the lowest first. A room is a folder. It may use the rooms on
# the floors below its own; "/" separates rooms on one floor, which may not use each other.
STAIRCASES = {
    "imapclient": """
        util
        text
        wire
        grammar
        .
        """,
    "rules": """
        util
        time / text
        mime
        .
        match
        copy
        """,
    "agent": """
        util / reflect
        system
        config
        config/syntax / email_return
        config/sections / ledger/store
        ledger
        session
        probe/dialogue / capture / deliver
        probe/inbox / probe/verdict / watch
        probe/roundtrip / alert
        probe
        status
        command
        .
        """,
}
# Which library may use which.
LIBRARIES = {"imapclient": {"imapclient"}, "rules": {"rules"},
             "agent": {"agent", "imapclient", "rules"}}
PRIVATE_HEADER = re.compile(r"(^|/)(\w+_)?private\.h$")
FUNCTION_LINES = 70
ROOM_UNITS = 20  # pairs of .c and .h
# What is installed stands where every machine has it; a home or this checkout is of one machine.
STANDARD = {"bin", "dev", "etc", "lib", "media", "mnt", "opt", "proc", "run", "sbin", "srv", "sys",
            "tmp", "usr", "var"}
HOMES = {"home", "root", "Users", ROOT.split("/")[1]} - STANDARD
MACHINE_PATH = re.compile(
    r"(?<![\w.$}/*-])/(?:%s)/[\w.-]|%s/" % ("|".join(map(re.escape, HOMES)), re.escape(ROOT)))
# Variables that are not constant, and why each may be.
VARIABLES = {
    "agent/system/log.c": {"threshold": "the level of the whole process, wherever a line is logged"},
    "agent/system/fault.c": dict.fromkeys(("armed_once", "armed_fault", "armed_count"),
                                          "the one fault of the environment; in test builds only"),
}


def floors(staircases):
    """The floor of each room: a number that is comparable within its library."""
    numbers = {}
    for library, text in staircases.items():
        for number, line in enumerate(line for line in text.split("\n") if line.strip()):
            for room in line.split(" / "):
                name = room.strip()
                numbers[library if name == "." else f"{library}/{name}"] = number
    return numbers


class House:
    """A source tree and the object files that were made of it."""

    def __init__(self, root, staircases=None):
        self.root = root
        self.floors = floors(staircases or STAIRCASES)
        self.faults = []

    def fault(self, path, number, what):
        self.faults.append(f"{path}:{number}: {what}")

    # ---- the source ----

    def tracked(self):
        """The files that git tracks, else all that lie below the root."""
        listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=self.root,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        names = [name for name in listed.stdout.decode().split("\0") if name]
        if not names:
            for folder, folders, files in os.walk(self.root):
                folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
                names += [os.path.relpath(os.path.join(folder, name), self.root)
                          for name in files]
        return sorted(name for name in names if os.path.isfile(os.path.join(self.root, name)))

    def is_upward(self, path, other):
        """Why the file `path` may not use what is in the file `other`; None: it may."""
        library, other_library = path.split("/")[0], other.split("/")[0]
        room, other_room = os.path.dirname(path), os.path.dirname(other)
        if other_library not in LIBRARIES:
            return None
        if other_library not in LIBRARIES[library]:
            return f"{library} may not use {other_library}"
        if room == other_room or library != other_library:
            return None
        if room not in self.floors or other_room not in self.floors:
            return f"{room if room not in self.floors else other_room} has no place on the stairs"
        if self.floors[other_room] >= self.floors[room]:
            return f"{room} may not use {other_room}: it is not on a floor below"
        return None

    def check_includes(self, path, lines):
        if path.split("/")[0] not in LIBRARIES:
            return
        for number, line in enumerate(lines, 1):
            included = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
            if included is None:
                continue
            name = included.group(1)
            why = self.is_upward(path, name)
            if why is not None:
                self.fault(path, number, why)
            if PRIVATE_HEADER.search(name) and os.path.dirname(name) != os.path.dirname(path):
                self.fault(path, number, f"{name} is private to its room")
            if name.startswith(".."):
                self.fault(path, number, "files are included by their path from the root")

    def check_rooms(self, names):
        rooms = collections.defaultdict(set)
        for path in names:
            if path.split("/")[0] not in LIBRARIES or not path.endswith((".c", ".h")):
                continue
            room, stem = os.path.dirname(path), os.path.splitext(os.path.basename(path))[0]
            rooms[room].add(stem)
            if room not in self.floors:
                self.fault(path, 1, f"{room} has no place on the stairs")
            if stem.startswith(os.path.basename(room) + "_"):
                self.fault(path, 1, "repeats its room's name")
        for room, stems in rooms.items():
            if len(stems) > ROOM_UNITS:
                self.fault(room, 1, f"{len(stems)} units, over {ROOM_UNITS}")

    def check_paths(self, path, lines):
        if path == ".gitignore":
            return  # its paths begin at the root of the checkout
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line):
                self.fault(path, number, f"names a path of one machine: {line.strip()[:80]}")

    def check_functions(self, path, lines):
        """clang-format puts a function's braces, and no others, alone on a line's first column."""
        begin = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begin = number
            elif line == "}" and begin is not None:
                if number - begin + 1 > FUNCTION_LINES:
                    self.fault(path, begin, f"a function of {number - begin + 1} lines, "
                                            f"over {FUNCTION_LINES}")
                begin = None

    def check_source(self):
        names = self.tracked()
        for path in names:
            try:
                with open(os.path.join(self.root, path), encoding="utf-8") as file:
                    lines = file.read().split("\n")
            except UnicodeDecodeError:
                continue  # a sample of mail
            self.check_paths(path, lines)
            if path.endswith((".c", ".h")):
                self.check_includes(path, lines)
                if path.split("/")[0] in LIBRARIES:  # a test's table may be longer
                    self.check_functions(path, lines)
        self.check_rooms(names)
        return names

    # ---- what was built of it ----

    def objects(self, build):
        """Object file by the path of its source, as CMake lays them out."""
        found = {}
        for folder, _, files in os.walk(build):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), build)
                parts = re.match(r"(.*?)/?CMakeFiles/[^/]+\.dir/(.*\.c)\.o$", path)
                if parts is None:
                    continue
                source = os.path.normpath(os.path.join(parts.group(1), parts.group(2)))
                if source.split("/")[0] in LIBRARIES and \
                        os.path.exists(os.path.join(self.root, source)):
                    found.setdefault(source, os.path.join(build, path))
        return found

    def check_references(self, objects):
        """Which source uses which, by the symbols of their object files."""
        defined, wanted = {}, {}
        for source, path in objects.items():
            wanted[source] = set()
            for line in output("nm", "-g", path).splitlines():
                kind, symbol = line.split()[-2:]
                if kind in "TDBRVWC":
                    defined[symbol] = source
                elif kind == "U":
                    wanted[source].add(symbol)
        uses = {source: {} for source in objects}
        for source, symbols in wanted.items():
            for symbol in sorted(symbols):
                other = defined.get(symbol, source)
                if other != source and symbol != "main":
                    uses[source].setdefault(other, symbol)
        for source, others in uses.items():
            for other, symbol in others.items():
                why = self.is_upward(source, other)
                if why is not None:
                    self.fault(source, 1, f"{why} ({symbol}() of {other})")
        for circle in circles(uses):
            steps = [f"{a} uses {uses[a][b]}() of {b}" for a in circle for b in circle
                     if b in uses[a]]
            self.fault(circle[0], 1, "a circle of files: " + "; ".join(steps))

    def check_variables(self, objects):
        for source, path in objects.items():
            for name in writable_symbols(path):
                if not name.startswith(("__", ".L")) and name not in VARIABLES.get(source, {}):
                    self.fault(source, 1, f"the variable {name} is not constant")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout.decode()


def circles(uses):
    """The strongly connected parts of more than one node, each sorted (Tarjan, without recursion)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in uses:
        work = [(root, iter(uses[root]))] if root not in index else []
        while work:
            node, rest = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            following = next(rest, None)
            if following is not None:
                if following not in index:
                    work.append((following, iter(uses[following])))
                elif following in on_stack:
                    low[node] = min(low[node], index[following])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                at = stack.index(node)
                part, stack[at:] = stack[at:], []
                on_stack.difference_update(part)
                if len(part) > 1:
                    found.append(sorted(part))
    return found


def writable_symbols(path):
    """The variables in sections that stay writable."""
    for line in output("objdump", "-t", path).splitlines():
        symbol = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (?:\.\w+ )?(\S+)$", line)
        if symbol is None or "O" not in symbol.group(1):
            continue
        section, name = symbol.group(2), symbol.group(3)
        if re.match(r"(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)", section):
            yield re.sub(r"\.\d+$", "", name)


# ---- the test of the test ----

MADE_UP = {
    "agent/low/one.h": "int one(void);\n",
    "agent/low/one.c": '#include "agent/high/two.h"\nint one(void)\n{\n    return 1;\n}\n',
    "agent/low/other.c": "int two(void);\nint other(void);\n"
                         "int other(void)\n{\n    return two();\n}\n",
    "agent/high/two.h": "int two(void);\n",
    "agent/high/private.h": "int hidden(void);\n",
    "agent/high/two.c": '#include "agent/low/one.h"\nint two(void);\nint two(void)\n{\n'
                        "    return 2;\n}\n",
    "agent/high/high_three.c": "int four(void);\nint three(void);\nint three(void)\n{\n"
                               "    return four();\n}\n",
    "agent/high/four.c": "int three(void);\nint four(void);\nint changes = 1;\nint four(void)\n{\n"
                         "    return three();\n}\n",
    "agent/high/long.c": "int very_long(void);\nint very_long(void)\n{\n" + "\n" * FUNCTION_LINES +
                         "    return 1;\n}\n",
    "agent/beside/five.c": '#include "agent/high/two.h"\n#include "agent/high/private.h"\n'
                           "int five(void);\nint five(void)\n{\n    return two();\n}\n",
    "agent/nowhere/six.c": "int six(void);\nint six(void)\n{\n    return 6;\n}\n",
    "rules/seven.c": '#include "agent/low/one.h"\n',
    "share/notes": "see /%s/someone/notes\n" % "home",
}
MADE_UP.update({f"agent/full/unit{n}.h": "\n" for n in range(ROOM_UNITS + 1)})
EXPECTED = [
    r"agent/low/one\.c:1: agent/low may not use agent/high: it is not on a floor below$",
    r"agent/low/other\.c:1: agent/low may not use agent/high: .* \(two\(\) of agent/high/two\.c\)",
    r"agent/beside/five\.c:1: agent/beside may not use agent/high: it is not on a floor below$",
    r"agent/beside/five\.c:2: agent/beside may not use agent/high",
    r"agent/beside/five\.c:2: agent/high/private\.h is private to its room",
    r"agent/beside/five\.c:1: .* \(two\(\) of agent/high/two\.c\)",
    r"agent/high/four\.c:1: a circle of files: .*four\.c uses three\(\) of .*high_three\.c",
    r"agent/high/four\.c:1: the variable changes is not constant",
    r"agent/high/high_three\.c:1: repeats its room's name",
    r"agent/high/long\.c:3: a function of \d+ lines",
    r"agent/nowhere/six\.c:1: agent/nowhere has no place on the stairs",
    r"agent/full:1: 21 units, over 20",
    r"rules/seven\.c:1: rules may not use agent",
    r"share/notes:1: names a path of one machine",
]


def self_test():
    root = tempfile.mkdtemp(prefix="mailvigil-house-")
    try:
        for path, text in MADE_UP.items():
            place = os.path.join(root, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)
        build = os.path.join(root, "build")
        for path in MADE_UP:
            if path.endswith(".c"):
                library, rest = path.split("/", 1)
                made = os.path.join(build, library, "CMakeFiles", library + ".dir", rest + ".o")
                os.makedirs(os.path.dirname(made), exist_ok=True)
                subprocess.run(["cc", "-I", root, "-c", os.path.join(root, path), "-o", made],
                               check=True)
        house = House(root, {"rules": ".", "agent": "low\nfull\nhigh / beside\n."})
        house.check_source()
        objects = house.objects(build)
        house.check_references(objects)
        house.check_variables(objects)
    finally:
        shutil.rmtree(root)
    missing = [want for want in EXPECTED
               if not any(re.match(want, line) for line in house.faults)]
    surplus = [line for line in house.faults
               if not any(re.match(want, line) for want in EXPECTED)]
    for line in missing:
        print("not found:", line)
    for line in surplus:
        print("not expected:", line)
    print(f"{len(EXPECTED)} faults of a made-up house, {len(missing)} not found, "
          f"{len(surplus)} more than expected")
    return 1 if missing or surplus else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    house = House(ROOT)
    names = house.check_source()
    objects = house.objects(sys.argv[1])
    if not objects:
        house.fault(sys.argv[1], 1, "no object files: nothing was built there")
    house.check_references(objects)
    house.check_variables(objects)
    for line in house.faults:
        print(line)
    print(f"{len(names)} files, {len(objects)} objects, {len(house.faults)} faults")
    return 1 if house.faults else 0


sys.exit(main())
