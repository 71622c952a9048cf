"""The command line of celeriac-api: python3 -m tests.integration.api.program_test"""

import re
import subprocess
import unittest

from tests.integration.api.stage import NOTIFY, Stage
from tests.services import ROOT, CeleriacApi
from tests.services.celeriac import migrate, program


class ProgramTest(Stage):
    """The command line."""

    def run_program(self, *arguments, **variables):
        """Runs the program to its end."""
        return subprocess.run([program("celeriac-api"), *arguments], env=self.session.environment(variables),
                              cwd=self.session.dir, capture_output=True, text=True, timeout=60, check=False)

    def test_help_and_version(self):
        """On standard output, code 0."""
        done = self.run_program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("--bind", "migrate", "--share-port", "--loglevel", "127.0.0.1:8000"):
            self.assertIn(word, done.stdout)
        done = self.run_program("--version")
        self.assertRegex(done.stdout, r"^celeriac-api \d+\.\d+\.\d+\n$")

    def test_the_manual_names_every_option(self):
        """docs/rest.md has a row for each."""
        manual = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
        options = re.findall(r"--[a-z-]+", self.run_program("--help").stdout)
        self.assertGreater(len(options), 8)
        self.assertEqual([option for option in options if f"`{option}" not in manual], [])

    def test_mistakes_are_named(self):
        """Code 64, and the option or variable on standard error."""
        for arguments, variables, words in (
                (("--bnid", "x"), {}, "--bnid"), (("--bind", "nonsense"), {}, "--bind"),
                (("serve",), {}, "serve"), (("--threads", "0"), {}, "--threads"),
                ((), {"CELERIAC_API_THREADS": "many"}, "CELERIAC_API_THREADS"),
                (("--logformat", "xml"), {}, "--logformat")):
            done = self.run_program(*arguments, **variables)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertIn(words, done.stderr)

    def test_a_port_in_use_is_an_error(self):
        """Code 1."""
        done = self.run_program("--bind", f"127.0.0.1:{self.api.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Address already in use", done.stderr)

    def test_an_unmigrated_database_is_named(self):
        """Code 1 and the command to run; then migrate, twice."""
        self.postgres.create_database("fresh")
        done = self.run_program("--bind", "127.0.0.1:0", DB_NAME="fresh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("migrate", done.stderr)
        self.assertIn("made the tables", migrate(self.session, {"DB_NAME": "fresh"}))
        self.assertIn("already", migrate(self.session, {"DB_NAME": "fresh"}))

    def test_logs_hold_nothing_secret(self):
        """No key, address, subject or body at the most talkative level."""
        api = CeleriacApi(self.session, migrate=False, options=("-l", "debug")).start()
        _, key = api.register("Secretive", "hidden@acme.example")
        api.request("POST", "/v1/notify/", {**NOTIFY, "to": "recipient@hidden.example", "subject": "S3cret",
                                            "body": "B0dy"}, key)
        api.request("GET", "/v1/notifications/?to=recipient@hidden.example", key=key)
        api.request("GET", "/v1/tenants/me/", key="sk_live_unknown")
        self.assertEqual(api.stop(), 0)
        log = api.log.read_text()
        self.assertIn("route=/v1/notify/ status=202", log)
        self.assertIn("tenant=", log)
        for secret in (key, key[8:20], "sk_live", "hidden.example", "hidden@", "S3cret", "B0dy", "Secretive", "notif_pass"):
            self.assertNotIn(secret, log)
        self.assertTrue(re.search(r"took=\d+\.\d+ request=[0-9a-f-]{36} tenant=[0-9a-f-]{36}", log))


if __name__ == "__main__":
    unittest.main(verbosity=2)
