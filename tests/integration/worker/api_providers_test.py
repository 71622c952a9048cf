"""SMS, WhatsApp and push over real HTTP: python3 -m tests.integration.worker.api_providers_test"""

import base64
import json
import subprocess
import time
import unittest

from tests.integration.worker.providers_test import WAIT_S, Stage
from tests.services import ApiServer, CeleriacWorker, wait_until

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
PHONE = "+15005550006"
TAKEN = {"status": 201, "body": json.dumps({"sid": "SM77", "status": "queued", "to": PHONE, "error_code": None})}


def refused(status: int, code: int, **headers: str) -> dict:
    """An error of Twilio's."""
    return {"status": status, "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "body": json.dumps({"code": code, "message": f"The number {PHONE} is bad", "status": status})}


class TwilioTest(Stage):
    """Channels sms and whatsapp."""

    @classmethod
    def open_providers(cls):
        cls.twilio = ApiServer(cls.session).start()

    def twilio_worker(self, *options: str, **extra: str) -> CeleriacWorker:
        """A worker that sends SMS and WhatsApp messages."""
        return self.worker(*options, **{
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "secret", "TWILIO_FROM_NUMBER": "+15005550001",
            "TWILIO_WHATSAPP_FROM": "+15005550002", "TWILIO_BASE_URL": self.twilio.url, **extra})

    def sms(self, **more: object) -> str:
        """A new SMS."""
        return self.post(PHONE, "sms", **more)

    def test_sms(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        worker = self.twilio_worker("-l", "debug")
        one = self.sms(subject="not sent", body="50 % & mehr + \u00fc \U0001F600 = {{ name }}", data={"name": "Jo"})
        self.assertEqual(self.ended(one)["status"], "sent")
        (request,) = self.twilio.requests(MESSAGES)
        self.assertEqual(request.form, {"To": PHONE, "From": "+15005550001",
                                        "Body": "50 % & mehr + \u00fc \U0001F600 = Jo"})
        login = request.headers["Authorization"].removeprefix("Basic ")
        self.assertEqual(base64.b64decode(login).decode(), f"{ACCOUNT}:secret")
        response = json.loads(self.response(one))
        self.assertEqual(response, {
            "provider": "sms", "status": "sent", "message_id": "SM77", "detail": "Sent to 1 recipient",
            "raw": {"sent_count": 1, "backend": "celeriac-twilio", "sid": "SM77", "status": "queued"}})
        self.assertNotIn(PHONE, worker.log_text())
        self.assertNotIn("secret", worker.log_text())

    def test_whatsapp(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker()
        one = self.post(PHONE, "whatsapp")
        self.assertEqual(self.ended(one)["status"], "sent")
        (request,) = self.twilio.requests(MESSAGES)
        self.assertEqual(request.form, {"To": f"whatsapp:{PHONE}", "From": "whatsapp:+15005550002", "Body": "Hi"})
        self.assertEqual(json.loads(self.response(one))["provider"], "whatsapp")

    def test_messaging_service(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker(TWILIO_MESSAGING_SERVICE_SID="MG123")
        self.assertEqual(self.ended(self.sms())["status"], "sent")
        (request,) = self.twilio.requests(MESSAGES)
        self.assertEqual(request.form, {"To": PHONE, "MessagingServiceSid": "MG123", "Body": "Hi"})

    def test_a_bad_number_is_a_dead_letter_at_once(self):
        self.twilio.script({MESSAGES: [refused(400, 21211)]})
        worker = self.twilio_worker(CELERIAC_PERMANENT_FAILURES="dead-letter")
        one = self.sms()
        self.assertEqual(self.ended(one)["status"], "failed")
        self.assertEqual(len(self.twilio.requests(MESSAGES)), 1)
        self.assertEqual(self.dead_letter(one), "0")
        self.assertIn("code 21211: The number", self.state(one)["error_message"])
        self.assertTrue(worker.logged("number refused"))
        self.assertNotIn(PHONE, worker.log_text())

    def test_a_bad_number_is_retried_by_default(self):
        self.twilio.script({MESSAGES: [refused(400, 21211), TAKEN]})
        self.twilio_worker()
        self.assertEqual(self.ended(self.sms())["status"], "sent")
        self.assertEqual(len(self.twilio.requests(MESSAGES)), 2)

    def test_retry_after(self):
        """Three seconds are asked for, two are the most that is heeded."""
        self.twilio.script({MESSAGES: [refused(429, 20429, Retry_After="3"), refused(503, 0, Retry_After="1"), TAKEN]})
        self.twilio_worker(CELERIAC_RETRY_AFTER_MAX="2", CELERIAC_PERMANENT_FAILURES="dead-letter")
        self.assertEqual(self.ended(self.sms())["status"], "sent")
        first, second, third = [request.time for request in self.twilio.requests(MESSAGES)]
        self.assertGreaterEqual(second - first, 2)
        self.assertGreaterEqual(third - second, 1)

    def test_what_is_no_answer(self):
        """None of these is a success, and none is for good."""
        self.twilio.script({MESSAGES: [
            {"close": True}, {"status": 200, "body": "<html>Log in to this network</html>"},
            {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}, "body": ""},
            {"status": 401, "body": "{"}, {"status": 500, "body": "x" * 70000}, {"status": 201, "body": "[1]"},
            {"status": 200, "delay_ms": 20000, "body": TAKEN["body"]}, TAKEN]})
        self.twilio_worker(CELERIAC_RETRY_SCHEDULE="1,1,1,1,1,1,1,1", CELERIAC_PERMANENT_FAILURES="dead-letter",
                           CELERIAC_API_TIMEOUT="5")
        self.assertEqual(self.ended(self.sms())["status"], "sent")
        self.assertEqual(len(self.twilio.requests(MESSAGES)), 8)

    def test_connections_are_kept(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker("-c", "1")
        for one in [self.sms() for _ in range(10)]:
            self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual(len({request.peer for request in self.twilio.requests(MESSAGES)}), 1)

    def test_prefork(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker("-P", "prefork")
        for one in [self.sms() for _ in range(6)]:
            self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual(len(self.twilio.requests(MESSAGES)), 6)

    def test_without_configuration_all_is_as_before(self):
        """Also with a part of it, which installations have today."""
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker(TWILIO_FROM_NUMBER="", TWILIO_WHATSAPP_FROM="", CELERIAC_PERMANENT_FAILURES="dead-letter",
                           CELERIAC_RETRY_SCHEDULE="1")
        for to, channel in ((PHONE, "sms"), (PHONE, "whatsapp"), ("token", "push")):
            one = self.post(to, channel)
            self.assertEqual(self.ended(one)["status"], "failed")
            self.assertEqual(self.state(one)["error_message"],
                             f"Provider for channel '{channel}' is not implemented yet.")
            self.assertEqual(self.dead_letter(one), "1")
        self.assertEqual(self.twilio.requests(), [])

    def test_wrong_settings_stop_the_start(self):
        for name, value in (("TWILIO_BASE_URL", "http://api.example.com"), ("TWILIO_BASE_URL", "https://a@b/"),
                            ("TWILIO_ACCOUNT_SID", "AC/../x"), ("TWILIO_MESSAGING_SERVICE_SID", "M G"),
                            ("TWILIO_FROM_NUMBER", "+1\u00fc"), ("CELERIAC_API_CA_FILE", "/nonexistent"),
                            ("CELERIAC_API_TIMEOUT", "0"), ("FCM_CREDENTIALS", "/nonexistent")):
            worker = self.twilio_worker(wait=False, **{name: value})
            self.assertIn(worker.wait_end(WAIT_S), (1, 64), name)
            self.assertIn(name, worker.log_text())


class TlsTest(TwilioTest):
    """The server's certificate is verified. All of Twilio's tests, over TLS."""

    @classmethod
    def open_providers(cls):
        cls.twilio = ApiServer(cls.session, "twilio", tls=True).start()

    def twilio_worker(self, *options: str, **extra: str) -> CeleriacWorker:
        return super().twilio_worker(*options, **{"CELERIAC_API_CA_FILE": str(self.twilio.authority.ca), **extra})

    def test_an_unknown_authority_is_refused(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker(CELERIAC_API_CA_FILE="", CELERIAC_RETRY_SCHEDULE="1")
        one = self.sms()
        self.assertEqual(self.ended(one)["status"], "failed")
        self.assertIn("certificate refused", self.state(one)["error_message"])
        self.assertEqual(self.twilio.requests(), [])

    def test_another_name_is_refused(self):
        self.twilio.script({MESSAGES: [TAKEN]})
        self.twilio_worker(TWILIO_BASE_URL=f"https://127.0.0.2:{self.twilio.port}", CELERIAC_RETRY_SCHEDULE="1")
        one = self.sms()
        self.assertEqual(self.ended(one)["status"], "failed")
        self.assertEqual(self.twilio.requests(), [])


SEND = "/v1/projects/my-project/messages:send"
DONE = {"status": 200, "body": json.dumps({"name": "projects/my-project/messages/0:1"})}


def token(name: str = "ya29.first", **more: object) -> dict:
    """An access token."""
    return {"status": 200, "body": json.dumps({"access_token": name, "expires_in": 3599, "token_type": "Bearer"}), **more}


def fcm_error(status: int, code: str, **headers: str) -> dict:
    """An error of FCM's."""
    return {"status": status, "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "body": json.dumps({"error": {"code": status, "message": "no", "status": "X", "details": [
                {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]}})}


class FcmTest(Stage):
    """Channel push."""

    @classmethod
    def open_providers(cls):
        cls.google = ApiServer(cls.session, "google").start()
        cls.folder = cls.session.folder("account")
        cls.public = cls.folder / "public.pem"
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                             capture_output=True, text=True, check=True).stdout
        subprocess.run(["openssl", "pkey", "-pubout", "-out", cls.public], input=key, text=True, check=True)
        cls.credentials = cls.folder / "account.json"
        cls.credentials.write_text(json.dumps({
            "type": "service_account", "project_id": "my-project", "private_key_id": "k1", "private_key": key,
            "client_email": "push@my-project.example", "token_uri": f"{cls.google.url}/token"}))

    def push_worker(self, **extra: str) -> CeleriacWorker:
        """A worker that sends push messages."""
        return self.worker("-c", "8", **{"FCM_CREDENTIALS": str(self.credentials), "FCM_BASE_URL": self.google.url,
                                         **extra})

    def push(self, **more: object) -> str:
        """A new push message."""
        return self.post("device-token:1", "push", **more)

    def verify(self, assertion: str) -> tuple[dict, dict]:
        """Header and claims of an assertion whose signature is right."""
        def decoded(text: str) -> bytes:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        header, claims, signature = assertion.split(".")
        (self.folder / "signature").write_bytes(decoded(signature))
        (self.folder / "signed").write_text(f"{header}.{claims}")
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature", self.folder / "signature",
                        self.folder / "signed"], check=True, capture_output=True)
        return json.loads(decoded(header)), json.loads(decoded(claims))

    def test_push(self):
        self.google.script({"/token": [token()], SEND: [DONE]})
        worker = self.push_worker()
        one = self.push(subject="T\u00fcr", body="Hi \U0001F600")
        self.assertEqual(self.ended(one)["status"], "sent")
        (asked,) = self.google.requests("/token")
        self.assertEqual(asked.form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer")
        header, claims = self.verify(asked.form["assertion"])
        self.assertEqual(header, {"alg": "RS256", "typ": "JWT", "kid": "k1"})
        self.assertLess(abs(claims["iat"] - time.time()), 60)
        self.assertEqual(claims, {"iss": "push@my-project.example", "aud": f"{self.google.url}/token",
                                  "scope": "https://www.googleapis.com/auth/firebase.messaging",
                                  "iat": claims["iat"], "exp": claims["iat"] + 3600})
        (sent,) = self.google.requests(SEND)
        self.assertEqual(sent.headers["Authorization"], "Bearer ya29.first")
        self.assertEqual(sent.json, {"message": {"token": "device-token:1",
                                                 "notification": {"title": "T\u00fcr", "body": "Hi \U0001F600"}}})
        self.assertEqual(json.loads(self.response(one)), {
            "provider": "push", "status": "sent", "message_id": "projects/my-project/messages/0:1",
            "detail": "Sent to 1 recipient", "raw": {"sent_count": 1, "backend": "celeriac-fcm"}})
        for secret in ("ya29", "device-token", "PRIVATE"):
            self.assertNotIn(secret, worker.log_text())

    def test_one_token_for_all_threads(self):
        self.google.script({"/token": [token(delay_ms=500)], SEND: [DONE]})
        ids = [self.push() for _ in range(20)]
        self.push_worker()
        for one in ids:
            self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual(len(self.google.requests("/token")), 1)
        self.assertEqual(len(self.google.requests(SEND)), 20)

    def test_a_token_that_ends_is_renewed(self):
        short = {"status": 200, "body": json.dumps({"access_token": "short", "expires_in": 1})}
        self.google.script({"/token": [short, token("ya29.second")], SEND: [DONE]})
        self.push_worker()
        for _ in range(3):
            self.assertEqual(self.ended(self.push())["status"], "sent")
        self.assertEqual([request.headers["Authorization"] for request in self.google.requests(SEND)],
                         ["Bearer short", "Bearer ya29.second", "Bearer ya29.second"])

    def test_a_token_that_is_refused_is_renewed(self):
        self.google.script({"/token": [token(), token("ya29.second")],
                            SEND: [fcm_error(401, "UNAUTHENTICATED"), DONE]})
        self.push_worker()
        one = self.push()
        self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual([request.headers["Authorization"] for request in self.google.requests(SEND)],
                         ["Bearer ya29.first", "Bearer ya29.second"])
        self.assertIsNone(self.state(one)["error_message"])

    def test_no_token(self):
        """Whatever the reason, it is tried again."""
        self.google.script({"/token": [{"status": 500, "body": ""}, {"close": True}, {"status": 200, "body": "{}"},
                                       {"status": 400, "body": json.dumps({"error": "invalid_grant"})}, token()],
                            SEND: [DONE]})
        self.push_worker(CELERIAC_RETRY_SCHEDULE="1,1,1,1", CELERIAC_PERMANENT_FAILURES="dead-letter")
        one = self.push()
        self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual(len(self.google.requests("/token")), 5)

    def test_refusals(self):
        self.push_worker(CELERIAC_PERMANENT_FAILURES="dead-letter")
        for status, code in ((404, "UNREGISTERED"), (400, "INVALID_ARGUMENT"), (403, "SENDER_ID_MISMATCH")):
            self.google.script({"/token": [token()], SEND: [fcm_error(status, code)]})
            one = self.push()
            self.assertEqual(self.ended(one)["status"], "failed")
            self.assertEqual(self.dead_letter(one), "0")
            self.assertIn(code, self.state(one)["error_message"])

    def test_retry_after(self):
        self.google.script({"/token": [token()], SEND: [fcm_error(429, "QUOTA_EXCEEDED", Retry_After="2"),
                                                        fcm_error(503, "UNAVAILABLE"), DONE]})
        self.push_worker(CELERIAC_RETRY_AFTER_MAX="600", CELERIAC_PERMANENT_FAILURES="dead-letter")
        self.assertEqual(self.ended(self.push())["status"], "sent")
        first, second, _ = [request.time for request in self.google.requests(SEND)]
        self.assertGreaterEqual(second - first, 2)

    def test_stop_while_the_token_is_waited_for(self):
        """The one that asks ends its call; the others go back at once."""
        self.google.script({"/token": [token(delay_ms=2000)], SEND: [DONE]})
        ids = [self.push() for _ in range(4)]
        worker = self.push_worker()
        wait_until(lambda: self.google.requests("/token"), WAIT_S, "the request for a token")
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.value("SELECT count(*) FROM celeriac.send_claims"), "0")
        self.push_worker()
        for one in ids:
            self.assertEqual(self.ended(one)["status"], "sent")
        self.assertEqual(len(self.google.requests(SEND)), 4)

    def test_credentials_of_others(self):
        """GOOGLE_APPLICATION_CREDENTIALS may be there for something else, and serves us if it can."""
        other = self.folder / "other.json"
        other.write_text(json.dumps({"type": "authorized_user"}))
        worker = self.push_worker(FCM_CREDENTIALS="", GOOGLE_APPLICATION_CREDENTIALS=str(other),
                                  CELERIAC_RETRY_SCHEDULE="1")
        one = self.push()
        self.assertEqual(self.ended(one)["status"], "failed")
        self.assertEqual(self.state(one)["error_message"], "Provider for channel 'push' is not implemented yet.")
        self.assertTrue(worker.logged("GOOGLE_APPLICATION_CREDENTIALS: the file's type is not service_account"))
        worker.stop()
        self.google.script({"/token": [token()], SEND: [DONE]})
        self.push_worker(FCM_CREDENTIALS="", GOOGLE_APPLICATION_CREDENTIALS=str(self.credentials))
        self.assertEqual(self.ended(self.push())["status"], "sent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
