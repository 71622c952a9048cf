"""The HTTP server behind ApiServer: keeps every request and answers as it is told.

A program of its own on the standard library. Its one argument is a JSON object with port, store (file of JSON lines) and
control (file, see below), tls (null or {cert, key}).

Control file: JSON {"turn": number, "answers": {PATH: [ANSWER, ...]}}; the n-th request to a path since the turn changed gets the
n-th answer, further ones the last. An answer has status, headers, body, delay_ms, and close: the connection is closed
instead. A path without answers is 404.
"""

import json
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Keeper(ThreadingHTTPServer):
    """The server with what it keeps."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options: dict):
        super().__init__(("127.0.0.1", options["port"]), Handler)
        self._lock = threading.Lock()
        self._store = open(options["store"], "a", encoding="utf-8")
        self._control = options["control"]
        self._turn = 0
        self._counts: dict[str, int] = {}
        self._tls = None
        if options["tls"]:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(options["tls"]["cert"], options["tls"]["key"])

    def finish_request(self, request, client_address):
        """The handshake is made in the connection's thread; one that fails ends it."""
        if self._tls:
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        """Clients that leave are none of our concern."""

    def keep(self, item: dict) -> dict:
        """Stores a request; returns the answer to it."""
        with self._lock:
            self._store.write(json.dumps(item) + "\n")
            self._store.flush()
            with open(self._control, encoding="utf-8") as file:
                control = json.load(file)
            if control["turn"] != self._turn:
                self._turn, self._counts = control["turn"], {}
            answers = control["answers"].get(item["path"])
            if not answers:
                return {"status": 404, "body": "{}"}
            count = self._counts.get(item["path"], 0)
            self._counts[item["path"]] = count + 1
            return answers[min(count, len(answers) - 1)]


class Handler(BaseHTTPRequestHandler):
    """One connection, kept as long as the client likes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """The only method that these APIs have."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.keep({"time": time.time(), "path": self.path, "peer": self.client_address[1],
                                   "headers": dict(self.headers.items()), "body": body.decode()})
        time.sleep(answer.get("delay_ms", 0) / 1000)
        if answer.get("close"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        text = answer.get("body", "").encode()
        self.send_response(answer["status"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Nothing: the requests are in the store."""


if __name__ == "__main__":
    Keeper(json.loads(sys.argv[1])).serve_forever()
