"""What gcov counted, as a table: folders with what is below them, files on request.

coverage.py BUILD [--files] [--missed] [ROOM...]"""
import argparse
import collections
import itertools
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ("agent", "imapclient", "rules")
AT_ONCE = 50  # objects for one gcov


def notes(build):
    """gcov's notes of each object; without an object beside them they are of an older build."""
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(build, room)):
            for name in sorted(names):
                path = os.path.abspath(os.path.join(folder, name))
                if path.endswith(".gcno") and os.path.exists(path[:-len(".gcno")] + ".o"):
                    yield path


def documents(paths):
    """gcov's JSON: one document an object, one a line."""
    for begin in range(0, len(paths), AT_ONCE):
        out = subprocess.run(["gcov", "--json-format", "--stdout", *paths[begin:begin + AT_ONCE]],
                             check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for line in out.decode().splitlines():
            if line.strip():
                yield json.loads(line)


def count_lines(build):
    """{file: {line: how often}}, summed over all objects that the file is compiled into."""
    counts = collections.defaultdict(collections.Counter)
    for document in documents(list(notes(build))):
        for file in document["files"]:
            path = os.path.join(document["current_working_directory"], file["file"])
            name = os.path.relpath(os.path.realpath(path), os.path.realpath(ROOT))
            if name.split(os.sep)[0] not in ROOMS or not os.path.exists(path):
                continue
            for line in file["lines"]:
                counts[name][line["line_number"]] += line["count"]
    return counts


def folders_of(name):
    """agent/probe/state.c is in agent/probe and in agent."""
    parts = name.split(os.sep)[:-1]
    return [os.sep.join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def is_within(name, rooms):
    return not rooms or any(name == room or name.startswith(room + os.sep) for room in rooms)


def missed_ranges(lines):
    """"12-17 40": the stretches of code that were never reached, as line numbers."""
    texts = []
    for reached, stretch in itertools.groupby(sorted(lines), lambda number: lines[number] > 0):
        numbers = list(stretch)
        if not reached:
            texts.append(f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else str(numbers[0]))
    return " ".join(texts)


def covered_lines(lines):
    return sum(count > 0 for count in lines.values())


def print_row(name, lines, covered, width):
    print(f"{name:<{width}} {lines:>7} {covered:>8} {100 * covered / lines:>8.1f}")


def print_table(counts, rooms, with_files):
    folders = collections.defaultdict(lambda: [0, 0])
    for name, lines in counts.items():
        for folder in [f for f in folders_of(name) if is_within(f, rooms)]:
            folders[folder][0] += len(lines)
            folders[folder][1] += covered_lines(lines)
    width = max(map(len, [*folders, "total", *(counts if with_files else [])]))
    print(f"{'room':<{width}} {'lines':>7} {'covered':>8} {'percent':>8}")
    for folder in sorted(folders):
        print_row(folder, *folders[folder], width)
    print_row("total", sum(map(len, counts.values())), sum(map(covered_lines, counts.values())),
              width)
    for name in sorted(counts) if with_files else []:
        print_row(name, len(counts[name]), covered_lines(counts[name]), width)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("rooms", nargs="*")
    arguments = parser.parse_intermixed_args()
    rooms = [os.path.normpath(room) for room in arguments.rooms]
    counts = {name: lines for name, lines in count_lines(arguments.build).items()
              if lines and is_within(name, rooms)}
    if not counts:
        print("No counts: no such room, or nothing was built with --coverage", file=sys.stderr)
        return 2
    print_table(counts, rooms, arguments.files)
    for name in sorted(counts) if arguments.missed else []:
        if covered_lines(counts[name]) < len(counts[name]):
            print(f"{name}: {missed_ranges(counts[name])}")
    return 0


sys.exit(main())
