"""What is away, who leaves, what is stopped: python3 -m tests.integration.api.rest_faults_test"""

import base64
import json
import signal
import socket
import threading
import unittest
from pathlib import Path

from tests.integration.api.stage import NOTIFY, Stage
from tests.services import CeleriacApi, wait_until


class FaultsTest(Stage):
    """What is away, who leaves, what is stopped."""

    def test_a_database_that_is_away_is_503(self):
        """JSON with Retry-After, and all is well when it is back."""
        self.postgres.stop()
        try:
            status, headers, body = self.call("POST", "/v1/notify/", NOTIFY)
            self.assertEqual((status, body), (503, {"detail": "Service temporarily unavailable, try again later."}))
            self.assertGreater(int(headers["retry-after"]), 0)
            self.assertEqual(self.call("GET", "/health/", key=None)[0], 200)
        finally:
            self.postgres.start()
        wait_until(lambda: self.call("POST", "/v1/notify/", NOTIFY)[0] == 202, 30, "the database")

    def test_accepted_without_redis_is_published_later(self):
        """202, and the message is there once Redis is."""
        self.redis.stop()
        try:
            status, _, body = self.call("POST", "/v1/notify/", NOTIFY)
            self.assertEqual(status, 202)
        finally:
            self.redis.start()
        wait_until(lambda: body["id"].encode() in b"".join(
            base64.b64decode(json.loads(message)["body"]) for message in self.redis.call("LRANGE", "celery", 0, -1)),
            60, "the message")

    def test_clients_that_leave_lose_nothing(self):
        """Whatever was stored is published, although nobody heard the answer."""
        def handled():
            return self.api.log.read_text().count("route=/v1/notify/")

        earlier = set(self.postgres.psql("SELECT id FROM notifications").split())
        body = json.dumps(NOTIFY)
        request = (f"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {self.key}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
        before = handled()
        for number in range(300):
            with socket.create_connection(("127.0.0.1", self.api.port)) as connection:
                connection.sendall(request if number % 3 else request[:-number // 3 - 1])
        # The outbox is also empty before the first of them was read.
        wait_until(lambda: handled() - before == 200, 60, "the 200 whole requests to be handled")
        wait_until(lambda: self.postgres.psql("SELECT count(*) FROM celeriac.outbox") == "0", 60, "an empty outbox")
        queued = {json.loads(base64.b64decode(json.loads(message)["body"]))[0][0]
                  for message in self.redis.call("LRANGE", "celery", 0, -1)}
        stored = set(self.postgres.psql("SELECT id FROM notifications").split())
        self.assertGreater(len(stored - earlier), 0)
        self.assertEqual(stored - earlier - queued, set())

    def test_a_stop_finishes_what_was_begun(self):
        """SIGTERM while a key is hashed: the answer comes, the code is 0."""
        api = CeleriacApi(self.session, migrate=False).start()
        answers = []
        idle = self.cpu_ticks(api)
        thread = threading.Thread(target=lambda: answers.append(
            api.request("POST", "/v1/tenants/register/", {"name": "Late", "email": "late@acme.example"})))
        thread.start()
        # Nothing but the hash takes hundredths of a second of CPU.
        wait_until(lambda: self.cpu_ticks(api) > idle + 2, 20, "the hash")
        self.assertEqual(api.stop(), 0)
        thread.join()
        self.assertEqual(answers[0][0], 201)

    @staticmethod
    def cpu_ticks(api: CeleriacApi) -> int:
        """CPU time of a process, in hundredths of a second."""
        fields = Path(f"/proc/{api.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_processes_can_share_a_port(self):
        """Both serve, and when one ends the other goes on."""
        first = CeleriacApi(self.session, migrate=False, options=("--share-port",)).start()
        second = CeleriacApi(self.session, migrate=False, options=("--share-port",))
        second.port = first.port
        second.start()
        wait_until(lambda: second.logged(r"\bready\b"), 20, "the second process")
        for _ in range(50):
            self.assertEqual(first.request("GET", "/health/")[0], 200)
        self.assertEqual(first.stop(), 0)
        for _ in range(50):
            self.assertEqual(second.request("GET", "/health/")[0], 200)
        self.assertEqual(second.stop(), 0)

    def test_a_log_file_is_opened_anew(self):
        """SIGHUP after the file was moved away."""
        path = self.session.dir / "api.log"
        api = CeleriacApi(self.session, migrate=False, options=("--logfile", str(path), "--logformat", "json")).start()
        path.rename(path.with_suffix(".1"))
        api.signal(signal.SIGHUP)
        wait_until(path.exists, 20, "a new log file")
        # The file is there a moment before it is written to.
        wait_until(lambda: api.request("GET", "/health/") and "route" in path.read_text(), 20, "a line in it")
        # The line that says so may come last.
        self.assertIn("/health/", [json.loads(line).get("route") for line in path.read_text().splitlines()])
        self.assertEqual(api.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
