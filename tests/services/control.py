"""Lets the command under "up" stop, kill, freeze and restart the servers: a Unix socket.

A client writes one line and reads one line, "ok" or "error TEXT"; the answer comes when the thing
is done (a start: when the server is ready again). Any number of lines on one connection.

    start|stop|kill|freeze|thaw|restart SERVER
    refuse|serve SERVER          (sink, smtp) answer 421 to everything, or serve again
    delay SERVER MS              (smtp) what each command takes from now on
"""

import socket
import socketserver
import threading
from pathlib import Path

from .server import Server
from .session import ServiceError


class Control:
    """Serves PATH in a thread until close(). servers: by their names in the commands."""

    def __init__(self, path: Path, servers: dict[str, Server]):
        control = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    self.wfile.write((control.obey(line.decode().split()) + "\n").encode())

        class Listener(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._servers = servers
        self._listener = Listener(str(path), Handler)
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends the service."""
        self._listener.shutdown()
        self._listener.server_close()

    def obey(self, words: list[str]) -> str:
        """Carries out one command and returns the answer."""
        if len(words) < 2 or words[1] not in self._servers:
            return f"error expected VERB SERVER, servers: {' '.join(self._servers)}"
        verb, server, rest = words[0], self._servers[words[1]], words[2:]
        try:
            if verb in ("start", "stop", "kill", "freeze", "thaw", "restart") and not rest:
                getattr(server, verb)()
            elif verb in ("refuse", "serve") and hasattr(server, "refuse") and not rest:
                server.refuse(verb == "refuse")
            elif verb == "delay" and hasattr(server, "delay") and len(rest) == 1:
                server.delay(int(rest[0]))
            else:
                return f"error {words[1]} does not know: {' '.join(words)}"
        except (ServiceError, OSError, ValueError) as error:
            return f"error {' '.join(str(error).split())}"
        return "ok"


def tell(path: str, line: str) -> str:
    """Sends one command to the control socket at PATH and returns the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall((line + "\n").encode())
        with connection.makefile("r") as answers:
            return answers.readline().rstrip("\n")
