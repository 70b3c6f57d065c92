"""Whatever Python's email package or GMime shows as a file is an attachment to us, or in doubt.

compare.py READ_BODY READ_GMIME [COMBINATIONS MUTATIONS SEED]
"""
import email
import email.policy
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

import structures

HERE = os.path.dirname(os.path.abspath(__file__))
DOUBT_ATTACHMENTS = 1
SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}


def write_all(folder, arguments):
    """The messages that are generated, and the samples; paths."""
    paths = []
    for name, message in structures.structures(*arguments):
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "wb") as file:
            file.write(message)
    samples = os.path.join(os.path.dirname(HERE), "samples")
    paths += [os.path.join(samples, name) for name in sorted(os.listdir(samples)) if name.endswith(".eml")]
    return paths


def run(program, paths):
    """A program's lines of JSON, by the name of the file."""
    found = {}
    for begin in range(0, len(paths), 500):
        output = subprocess.run([program] + paths[begin:begin + 500], stdout=subprocess.PIPE, check=True).stdout
        for line in output.split(b"\n"):
            if line:
                result = json.loads(line)
                found[result["file"]] = result
    return found


def by_python(path, policy):
    """(type, name or None) of what this policy shows as files."""
    files = []
    with open(path, "rb") as file:
        octets = file.read()
    try:
        message = email.message_from_bytes(octets, policy=policy)
    except Exception:  # as below
        return files
    for part in message.walk():
        try:
            name = part.get_filename()
            disposition = part.get_content_disposition()
        except Exception:  # the package has faults of its own with fields that are malformed
            name = disposition = None
        leaf = not part.is_multipart() and part.get_content_maintype() not in ("text", "multipart")
        if name is not None or disposition == "attachment" or leaf or part.get_content_maintype() == "message":
            files.append((part.get_content_type(), None if name is None else str(name)))
    return files


def readable(name):
    """As the octets that were sent, where Python makes surrogates of them; without controls."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = text.replace("\r", "").replace("\n", "")
    return "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in text)


def ascii_of(name):
    return "".join(c for c in name if ord(c) < 128).strip()


def main_type(kind):
    return re.sub(r"\(.*?\)", "", kind).lower().split("/")[0].strip()


def is_signature(kind, name):
    """Of a signed message: left out, as mailvigil.conf(5) says."""
    return kind in SIGNATURES and (name is None or name.endswith((".asc", ".p7s", ".sig", ".pgp")))


def missing(ours, files, signed):
    """What others show and we neither have nor doubt."""
    if ours["doubt"] & DOUBT_ATTACHMENTS:
        return []
    if signed:
        files = [shown for shown in files if not is_signature(*shown)]
    names = {readable(name) for attachment in ours["attachments"] for name in attachment["names"]}
    unseen = []
    for kind, name in files:
        if name is None or readable(name).strip() == "":
            if main_type(kind) not in {main_type(a["type"]) for a in ours["attachments"]}:
                unseen.append((kind, name))
        elif readable(name) not in names and readable(name).strip() not in names and not (
                "\ufffd" in name and ascii_of(name) in {ascii_of(n) for n in names}):
            unseen.append((kind, name))
    if not unseen and len(files) > len(ours["attachments"]):
        unseen.append(("more of them", None))
    return unseen


def known():
    """Lines of known.txt: the beginning of a file's name, a tab, the reader, a tab, the reason."""
    with open(os.path.join(HERE, "known.txt"), encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if line.strip() and line[0] != "#"]


def main():
    warnings.simplefilter("ignore")
    read_body, read_gmime = sys.argv[1:3]
    arguments = [int(argument) for argument in sys.argv[3:]]
    excused, used, wrong, doubted = known(), set(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        paths = write_all(folder, arguments)
        ours = run(read_body, paths)
        gmime = run(read_gmime, paths)
        for path in paths:
            doubted += ours[path]["doubt"] & DOUBT_ATTACHMENTS
            readers = {"gmime": [tuple(f) for f in gmime[path]["files"]],
                       "compat32": by_python(path, email.policy.compat32),
                       "default": by_python(path, email.policy.default)}
            with open(path, "rb") as file:
                signed = b"multipart/signed" in file.read()
            for reader, files in readers.items():
                unseen = missing(ours[path], files, signed)
                if not unseen:
                    continue
                name = os.path.basename(path)
                reasons = [line for line in excused if name == line[0] and line[1] in (reader, "any")]
                used.update(tuple(line) for line in reasons)
                if not reasons:
                    wrong += 1
                    print(f"{name}: {reader} shows {unseen}, we {ours[path]['attachments']}")
                    if "KEEP" in os.environ:
                        os.system(f"cp {path} {os.environ['KEEP']}/")
    for line in excused:
        if tuple(line) not in used and not arguments:
            wrong += 1
            print(f"known.txt: {line[0]} is not needed")
    print(f"{len(paths)} messages, {doubted} in doubt, {wrong} wrong")
    assert len(paths) >= 300
    return 1 if wrong else 0


sys.exit(main())
