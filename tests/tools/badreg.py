#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A registry that misbehaves, for tests of imgfetch. What it does wrong is the repository's name.

badreg.py DIR: listens on four ports of 127.0.0.1: the registry; "elsewhere", which only logs and
serves blobs; and, if DIR/tls.pem holds a certificate and its key, the registry over TLS, and once more
for clients that show this certificate. Writes "PORT PORT2 PORT3 PORT4" to DIR/ports when ready, and
each request as one line "PORT METHOD PATH authorization [form]" to DIR/log. Ends when its standard input does.
"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import socket
import ssl
import struct
import sys
import tarfile
import threading
import time

sys.dont_write_bytecode = True
from authreg import Auth  # noqa: E402

OCI = "application/vnd.oci.image."
MANIFEST, INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
CONFIG, LAYER = OCI + "config.v1+json", OCI + "layer.v1.tar+gzip"
LOGIN = "Basic " + base64.b64encode(b"teacher:s3cret").decode()

blobs = {}  # digest -> bytes
counts = {}  # (repository, what) -> how often asked
lock = threading.Lock()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(data):
    blobs[digest(data)] = data
    return digest(data)


def digest512(data):
    return "sha512:" + hashlib.sha512(data).hexdigest()


def desc512(data, media_type, really=None):
    """Known by its SHA-512 only, which is that of something else if there is `really`."""
    blobs[digest512(data)] = data if really is None else really
    return {"mediaType": media_type, "digest": digest512(data), "size": len(data)}


def desc(data, media_type, **more):
    return {"mediaType": media_type, "digest": put(data), "size": len(data), **more}


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))
    return out.getvalue()


# Incompressible, so that the blob is large enough to be cut in the middle.
NOISE = b"".join(hashlib.sha256(struct.pack("<I", i)).digest() for i in range(8192))
TAR = tar({"etc/motd": b"good\n", "noise": NOISE})
BLOB = gzip.compress(TAR, mtime=0)


def config(arch="amd64", diff_ids=None, **more):
    return json.dumps({
        "os": "linux", "architecture": arch,
        "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest(TAR)]},
        "config": {"Env": ["GREETING=hello"], "Cmd": ["/bin/sh"]}, **more}).encode()


def manifest(conf=None, layers=None, **more):
    doc = {"schemaVersion": 2, "mediaType": MANIFEST,
           "config": desc(conf or config(), CONFIG),
           "layers": [desc(BLOB, LAYER)] if layers is None else layers, **more}
    return json.dumps(doc).encode()


def index(*entries, **more):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX,
                       "manifests": list(entries), **more}).encode()


def platform(os_, arch, **more):
    return {"platform": {"os": os_, "architecture": arch, **more}}


def own_arch():
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


OWN = own_arch()
GOOD = manifest(config(OWN))
ATTESTATION = manifest(b'{"x":1}')


def deep(levels):
    doc = GOOD
    for _ in range(levels):
        doc = index(desc(doc, INDEX if doc is not GOOD else MANIFEST))
    return doc


def manifest512(conf=None, layer=None):
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer or desc512(BLOB, LAYER)],
                       "config": conf or desc512(config(OWN), CONFIG)}).encode()


# repository -> manifest or index
documents = {
    "sha512": manifest512(),
    "sha512-index": index({**desc512(manifest512(), MANIFEST), **platform("linux", OWN)}),
    "sha512-layer": manifest512(layer=desc512(BLOB[:-1] + b"x", LAYER, BLOB)),
    "sha512-config": manifest512(conf=desc512(config(OWN).replace(b"hello", b"hullo"), CONFIG,
                                               config(OWN))),
    "sha512-diffid": manifest(config(OWN, diff_ids=[digest512(TAR)])),
    "index": index(desc(manifest(config("s390x")), MANIFEST, **platform("linux", "s390x")),
                   desc(ATTESTATION, MANIFEST, **platform("unknown", "unknown")),
                   desc(GOOD, MANIFEST, **platform("linux", OWN))),
    "other-platform": index(
        desc(manifest(config("s390x")), MANIFEST, **platform("linux", "s390x")),
        desc(ATTESTATION, MANIFEST, **platform("linux", OWN),
             annotations={"vnd.docker.reference.type": "attestation-manifest"})),
    "wrong-arch": manifest(config("s390x")),
    "nested": deep(2),
    "nested-two": index(*(desc(index(*entries), INDEX) for entries in (
        [desc(manifest(config("s390x")), MANIFEST, **platform("linux", "s390x"))],
        [desc(ATTESTATION, MANIFEST, **platform("unknown", "unknown"))],
        [desc(GOOD, MANIFEST, **platform("linux", OWN))]))),
    "nested-none": index(*(desc(index(desc(manifest(config(arch)), MANIFEST, **platform("linux", arch))),
                                INDEX) for arch in ("s390x", "mips"))),
    "nested-many": index(*(desc(index(desc(manifest(config("s390x")), MANIFEST,
                                           **platform("linux", "s390x")), x=i), INDEX)
                           for i in range(40))),
    "too-deep": deep(3),
    "index-size": index({**desc(GOOD, MANIFEST, **platform("linux", OWN)), "size": 0}),
    "not-json": b"<html>Welcome to the hotel network</html>",
    "empty": b"",
    "zero-layers": manifest(config(OWN, diff_ids=[]), layers=[]),
    "schema1": b'{"schemaVersion":1,"name":"x","fsLayers":[{"blobSum":"sha256:00"}]}',
    "artifact": json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/spdx+json",
        "config": desc(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [desc(b"{}", "application/spdx+json")]}).encode(),
    "both": json.dumps({**json.loads(GOOD), "manifests": []}).encode(),
    "foreign": manifest(config(OWN), [desc(BLOB, LAYER, urls=["file:///etc/passwd"])]),
    "wrong-diffid": manifest(config(OWN, diff_ids=[digest(b"something else")])),
    "diffid-count": manifest(config(OWN, diff_ids=[digest(TAR), digest(TAR)])),
    "not-gzip": manifest(config(OWN), [desc(b"\x1f\x8b" + b"x" * 500, LAYER)]),
    "hollow": manifest(config(OWN), [desc(gzip.compress(b"", mtime=0) * 160000 + BLOB, LAYER)]),
    "dup-keys": GOOD[:-1] + b',"layers":[]}',
    "evil-dir": manifest(config(OWN, config={"WorkingDir": "/a\u202eb\u0085\ufeff"})),
    "evil-env": manifest(config(OWN, config={"Env": ["A=\x1b[31mred\nB=2"]})),
    "size-wrong": manifest(config(OWN), [{"mediaType": LAYER, "digest": put(BLOB),
                                          "size": len(BLOB) - 1}]),
}
for name in """
    layer-digest layer-cut layer-end layer-flaky layer-flaky-norange layer-flaky-badrange layer-endless
    layer-long layer-short layer-lie layer-404 layer-slow layer-loop layer-hops
    layer-many-hops layer-file layer-far layer-elsewhere layer-elsewhere-open layer-metadata
    config-digest reset-once busy-once busy limited token basic realm-elsewhere realm-metadata
    good manifest-digest manifest-end manifest-end-once header-digest denied escapes endless header headers head-body type-lie no-head
    layer-flaky-416 layer-encoded layer-encoded-name wait-once wait-date wait-long layer-client token-garbage token-busy-once token-wait token-never teapot realm-metadata-tls layer-metadata-tls
    """.split():
    documents[name] = GOOD


def many_layers(count):
    tars = [tar({f"file{i}": NOISE[i:]}) for i in range(count)]
    return manifest(config(OWN, diff_ids=[digest(t) for t in tars]),
                    [desc(gzip.compress(t, 1, mtime=0), LAYER) for t in tars])


for name in """
    identity rotate nopost post-here post-there post-get direct resume brief ngc both norealm never echo led once
    """.split():
    documents[f"auth-{name}"] = GOOD
documents["auth-expire"] = many_layers(8)


class Handler(Auth, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    elsewhere = False
    form = ""

    def log_message(self, *args):
        pass

    def note(self):
        with lock, open(os.path.join(sys.argv[1], "log"), "a") as log:
            print(self.server.server_port, self.command, self.path,
                  self.headers.get("Authorization", "-"), *self.form.split(), file=log)

    def count(self, what):
        with lock:
            counts[self.repo, what] = counts.get((self.repo, what), 0) + 1
            return counts[self.repo, what]

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.wfile.flush()

    def error(self, status, code="", message="", **headers):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, Content_Type="application/json", **headers)

    def reset(self):
        """End the connection rudely."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def end_early(self, data, length):
        """Without a length, nobody knows that it is not all."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data[:length])
        self.close_connection = True

    def pour(self, piece, pause=0.0):
        """An answer without an end; until the other side has enough."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        stop = threading.Event()
        try:
            while not stop.wait(pause):
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            self.form = ""
        self.do_GET()

    def do_GET(self):
        self.note()
        self.ports = self.server.ports
        path = self.path.split("?")[0]
        parts = path.strip("/").split("/")
        self.repo = parts[1] if len(parts) > 1 else ""
        if self.elsewhere:
            return self.answer(200, blobs.get(parts[-1], b'{"token":"stolen"}'))
        if self.auth_handles(path):
            return None
        if path == "/token":
            return self.token()
        if path.startswith("/hop/"):
            return self.hop(parts)
        if len(parts) < 4 or parts[0] != "v2":
            return self.answer(404, b"no such page")
        if parts[2] == "manifests":
            return self.manifest(parts[3])
        return self.blob(parts[3])

    # ---- logging in ----

    def token(self):
        if "service=garbage" in self.path:
            return self.answer(200, b'{"token":"a\\r\\nX-Evil: 1"}')
        if "service=busy" in self.path and self.count("token") == 1:
            return self.answer(503)
        if "service=wait" in self.path and self.count("token") == 1:
            return self.answer(429, Retry_After="1")
        if "service=never" in self.path:
            return self.answer(429, Retry_After="3600")
        if self.headers.get("Authorization") == LOGIN:
            return self.answer(200, b'{"access_token":"private","expires_in":60}')
        return self.answer(200, b'{"token":"public"}')

    def challenge(self):
        """True if the request was refused."""
        got, (here, there, *_) = self.headers.get("Authorization"), self.ports
        bearer = {"token": f"http://127.0.0.1:{here}/token",
                  "token-garbage": f"http://127.0.0.1:{here}/token",
                  "token-busy-once": f"http://127.0.0.1:{here}/token",
                  "token-wait": f"http://127.0.0.1:{here}/token",
                  "token-never": f"http://127.0.0.1:{here}/token",
                  "layer-elsewhere": f"http://127.0.0.1:{here}/token",
                  "realm-elsewhere": f"http://127.0.0.1:{there}/token",
                  "realm-metadata": "http://169.254.169.254/latest/",
                  "realm-metadata-tls": "https://169.254.169.254/latest/"}.get(self.repo)
        if self.repo == "basic" and got != LOGIN:
            self.error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="here"')
            return True
        if bearer and got not in ("Bearer public", "Bearer private"):
            service = {"token-garbage": "garbage", "token-busy-once": "busy", "token-wait": "wait",
                       "token-never": "never"}.get(self.repo, "test")
            self.error(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{bearer}",'
                       f'service="{service}",scope="repository:{self.repo}:pull"')
            return True
        return False

    # ---- manifests ----

    def manifest(self, name):
        if self.challenge():
            return
        n = self.count("manifest")
        if self.repo not in documents or name == "missing":
            code = "MANIFEST_UNKNOWN" if self.repo in documents else "NAME_UNKNOWN"
            return self.error(404, code, "not here")
        data = blobs.get(name, documents[self.repo])
        if self.repo == "reset-once" and n == 1:
            return self.reset()
        if self.repo == "busy-once" and n == 1:
            return self.error(503, "UNAVAILABLE", Retry_After="0")
        if self.repo == "busy":
            return self.error(503, "UNAVAILABLE", "come back later")
        if self.repo == "limited":
            return self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600",
                              RateLimit_Limit="100;w=21600", RateLimit_Remaining="0;w=21600")
        if self.repo == "wait-once" and n == 1:
            return self.error(429, "TOOMANYREQUESTS", Retry_After="1")
        if self.repo == "wait-date" and n == 1:
            return self.error(503, "UNAVAILABLE", Retry_After=self.date_time_string(time.time() + 2))
        if self.repo == "wait-long":
            return self.error(429, "TOOMANYREQUESTS", Retry_After="50")
        if self.repo == "denied":
            return self.error(403, "DENIED", "requested access to the resource is denied")
        if self.repo == "teapot":
            return self.error(418, "", "")
        if self.repo == "escapes":
            return self.error(404, "\x1b]0;evil\x07", "a\x1b[2Jb\nsecond line")
        if self.repo == "endless" and self.command == "GET":
            return self.pour(b"{" * 65536)
        if self.repo == "header":
            return self.answer(200, data, X="x" * 200000)
        if self.repo == "headers":
            return self.answer(200, data, **{f"X-{i}": "x" * 1000 for i in range(99)})
        if self.repo == "no-head" and self.command == "HEAD":
            return self.answer(405)
        if self.repo.startswith("manifest-end"):
            if self.command == "HEAD":
                return self.answer(405)
            whole = self.repo == "manifest-end-once" and self.count("get") > 1
            return self.end_early(data, len(data) if whole else len(data) // 2)
        if self.repo == "manifest-digest":
            data = documents["index"]
        if self.repo.startswith("sha512"):
            return self.answer(200, data, Content_Type=INDEX if b'"manifests"' in data else MANIFEST,
                               Docker_Content_Digest=digest512(data))
        said = digest(b"other") if self.repo == "header-digest" else digest(data)
        kind = INDEX if self.repo == "type-lie" or b'"manifests"' in data else MANIFEST
        extra = {} if self.repo == "no-head" else {"Docker_Content_Digest": said}
        self.answer(200, data, Content_Type=kind, **extra)
        if self.repo == "head-body" and self.command == "HEAD":
            time.sleep(0.3)  # until the next request is on its way
            self.wfile.write(b"what HEAD does not have")

    # ---- blobs ----

    def hop(self, parts):
        """/hop/N/TARGET: N redirects to go."""
        left = int(parts[1])
        if left == 0:
            return self.answer(200, blobs[parts[2]])
        self.answer(302, Location=f"/hop/{left - 1}/{parts[2]}")

    def blob(self, name):
        if self.challenge():
            return
        if name not in blobs:
            return self.error(404, "BLOB_UNKNOWN")
        data, (here, there, *_) = blobs[name], self.ports
        is_layer = data is BLOB or len(data) > 65536
        if not is_layer:
            if self.repo == "config-digest":
                data = data.replace(b"hello", b"hullo")
            return self.answer(200, data)
        if self.auth_blob(data):
            return None
        n, half = self.count("layer"), len(data) // 2
        what = self.repo
        if what == "layer-digest":
            return self.answer(200, data[:half] + bytes([data[half] ^ 1]) + data[half + 1:])
        if what == "layer-cut" or what.startswith("layer-flaky") and n == 1:
            begin = self.range_start() if what == "layer-cut" else 0
            self.answer(206 if begin else 200, data[begin:begin + 1000] if begin else data[:half],
                        len(data) - begin,
                        Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
            return self.reset()
        if what == "layer-end":
            return self.end_early(data, half)
        if what == "layer-flaky-norange" or not what.startswith("layer-"):
            return self.answer(200, data)
        if what == "layer-flaky-416":
            if self.range_start():
                return self.error(416, "", "", Content_Range=f"bytes */{len(data)}")
            return self.answer(200, data)
        if what == "layer-encoded":  # compressed once more on the way, which nobody asked for
            return self.answer(200, gzip.compress(data), Content_Encoding="gzip")
        if what == "layer-encoded-name":  # the name of what it is anyway
            return self.answer(200, data, Content_Encoding="gzip")
        if what == "layer-flaky":
            begin = self.range_start()
            return self.answer(206, data[begin:],
                               Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if what == "layer-flaky-badrange":
            if self.range_start():
                return self.answer(206, data[1:],
                                   Content_Range=f"bytes 1-{len(data) - 1}/{len(data)}")
            return self.answer(200, data)
        if what == "layer-endless":
            return self.pour(data)
        if what == "layer-slow":
            return self.pour(b"x", 0.2)
        if what == "layer-long":
            return self.answer(200, data + b"x")
        if what == "layer-short":
            return self.answer(200, data[:-1])
        if what == "layer-lie":
            self.answer(200, data, len(data) + 10)
            return self.reset()
        if what == "layer-404":
            return self.error(404, "BLOB_UNKNOWN", "gone")
        target = {"layer-loop": self.path,
                  "layer-hops": f"/hop/4/{name}",
                  "layer-many-hops": f"/hop/5/{name}",
                  "layer-file": "file:///etc/passwd",
                  "layer-far": "/" + "x" * 9000,
                  "layer-elsewhere": f"http://127.0.0.1:{there}/x/{name}",
                  "layer-elsewhere-open": f"http://127.0.0.1:{there}/x/{name}",
                  "layer-client": f"https://0.0.0.0:{self.ports[3]}/v2/good/blobs/{name}",
                  "layer-metadata": "http://169.254.169.254/latest/meta-data/",
                  "layer-metadata-tls": "https://169.254.169.254/latest/meta-data/"}[what]
        self.answer(307, Location=target)

    def range_start(self):
        header = self.headers.get("Range", "bytes=0-")
        return int(header[len("bytes="):].rstrip("-"))


class Elsewhere(Handler):
    elsewhere = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The other side went away, as it should; or it failed to say who it is. Then it is to
        hear so: an answer is lost when a connection is closed with something unread."""
        try:
            with socket.socket(fileno=os.dup(request.fileno())) as raw:
                raw.settimeout(5)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65536):
                    pass
        except OSError:
            pass


def tls(context, sock):
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def main():
    servers = [Server(("127.0.0.1", 0), kind) for kind in (Handler, Elsewhere, Handler, Handler)]
    pem = os.path.join(sys.argv[1], "tls.pem")
    if os.path.exists(pem):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        servers[2].socket = tls(context, servers[2].socket)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.load_verify_locations(pem)
        context.verify_mode = ssl.CERT_REQUIRED
        servers[3].socket = tls(context, servers[3].socket)
    ports = [s.server_port for s in servers]
    for s in servers:
        s.ports = ports
        threading.Thread(target=s.serve_forever, daemon=True).start()
    tmp = os.path.join(sys.argv[1], "ports.tmp")
    with open(tmp, "w") as f:
        print(*ports, file=f)
    os.rename(tmp, os.path.join(sys.argv[1], "ports"))
    sys.stdin.read()


main()
