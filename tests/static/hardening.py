"""How the programs are hardened, read from the binaries. Then the same of a small
program that is built without one of these protections after the other: each must be missed.

hardening.py [--cet] [--fortify] COMPILER PROGRAM..."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

COMPILE = ["-O2", "-fPIE", "-fstack-protector-strong"]
LINK = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
CET, FORTIFY = ["-fcf-protection"], ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
# Options that take one protection away, and what must then be found.
TAKEN_AWAY = [
    (["-fno-pie", "-no-pie"], "is not position-independent"),
    (["-Wl,-z,norelro"], "has no RELRO segment"),
    (["-Wl,-z,lazy"], "does not bind its symbols at once"),
    (["-Wl,-z,execstack"], "has an executable stack"),
    (["-Wl,-rpath,/usr/lib/elsewhere"], "has a path to libraries of its own"),
    (["-fno-stack-protector"], "has no stack protector"),
]
TAKEN_CET = (["-fcf-protection=none"], "does not mark the targets of branches")
TAKEN_FORTIFY = (["-U_FORTIFY_SOURCE"], "calls no checked function of libc")
SMALL = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[64];
    strcpy(text, argv[argc - 1]);
    return puts(text) < 0;
}
"""


def output_of(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def readelf(options, program):
    return output_of("readelf", "-W", options, program)


def marks_branches(program):
    """Whether main() is marked as a branch's target. The note of IBT and SHSTK would say it of the
    whole, but the linker leaves it out where libc's startup code has none (Debian 12)."""
    code = output_of("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", program)
    return re.search(r"<main>:\n\s+\w+:\s+endbr(32|64)\b", code) is not None


def missing(program, wanted):
    """What the program lacks of what is wanted."""
    header, dynamic = readelf("-lh", program), readelf("-d", program)
    symbols = readelf("--dyn-syms", program)
    if not re.search(r"Type:\s+DYN", header):
        yield "is not position-independent"
    if "GNU_RELRO" not in header:
        yield "has no RELRO segment"
    if not re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", dynamic):
        yield "does not bind its symbols at once"
    if not re.search(r"GNU_STACK.* RW +0x", header):
        yield "has an executable stack"
    if re.search(r"RPATH|RUNPATH", dynamic):
        yield "has a path to libraries of its own"
    if "TEXTREL" in dynamic:
        yield "has relocations in its text"
    if "__stack_chk_fail" not in symbols:
        yield "has no stack protector"
    if wanted.cet and not marks_branches(program):
        yield "does not mark the targets of branches"
    if wanted.fortify and not re.search(r" __\w+_chk\b(?<!stack_chk)", symbols):
        yield "calls no checked function of libc"


def small_program(folder, compiler, compile_options, link_options):
    source, program = os.path.join(folder, "small.c"), os.path.join(folder, "small")
    with open(source, "w", encoding="ascii") as file:
        file.write(SMALL)
    subprocess.run([compiler, *compile_options, source, "-o", program, *link_options], check=True,
                   stderr=subprocess.DEVNULL)
    return program


def test_of_the_test(wanted):
    """What is found wrong in small programs whose faults are known."""
    options, cases = list(COMPILE), [([], None), *TAKEN_AWAY]
    if wanted.cet:
        options += CET
        cases.append(TAKEN_CET)
    if wanted.fortify:
        options += FORTIFY
        cases.append(TAKEN_FORTIFY)
    for taken, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            program = small_program(folder, wanted.compiler, options + taken, LINK + taken)
            found = list(missing(program, wanted))
        if found != ([expected] if expected else []):
            yield f"a small program built with {taken} {found}, expected: {expected}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cet", action="store_true", help="-fcf-protection is expected")
    parser.add_argument("--fortify", action="store_true", help="_FORTIFY_SOURCE is expected")
    parser.add_argument("compiler")
    parser.add_argument("programs", nargs="+")
    wanted = parser.parse_args()
    faults = [f"{program} {what}" for program in wanted.programs
              for what in missing(program, wanted)]
    faults += test_of_the_test(wanted)
    for line in faults:
        print(line)
    print(f"{len(wanted.programs)} programs, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
