"""What tests of celeriac-api share: real servers, and keys as Django makes them."""

import base64
import hashlib
import http.client
import json
import secrets
import socket
import unittest

from tests.services import CeleriacApi, Postgres, Redis, Session

# Rounds of the hashes that tests make: real ones take a third of a second each.
ROUNDS = 1000

NOTIFY = {"channel": "email", "to": "user@example.com", "subject": "Hello", "body": "Hi {{ name }}",
          "data": {"name": "John"}}


def django_hash(key: str, rounds: int = ROUNDS) -> str:
    """What Django's make_password() would store."""
    salt = secrets.token_hex(11)
    digest = hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


class Stage(unittest.TestCase):
    """A database, a broker and an API, shared by the tests of a class."""

    options: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls):
        cls.session = Session("rest")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.postgres = Postgres(cls.session, fsync=False).start()
        cls.api = CeleriacApi(cls.session, options=cls.options).start()
        cls.tenant, cls.key = cls.api.register()

    @classmethod
    def tearDownClass(cls):
        # A sanitizer's complaints show in the exit code.
        code = cls.api.stop()
        if code != 0:
            raise AssertionError(f"celeriac-api ended with code {code}:\n{cls.api.log.read_text()[-20000:]}")

    def call(self, method, path, body=None, key="", **more):
        """One request with the tenant's key unless another (or None) is given."""
        return self.api.request(method, path, body, self.key if key == "" else key, **more)

    def send(self, path, body, key=None, api=None, tenant_key=None):
        """One POST with that Idempotency-Key (None: without); status, headers, document and its bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", (api or self.api).port, timeout=30)
        headers = {"X-API-KEY": tenant_key or self.key, "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            connection.request("POST", path, body if isinstance(body, (str, bytes)) else json.dumps(body), headers)
            reply = connection.getresponse()
            raw = reply.read()
        finally:
            connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, json.loads(raw), raw

    def raw(self, data: bytes) -> bytes:
        """Sends bytes, reads until the server closes."""
        with socket.create_connection(("127.0.0.1", self.api.port), timeout=20) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def django_key(self, active: bool = True, tenant: str | None = None, rounds: int = ROUNDS) -> str:
        """A key as Django writes it, without a digest of ours."""
        key = "sk_live_" + secrets.token_urlsafe(32)
        self.postgres.psql(
            "INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id) VALUES "
            f"('{django_hash(key, rounds)}', 'django', {active}, now(), '{tenant or self.tenant}')")
        return key
