"""The rules of the house that no compiler knows. Arguments: the three rooms' libraries."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What each room may include of the rooms.
MAY_INCLUDE = {
    "imapclient": {"imapclient"},
    "rules": {"rules"},
    "agent": {"agent", "imapclient", "rules"},
}
FUNCTION_LINES = 70
# What is installed stands where every machine has it; a home or this checkout is of one machine.
STANDARD = {"bin", "dev", "etc", "lib", "media", "mnt", "opt", "proc", "run", "sbin", "srv", "sys",
            "tmp", "usr", "var"}
HOMES = {"home", "root", "Users", ROOT.split("/")[1]} - STANDARD
MACHINE_PATH = re.compile(
    r"(?<![\w.$}/*-])/(?:%s)/[\w.-]|%s/" % ("|".join(map(re.escape, HOMES)), re.escape(ROOT)))
# Variables that are not constant, and why each may be.
VARIABLES = {
    "agent/system/log.c": {"threshold": "the level of the whole process, known wherever a line is logged"},
    "agent/system/fault.c": dict.fromkeys(("armed_once", "armed_fault", "armed_count"),
                                   "the one fault of the environment; in test builds only"),
}

faults = []


def fault(path, number, what):
    faults.append(f"{path}:{number}: {what}")


def tracked():
    """The files that git tracks, else all that lie beside this one."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    if not names:
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
    return sorted(name for name in names if os.path.isfile(os.path.join(ROOT, name)))


def check_includes(path, lines):
    room = path.split("/")[0]
    if room not in MAY_INCLUDE:
        return
    for number, line in enumerate(lines, 1):
        included = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if included is None:
            continue
        other = included.group(1).split("/")[0]
        if other in MAY_INCLUDE and other not in MAY_INCLUDE[room]:
            fault(path, number, f"{room} may not include {other}")
        if included.group(1).startswith(".."):
            fault(path, number, "files are included by their path from the root")


def check_paths(path, lines):
    if path == ".gitignore":
        return  # its paths begin at the root of the checkout
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            fault(path, number, f"names a path of one machine: {line.strip()[:80]}")


def check_functions(path, lines):
    """clang-format puts a function's braces, and no others, alone on a line's first column."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin + 1 > FUNCTION_LINES:
                fault(path, begin, f"a function of {number - begin + 1} lines, "
                                   f"over {FUNCTION_LINES}")
            begin = None


def writable_symbols(library):
    """(object file, variable) of all that lies in a section that stays writable."""
    dump = subprocess.run(["objdump", "-t", library], stdout=subprocess.PIPE, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout.decode()
    member = None
    for line in dump.splitlines():
        heading = re.match(r"(\S+\.o):\s+file format", line)
        if heading:
            member = heading.group(1)
        symbol = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (?:\.\w+ )?(\S+)$", line)
        if symbol is None or "O" not in symbol.group(1):
            continue
        section, name = symbol.group(2), symbol.group(3)
        if re.match(r"(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)", section):
            yield member, re.sub(r"\.\d+$", "", name)


def check_variables(library):
    room = re.match(r"lib(\w+)\.a$", os.path.basename(library)).group(1)
    for member, name in writable_symbols(library):
        path = f"{room}/{member[:-len('.o')]}"
        if name.startswith(("__", ".L", "___")):
            continue  # the sanitizers' own
        if name not in VARIABLES.get(path, {}):
            fault(path, 1, f"the variable {name} is not constant")


def main():
    names = tracked()
    for path in names:
        try:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except UnicodeDecodeError:
            continue  # a sample of mail
        check_paths(path, lines)
        if path.endswith((".c", ".h")):
            check_includes(path, lines)
            if path.split("/")[0] in MAY_INCLUDE:  # a test's table may be longer
                check_functions(path, lines)
    for library in sys.argv[1:]:
        check_variables(library)
    for line in faults:
        print(line)
    print(f"{len(names)} files, {len(sys.argv) - 1} libraries, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
