"""A throw-away certificate authority, made with the openssl command."""

import os
import subprocess


def _openssl(*arguments):
    done = subprocess.run(("openssl",) + arguments, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError("openssl %s: %s" % (arguments[0], done.stdout.decode(errors="replace")))


class Authority:
    """One CA in `directory`; certificate() makes server certificates of it."""

    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.key = os.path.join(directory, name + ".key")
        self.cert = os.path.join(directory, name + ".pem")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "30",
                 "-subj", "/CN=mailvigil test %s" % name,
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        os.chmod(self.cert, 0o644)

    def certificate(self, name, alternatives="DNS:localhost,IP:127.0.0.1", expired=False):
        """Paths of (certificate, key); alternatives is the subjectAltName."""
        base = os.path.join(self.directory, name)
        key, request, cert, extensions = base + ".key", base + ".csr", base + ".pem", base + ".ext"
        with open(extensions, "w") as out:
            out.write("[server]\nsubjectAltName=%s\nextendedKeyUsage=serverAuth\n" % alternatives)
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=" + name)
        if expired:
            self._sign_expired(base, request, cert, extensions)
        else:
            _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                     "-CAcreateserial", "-days", "30", "-out", cert,
                     "-extfile", extensions, "-extensions", "server")
        return cert, key

    def _sign_expired(self, base, request, cert, extensions):
        # Only `openssl ca` lets both dates be chosen.
        config = base + ".ca"
        with open(config, "w") as out:
            out.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s.db\nserial=%s.serial\nnew_certs_dir=%s\n"
                      "policy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n"
                      % (base, base, self.directory))
        open(base + ".db", "w").close()
        _openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.cert,
                 "-keyfile", self.key, "-md", "sha256", "-startdate", "20200101000000Z",
                 "-enddate", "20200201000000Z", "-in", request, "-out", cert,
                 "-extfile", extensions, "-extensions", "server")
