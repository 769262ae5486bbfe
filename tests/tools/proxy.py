#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An HTTP proxy for tests: whatever host is asked for, it goes to a port of 127.0.0.1.

proxy.py DIR PORT TLSPORT: GET and HEAD go to PORT, CONNECT to TLSPORT. Writes its own port to DIR/port
when ready, and each request as "METHOD TARGET Proxy-Authorization" to DIR/log; without the login
"user:s3cret" it answers 407. Ends when its standard input does.
"""
import base64
import http.client
import http.server
import os
import socket
import sys
import threading

LOGIN = "Basic " + base64.b64encode(b"user:s3cret").decode()
folder, port, tls_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def refused(self):
        got = self.headers.get("Proxy-Authorization", "-")
        with lock, open(os.path.join(folder, "log"), "a") as log:
            print(self.command, self.path, got, self.headers.get("Authorization", "-"), file=log)
        if got == LOGIN:
            return False
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.refused():
            return
        there = http.client.HTTPConnection("127.0.0.1", port)
        headers = {k: v for k, v in self.headers.items() if not k.startswith("Proxy-")}
        there.request(self.command, "/" + self.path.split("/", 3)[3], headers=headers)
        answer = there.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("connection", "transfer-encoding"):
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        if self.refused():
            return
        there = socket.create_connection(("127.0.0.1", tls_port))
        self.send_response(200)
        self.end_headers()
        back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
        back.start()
        pump(self.connection, there)
        back.join()
        self.close_connection = True


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(os.path.join(folder, "port.tmp"), "w") as f:
    print(server.server_port, file=f)
os.rename(os.path.join(folder, "port.tmp"), os.path.join(folder, "port"))
sys.stdin.read()
