"""Messages whose structure mail programs read differently: written by hand, combined, mutated.

The same ones on every run: the generator's random numbers are its own.
"""

ZIP = b"UEsDBHNlY3JldA==\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nhello\r\n"
TOP = (b"Received: from x by y; Sun, 22 Nov 2026 10:00:00 +0000\r\nFrom: ext@outside.test\r\n"
       b"To: alice@example.org\r\nSubject: hi\r\nMIME-Version: 1.0\r\n")
FILE = (b"Content-Type: application/zip\r\nContent-Disposition: attachment; filename=\"secret.zip\""
        b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + ZIP)

# Parameters that name a file.
NAMES = [
    'filename="secret.zip"', "filename=secret.zip", "FILENAME=secret.zip", "filename = secret.zip",
    "filename=\"secret.zip\" ; x=y", "filename=\"secret.zip", "filename=secret zip.zip",
    "filename=(c)secret.zip", "filename=secret.zip(c)", "filename=(c);secret.zip",
    "(c)filename=secret.zip", "(; filename=secret.zip", "(c; filename=secret.zip",
    "x=(; filename=secret.zip", 'x="(; filename=secret.zip', 'x="\\"; filename=secret.zip',
    'x="\\\\"; filename=secret.zip', 'x="a\\"; filename="secret.zip"', "x=a\"b; filename=secret.zip",
    "x=a\"b;c\"; filename=secret.zip", "x=); filename=secret.zip", "x=(a(b); filename=secret.zip",
    "x=(a\\); filename=secret.zip", "x; filename=secret.zip", "; filename=secret.zip",
    ";; filename=secret.zip;;", "filename==secret.zip", "filename=a.txt; filename=secret.zip",
    "filename=secret.zip; filename=a.txt", "filename=a.txt; name=secret.zip",
    "filename*=utf-8''secret.zip", "filename*=utf-8'en'secret.zip", "filename*=secret.zip",
    "filename*=''secret.zip", "filename*=\"utf-8''secret.zip\"", "filename*=utf-8''secret%2ezip",
    "filename*=utf-8''secret%2", "filename*=utf-8''secret%zz.zip", "filename*=x-none''secret.zip",
    "filename*=utf-16be''%00s%00e%00.%00z%00i%00p", "filename*=utf-8'secret.zip",
    "filename*0=sec; filename*1=ret.zip", "filename*1=ret.zip; filename*0=sec",
    "filename*00=sec; filename*01=ret.zip", "filename*0=sec; filename*2=ret.zip",
    "filename*1=sec; filename*2=ret.zip", "filename*0*=utf-8''sec; filename*1=ret.zip",
    "filename*0=sec; filename*1*=ret%2ezip", "filename*0*=utf-8''sec; filename*1*=ret%2ezip",
    "filename*0=sec; filename*1*=utf-8''ret%2ezip", "filename*0=sec; filename*0=x; filename*1=.zip",
    "filename*0=\"sec\"; filename*1=\"ret.zip\"", "filename*0=a.txt; filename=secret.zip",
    "filename=secret.zip; filename*=utf-8''a.txt", "filename*=utf-8''secret.zip; filename*0=a.txt",
    "filename*10=p; filename*9=.zi; filename*0=secret; filename*1=x", "filename*-1=secret.zip",
    "filename*x=secret.zip", "filename*0**=secret.zip", "filename**=secret.zip",
    "filename*0=; filename*1=secret.zip", "name=secret.zip", "name*0=sec; name*1=ret.zip",
    'filename="=?utf-8?Q?secret=2Ezip?="', "filename==?utf-8?Q?secret=2Ezip?=",
    'filename="=?utf-8?B?c2VjcmV0LnppcA==?="', 'filename="=?utf-8?Q?sec?= =?utf-8?Q?ret=2Ezip?="',
    'filename="a=?utf-8?Q?secret=2Ezip?="', 'filename="=?x-none?Q?secret=2Ezip?="',
    "filename*=utf-8''=?utf-8?Q?secret=2Ezip?=", 'filename="dir/secret.zip"',
    'filename="c:\\\\secret.zip"', 'filename="c:\\secret.zip"', "filename=c:\\secret.zip",
    "filename=<secret.zip>", 'filename="a.txt".zip', 'filename="secret.zip"a', 'filename=""',
    "filename=", "filename", "filename='secret.zip'", 'filename="sec\\"ret.zip"',
    "filename=\"sec\r\n ret.zip\"", "filename=sec\r\n ret.zip", "file\r\n name=secret.zip",
    "filename\r\n =\r\n secret.zip", "filename=\"secret.zip.\"", "filename=\"secret.zip \"",
    "filename=\" secret.zip\"", "filename=\"secret.z\u200bip\"", "filename=\"secret.zip\u00a0\"",
    "filename=\"\uff53ecret.zip\"", "filename=se\tcret.zip", "filename=\"a;b.zip\"",
    "filename=secret.zip, x=y", "filename:secret.zip", "filename=\"" + "a" * 1200 + ".zip\"",
    "; ".join(f"p{i}=x" for i in range(120)) + "; filename=secret.zip",
    "filename=secret.zip" + "; p=x" * 120,
]

# Boundaries as declared, and as they are used.
BOUNDARIES = [
    ("b", "b"), ('"b"', "b"), ('"b b"', "b b"), ("b b", "b b"), ("b b", "b"), ("b (c)", "b"),
    ("b (c)", "b (c)"), ("(c) b", "b"), ("b(c)", "b(c)"), ('"b(c)"', "b(c)"), ('"b"c', "b"),
    ('"b"c', "bc"), ("b\"c\"", 'b"c"'), ("b\"c\"", "bc"), ("'b'", "'b'"), ("'b'", "b"),
    ("<b>", "b"), ("<b>", "<b>"), ('"b\\"c"', 'b"c'), ('"b\\c"', "bc"), ('"b\\c"', "b\\c"),
    ('"b', "b"), ("b; boundary=c", "b"), ("b; boundary=c", "c"), ('""', ""), ("", ""),
    ('" b"', " b"), ('" b"', "b"), ('"b "', "b "), ('"b "', "b"), ("b--", "b--"), ("--b", "--b"),
    ("x" * 70, "x" * 70), ("x" * 400, "x" * 400), ("x" * 3000, "x" * 3000), ("b:c/d", "b:c/d"),
    ("=_b", "=_b"), ("b=c", "b=c"), ("b\r\n c", "b c"), ('"b\r\n c"', "b c"), ('"b\r\n c"', "bc"),
    ("\u00fc", "\u00fc"), ("=?utf-8?Q?b?=", "b"), ("=?utf-8?Q?b?=", "=?utf-8?Q?b?="), ("B", "b"),
    ("b; x=(; y=z", "b"), ("x;boundary=b", "b"), ("b;", "b"), ("b,", "b"), ("b\tc", "b"),
]

# The start of a Content-Type field, to which a boundary is added, or which is of the file.
MULTIPARTS = [
    "Content-Type: multipart/mixed; boundary=b", "CONTENT-TYPE:multipart/mixed;boundary=b",
    "Content-Type : multipart/mixed; boundary=b", "Content-Type: multipart; boundary=b",
    "Content-Type: multipart/; boundary=b", "Content-Type: multipart/x/y; boundary=b",
    "Content-Type: (c) multipart/mixed; boundary=b", "Content-Type: multipart (c) /mixed; boundary=b",
    "Content-Type: multipart / mixed; boundary=b", "Content-Type: multipart/mixed boundary=b",
    "Content-Type: multipart/mixed, boundary=b", "Content-Type: multipart/mixed;\r\n\tboundary=b",
    "Content-Type:\r\n multipart/mixed; boundary=b", "Content-Type: \"multipart/mixed\"; boundary=b",
    "Content-Type: multipart/mixed; BOUNDARY=b", "Content-Type: multipart/mixed; boundary*=b",
    "Content-Type: multipart/mixed; boundary*=us-ascii''b",
    "Content-Type: multipart/mixed; boundary*0=b", "Content-Type: multipart/mixed; boundary*0*=''b",
    "Content-Type: multipart/mixed; charset=x; boundary=b",
    "Content-Type: multipart/mixed\r\nContent-Type: text/plain; boundary=b",
    "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b",
    "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain",
    "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; boundary=c",
    "Content-Type: multipart/mixed; boundary=c\r\nContent-Type: multipart/mixed; boundary=b",
    "Content-Type: multipart/alternative; boundary=b", "Content-Type: multipart/x-y; boundary=b",
    "Content-Type: multipart/signed; boundary=b", "Content-Type: multipart/digest; boundary=b",
    "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64",
    "Content-Type: multipart/mixed; boundary=b\r\nContent-Disposition: attachment; filename=a.zip",
    "junk\r\nContent-Type: multipart/mixed; boundary=b", "Content-Type: multipart/mixed; boundary=b\r\njunk",
    "X: y\r\n \r\nContent-Type: multipart/mixed; boundary=b", "X:\r\nContent-Type: multipart/mixed; boundary=b",
    ": x\r\nContent-Type: multipart/mixed; boundary=b", "X\u00fc: y\r\nContent-Type: multipart/mixed; boundary=b",
    "X: y\rContent-Type: multipart/mixed; boundary=b", "X: y\r\r\nContent-Type: multipart/mixed; boundary=b",
    "X: y\n\rContent-Type: multipart/mixed; boundary=b", "X: \0\r\nContent-Type: multipart/mixed; boundary=b",
    "Content-Type: multipart/mixed; boundary=b\0", "Content-Type: multipart/mixed\0; boundary=b",
    "Content-Type: text/plain (\r\nX: ); multipart/mixed; boundary=b",
]

# What stands between the parts in place of "\r\n--b\r\n", "--b--".
DELIMITERS = [
    b"--b\r\n", b"--b \r\n", b"--b\t\r\n", b"--b \t \r\n", b"--b\n", b"--b\r", b"--b\r\r\n", b"--bx\r\n",
    b"--b x\r\n", b"--b--x\r\n--b\r\n", b"--b--\r\n--b\r\n", b"--b-- \r\n--b\r\n", b"--b-\r\n--b\r\n",
    b"-- b\r\n", b" --b\r\n", b"\t--b\r\n", b"--B\r\n", b"\0--b\r\n", b"--b\0\r\n", b"--b\0x\r\n",
    b"--b--\r\n\r\n--b\r\n", b"--b--\r\n--b--\r\n--b\r\n", b"x--b\r\n", b"--b\r\n--b\r\n",
    b"--b" + b" " * 5000 + b"\r\n", b"--b\x0b\r\n", b"--b\x0c\r\n", b"--b\x85\r\n", b"--b\xa0\r\n",
    b"\xef\xbb\xbf--b\r\n", b"x\r--b\r\n", b"x\n--b\r\n", b"x\x0b--b\r\n", b"x\x0c--b\r\n",
    b"x\xc2\x85--b\r\n", b"x\xe2\x80\xa8--b\r\n", b"--b\r\n \r\n", b"--b--" + b"\r\n--b\r\n" * 3,
]

# The type of a file's part, without a disposition.
TYPES = [
    "application/zip", "APPLICATION/ZIP", "application / zip", "application/zip (c)", "(c) application/zip",
    "application", "application/", "/zip", "", "application/zip;", "application/zip x", "zip",
    "text/plain, application/zip", "text/csv", "text/calendar", "text/x-vcard", "text/html",
    "text/plain; name=secret.zip", "text", "text/", "text/plain/x", "textual/plain", "image/png",
    "message/rfc822", "message/global", "message/delivery-status", "message/partial",
    "message/external-body; access-type=x", "message/x-y", "message/news", "model/x", "x-y/z", "font/woff",
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
    "application/ms-tnef", "multipart/mixed", "multipart/mixed; boundary=", "audio/x; name=\"a.zip",
    "text/plain\r\nContent-Type: application/zip", "application/zip\r\nContent-Type: text/plain",
    "text/plain (", "text/plain )", "text(c)/plain", "te(c)xt/plain", "\"text/plain\"", "text/plain\0",
]

DISPOSITIONS = [
    "attachment", "inline", "ATTACHMENT", "(c) attachment", "attachment (c)", "attach\r\n ment", "foo",
    "attachment filename=secret.zip", "attachment, filename=secret.zip", "\"attachment\"", "",
    ";filename=secret.zip", "filename=secret.zip", "inline\r\nContent-Disposition: attachment",
    "attachment\r\nContent-Disposition: inline; filename=secret.zip", "attachment; (filename=secret.zip",
    "attachment (; filename=secret.zip", "=?utf-8?Q?attachment?=", "inline; filename=\"a\r\nX: y\"",
    "attachment\r\nContent-Description: secret.zip", "attachment\r\nContent-Location: secret.zip",
    "inline\r\nContent-ID: <secret.zip>", "attachment; filename=secret.zip\r\nContent-Transfer-Encoding: x-uue",
]

# Text of a message without further structure.
BODIES = [
    b"begin 644 secret.zip\r\n#4$L#\r\n`\r\nend\r\n", b"x\r\nbegin 755 a b.zip\r\n#4$L#\r\n`\r\nend\r\n",
    b"begin-base64 644 secret.zip\r\nUEsD\r\n====\r\n", b"=ybegin line=128 size=3 name=secret.zip\r\nabc\r\n=yend size=3\r\n",
    b"begin 644\r\n", b"begin of it\r\n", b"plain\r\n", b"", b"plain\rtext\r\n", b"\0\0\r\n",
]


class Random:
    """A small generator of our own: Python's may change."""

    def __init__(self, seed):
        self.state = seed

    def below(self, number):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (self.state >> 33) % number

    def choose(self, values):
        return values[self.below(len(values))]


def octets(text):
    return text.encode("utf-8")


def file_part(content_type="application/octet-stream", disposition=None, content=ZIP):
    lines = [] if content_type is None else [b"Content-Type: " + octets(content_type)]
    if disposition is not None:
        lines.append(b"Content-Disposition: " + octets(disposition))
    lines.append(b"Content-Transfer-Encoding: base64")
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def mixed(parts, header="Content-Type: multipart/mixed; boundary=b", delimiter=b"--b\r\n",
          close=b"--b--\r\n", top=TOP):
    return (top + octets(header) + b"\r\n\r\n" + b"".join(delimiter + part for part in parts) +
            close)


def nested(depth, inner, form):
    """The part within `depth` multiparts or messages."""
    for level in range(depth):
        if form == "message":
            inner = b"Content-Type: message/rfc822\r\n\r\n" + inner
        else:
            name = b"same" if form == "same" else b"n%dq" % level if form == "own" else b"n" * (level + 1)
            inner = (b"Content-Type: multipart/mixed; boundary=" + name + b"\r\n\r\n--" + name +
                     b"\r\n" + inner + (b"" if form == "open" else b"--" + name + b"--\r\n"))
    return TOP + inner


def by_hand():
    for number, name in enumerate(NAMES):
        yield f"name-{number}", mixed([TEXT, file_part(disposition="attachment; " + name)])
        yield f"type-name-{number}", mixed([TEXT, file_part("application/zip; " + name.replace("filename", "name"))])
        yield f"text-name-{number}", mixed([TEXT, file_part("text/plain; " + name.replace("filename", "name"))])
        yield f"inline-name-{number}", mixed([TEXT, file_part("text/plain", "inline; " + name)])
    for number, (declared, used) in enumerate(BOUNDARIES):
        line = b"--" + octets(used)
        yield f"boundary-{number}", mixed([TEXT, FILE], "Content-Type: multipart/mixed; boundary=" + declared,
                                          line + b"\r\n", line + b"--\r\n")
    for number, header in enumerate(MULTIPARTS):
        yield f"multipart-{number}", mixed([TEXT, FILE], header)
        yield f"inner-multipart-{number}", mixed(
            [TEXT, octets(header.replace("=b", "=i")) + b"\r\n\r\n--i\r\n" + FILE + b"--i--\r\n"])
    for number, delimiter in enumerate(DELIMITERS):
        yield f"delimiter-{number}", mixed([TEXT, FILE], delimiter=delimiter)
        yield f"second-{number}", mixed([TEXT + delimiter + FILE])
        yield f"headless-{number}", mixed([b"Content-Type: application/zip\r\n" + delimiter + FILE])
        yield f"within-{number}", mixed([TEXT, b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n" + TEXT +
                                         delimiter.replace(b"--b", b"--i") + FILE])
    for number, kind in enumerate(TYPES):
        yield f"type-{number}", mixed([TEXT, file_part(kind)])
        yield f"whole-{number}", TOP + file_part(kind)
        yield f"signed-{number}", mixed([TEXT, file_part(kind)], "Content-Type: multipart/signed; boundary=b")
    for number, disposition in enumerate(DISPOSITIONS):
        yield f"disposition-{number}", mixed([TEXT, file_part(disposition=disposition)])
        yield f"text-disposition-{number}", mixed([TEXT, file_part("text/plain", disposition)])
        yield f"untyped-{number}", TOP + file_part(None, disposition)
    for number, body in enumerate(BODIES):
        yield f"body-{number}", TOP + b"\r\n" + body
        yield f"html-{number}", TOP + b"Content-Type: text/html\r\n\r\n" + body
        yield f"leaf-{number}", TOP + b"Content-Type: application/zip\r\n\r\n" + body
        yield f"epilogue-{number}", mixed([TEXT], close=b"--b--\r\n" + body)
    for form in ("own", "same", "prefix", "open", "message"):
        for depth in (1, 2, 5, 31, 32, 33, 100):
            yield f"nested-{form}-{depth}", nested(depth, FILE, form)
    yield "bare-lf", mixed([TEXT, FILE]).replace(b"\r\n", b"\n")
    yield "bare-cr", mixed([TEXT, FILE]).replace(b"\r\n", b"\r")
    yield "crcrlf", mixed([TEXT, FILE]).replace(b"\r\n", b"\r\r\n")
    yield "lfcr", mixed([TEXT, FILE]).replace(b"\r\n", b"\n\r")
    yield "mbox", b"From x Sun Nov 22 10:00:00 2026\r\n" + mixed([TEXT, FILE])
    yield "bom", b"\xef\xbb\xbf" + mixed([TEXT, FILE])
    yield "blank", b"\r\n" + mixed([TEXT, FILE])
    yield "no-top", mixed([TEXT, FILE], top=b"")
    yield "many-parts", mixed([file_part()] * 1500)
    yield "many-texts", mixed([TEXT] * 1500 + [FILE])
    yield "many-fields", mixed([TEXT, FILE], top=TOP + b"X-Junk: y\r\n" * 20000)
    yield "long-field", mixed([TEXT, FILE], "Content-Type: multipart/mixed; x=" + "y" * 20000 + "; boundary=b")


def combined(random, count):
    """A name, a boundary, a type and a delimiter that are each unusual, or not."""
    for number in range(count):
        declared, used = random.choose(BOUNDARIES) if random.below(3) == 0 else ("b", "b")
        line = b"--" + octets(used)
        header = random.choose(MULTIPARTS) if random.below(4) == 0 else "Content-Type: multipart/mixed; boundary=b"
        parts = []
        for _ in range(1 + random.below(4)):
            disposition = random.choose(["attachment; ", "inline; ", "(x) attachment;", "ATTACHMENT;"]) + \
                random.choose(NAMES) if random.below(3) > 0 else random.choose(DISPOSITIONS)
            part = file_part(random.choose(TYPES), disposition if random.below(4) > 0 else None)
            parts.append(TEXT if random.below(3) == 0 else part)
        delimiter = random.choose(DELIMITERS) if random.below(3) == 0 else b"--b\r\n"
        message = mixed(parts, header.replace("boundary=b", "boundary=" + declared, 1),
                        delimiter.replace(b"--b", line, 1), line + b"--\r\n")
        yield f"combined-{number}", message


SPLICES = [b"\r", b"\n", b"\r\n", b"\"", b"(", b")", b"\\", b";", b"=", b"*", b"'", b"%", b"-", b"--", b" ", b"\t", b":",
           b"\0", b"\xff", b"/", b",", b"<", b">", b"\r\n ", b"\r\n\r\n", b"=?", b"?=", b"*0", b"*=", b"--b", b"--i"]


def mutated(random, count):
    bases = [message for name, message in by_hand() if len(message) < 2500]
    for number in range(count):
        message = random.choose(bases)
        for _ in range(1 + random.below(3)):
            begin = random.below(len(message)) if random.below(4) == 0 else \
                len(TOP) + random.below(max(1, len(message) - len(TOP)))
            left_out = random.below(3) == 0 and random.below(12) or 0
            splice = b"" if left_out else random.choose(SPLICES)
            message = message[:begin] + splice + message[begin + left_out:]
        yield f"mutated-{number}", message


def structures(combinations=400, mutations=600, seed=8):
    yield from by_hand()
    yield from combined(Random(seed), combinations)
    yield from mutated(Random(seed + 1), mutations)
