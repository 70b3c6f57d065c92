"""Messages for the tests."""

import base64
import random


def message(subject="hello", sender="outside@elsewhere.test", to="alice@example.org", body=None,
            cc=None, bcc=None, fields=(), message_id=None, size=None, received=False,
            date="Mon, 02 Feb 2026 10:00:00 +0000"):
    """Octets with CRLF. size: pads the body so that the whole has exactly so many octets."""
    lines = []
    if received:
        lines.append("Received: from mx.elsewhere.test by mail.example.org; " + date)
    if sender is not None:
        lines.append("From: " + sender)
    if to is not None:
        lines.append("To: " + to)
    lines += ["%s: %s" % pair for pair in (("Cc", cc), ("Bcc", bcc)) if pair[1] is not None]
    if subject is not None:
        lines.append("Subject: " + subject)
    lines.append("Date: " + date)
    lines.append("Message-ID: " + (message_id or "<%s@elsewhere.test>"
                                   % "".join(random.choices("abcdefghijkmnpqrst", k=16))))
    lines += list(fields)
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
    if body is None:
        body = b"A line of text.\r\n"
    elif isinstance(body, str):
        body = body.encode()
    if size is not None:
        body = padding(size - len(head))
    return head + body


def padding(octets):
    """So many octets of text in lines, the last one ended."""
    line = b"The quick brown fox jumps over the lazy dog and back again.\r\n"
    text = line * (octets // len(line) + 1)
    if octets < 2:
        return b"x" * octets
    return text[:octets - 2] + b"\r\n"


def with_attachment(name, kind="application/octet-stream", content=b"content", **keys):
    """multipart/mixed: a text and one attachment."""
    boundary = "=_boundary_of_the_test"
    body = ("--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the attachment.\r\n"
            "--%s\r\nContent-Type: %s; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment; filename=\"%s\"\r\n\r\n%s--%s--\r\n"
            % (boundary, boundary, kind, name, name,
               base64.encodebytes(content).decode().replace("\n", "\r\n"), boundary))
    fields = list(keys.pop("fields", ())) + [
        "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="%s"' % boundary]
    return message(body=body, fields=fields, **keys)


def backlog(count, total, seed=1):
    """`count` messages of about `total` octets in all, sizes spread as in real mail: many small,
    few big (log-normal), bodies that do not repeat."""
    chance = random.Random(seed)
    sizes = [min(chance.lognormvariate(0, 1.6), 120.0) for _ in range(count)]
    scale = total / sum(sizes)
    pool = base64.encodebytes(chance.randbytes(1 << 20)).replace(b"\n", b"\r\n")
    for number, size in enumerate(sizes):
        octets = max(int(size * scale) - 400, 200)
        body = []
        while octets > 0:
            at = chance.randrange(0, len(pool) - 100) // 78 * 78
            body.append(pool[at:at + min(octets, 200000)])
            octets -= len(body[-1])
        text = b"".join(body)
        yield message(subject="message number %d" % number, received=True,
                      message_id="<backlog-%d-%d@elsewhere.test>" % (seed, number),
                      body=text[:text.rfind(b"\r\n") + 2] or b"short\r\n")
