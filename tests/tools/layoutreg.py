#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A registry that serves OCI layouts as a network would: slowly, in parts, or until somebody pulls
the plug.

layoutreg.py DIR LAYOUT: listens on a port of 127.0.0.1, writes it to DIR/port when ready, and each
request as one line "METHOD PATH RANGE STATUS" to DIR/log. Every repository holds the images of LAYOUT
by their tags; words in its name, joined by "-", say how its large blobs come:
  holdN    after N bytes nothing more comes; DIR/held is there as soon as one transfer waits so
  cutN     the connection breaks after N bytes
  rateN    N bytes a second, for all transfers together
  norange  always from the beginning
  badrange a range that begins elsewhere
  no416    status 416 for every range
Ends when its standard input does.
"""
import http.server
import json
import os
import re
import sys
import threading
import time

work, layout = sys.argv[1:3]
lock = threading.Lock()
pace = threading.Lock()
gone = threading.Event()  # standard input has ended
clock = [0.0]


def load(digest):
    with open(f"{layout}/blobs/sha256/{digest.split(':')[1]}", "rb") as f:
        return f.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def start(self, status, **headers):
        with lock, open(f"{work}/log", "a") as log:
            print(self.command, self.path, self.headers.get("Range", "-"), status, file=log)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        _, _, repo, kind, name = self.path.split("/")
        with open(f"{layout}/index.json") as f:
            tags = {m["annotations"]["org.opencontainers.image.ref.name"]: m
                    for m in json.load(f)["manifests"]}
        if kind == "manifests":
            digest = name if ":" in name else tags[name]["digest"] if name in tags else None
            if not digest:
                return self.start(404, Content_Length=0)
            data = load(digest)
            self.start(200, Content_Length=len(data), Docker_Content_Digest=digest,
                       Content_Type=json.loads(data)["mediaType"])
            return self.send(data, {})
        how = {w: int(n or 0) for w, n in re.findall(r"([a-z]+)(\d*)", repo.replace("no416", "full"))}
        self.blob(load(name), how if os.path.getsize(self.file(name)) > 65536 else {})

    def file(self, digest):
        return f"{layout}/blobs/sha256/{digest.split(':')[1]}"

    def blob(self, data, how):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked and ("full" in how or first >= len(data)):
            return self.start(416, Content_Length=0, Content_Range=f"bytes */{len(data)}")
        if asked and "norange" not in how:
            first -= 1000 if "badrange" in how else 0
            self.start(206, Content_Length=len(data) - first,
                       Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
            return self.send(data[first:], how)
        self.start(200, Content_Length=len(data))
        self.send(data, how)

    def send(self, data, how):
        if self.command == "HEAD":
            return
        end = how.get("hold", how.get("cut", len(data)))
        piece = min(65536, how.get("rate", 1 << 30) // 20 + 1)
        try:
            for at in range(0, min(end, len(data)), piece):
                part = data[at:min(at + piece, end)]
                if "rate" in how:
                    with pace:
                        clock[0] = max(clock[0], time.monotonic()) + len(part) / how["rate"]
                    time.sleep(max(0, clock[0] - time.monotonic()))
                self.wfile.write(part)
            if "hold" in how and end < len(data):
                self.wfile.flush()
                open(f"{work}/held", "w").close()
                gone.wait()
        except OSError:
            pass
        if end < len(data):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(f"{work}/port.new", "w") as f:
    print(server.server_port, file=f)
os.rename(f"{work}/port.new", f"{work}/port")
sys.stdin.read()
gone.set()
