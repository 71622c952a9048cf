"""What one tenant has, another neither sees nor changes nor waits for: python3 -m tests.integration.api.isolation_test

Every call of the API's description is tried as a stranger, with the owner's ids where it takes one, while all rows of the owner
are locked: whoever looked at them would wait.
"""

import http.client
import json
import re
import subprocess
import sys
import unittest
import uuid

from tests.integration.api.stage import NOTIFY, Stage
from tests.services import wait_until

TEMPLATE = {"name": "owners_secret_template", "channel": "sms", "body": "owners secret body"}
UNKNOWN = {"uuid": str(uuid.UUID(int=7)), "int": "999999999"}

# Each call: what to send, and what the owner's id is one of; None: it takes no id. A call that is missing here fails the test.
CALLS = {
    ("get", "/health/"): (None, None),
    ("post", "/v1/tenants/register/"): ({"name": "Third", "email": "third@isolation.example"}, None),
    ("get", "/v1/tenants/me/"): (None, None),
    ("post", "/v1/notify/"): ({"channel": "sms", "to": "+1234567890", "template": TEMPLATE["name"]}, None),
    ("post", "/v1/notify/batch/"): ({"notifications": [{"channel": "sms", "to": "+1234567890", "template": TEMPLATE["name"]}, NOTIFY]},
                                    None),
    ("get", "/v1/notifications/"): (None, None),
    ("get", "/v1/notifications/{id}/"): (None, "notification"),
    ("get", "/v1/notifications/{id}/history/"): (None, "notification"),
    ("post", "/v1/notifications/{id}/cancel/"): ({}, "notification"),
    ("get", "/v1/dead-letters/"): (None, None),
    ("get", "/v1/dead-letters/{id}/"): (None, "dead letter"),
    ("post", "/v1/dead-letters/{id}/retry/"): ({}, "dead letter"),
    ("post", "/v1/dead-letters/retry/"): ({}, None),
    ("get", "/v1/templates/"): (None, None),
    ("post", "/v1/templates/"): (TEMPLATE, None),
    ("post", "/v1/templates/preview/"): ({"body": "x"}, None),
    ("get", "/v1/templates/{id}/"): (None, "template"),
    ("put", "/v1/templates/{id}/"): ({**TEMPLATE, "body": "stolen"}, "template"),
    ("patch", "/v1/templates/{id}/"): ({"body": "stolen"}, "template"),
    ("delete", "/v1/templates/{id}/"): (None, "template"),
    ("get", "/v1/templates/{id}/versions/"): (None, "template"),
    ("post", "/v1/templates/{id}/restore/"): ({"version": 1}, "template"),
    ("post", "/v1/templates/{id}/preview/"): ({}, "template"),
    ("get", "/v1/api-keys/"): (None, None),
    ("post", "/v1/api-keys/"): ({"name": "strangers"}, None),
    ("post", "/v1/api-keys/{id}/rotate/"): ({}, "key"),
    ("post", "/v1/api-keys/{id}/deactivate/"): ({}, "key"),
    ("get", "/v1/webhooks/"): (None, None),
    ("post", "/v1/webhooks/"): ({"url": "https://stranger.example/"}, None),
    ("get", "/v1/webhooks/{id}/"): (None, "webhook"),
    ("patch", "/v1/webhooks/{id}/"): ({"url": "https://stolen.example/"}, "webhook"),
    ("delete", "/v1/webhooks/{id}/"): (None, "webhook"),
    ("post", "/v1/webhooks/{id}/rotate-secret/"): ({}, "webhook"),
    ("post", "/v1/webhooks/{id}/test/"): (None, "webhook"),
    ("get", "/v1/webhooks/{id}/messages/"): (None, "webhook"),
    ("get", "/v1/webhook-messages/{id}/"): (None, "webhook message"),
    ("post", "/v1/webhook-messages/{id}/retry/"): (None, "webhook message"),
}

# Everything that is the owner's, but for the time of the last use of a key.
SNAPSHOT = """
SELECT (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM templates t WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(n::text, '' ORDER BY id)) FROM notifications n WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(concat(id, key_hash, name, is_active), '' ORDER BY id)) FROM api_keys WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(d::text, '' ORDER BY d.id)) FROM dead_letters d JOIN notifications n ON n.id = notification_id
         WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(t::text, '')) FROM business_tenants t WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(v::text, '' ORDER BY version)) FROM celeriac.template_versions v),
       (SELECT md5(string_agg(w::text, '' ORDER BY id)) FROM celeriac.webhooks w WHERE tenant_id = '{0}'),
       (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM celeriac.webhook_messages m WHERE tenant_id = '{0}')
"""

LOCK = """
BEGIN;
SELECT FROM business_tenants WHERE tenant_id = '{0}' FOR UPDATE;
SELECT FROM templates WHERE tenant_id = '{0}' FOR UPDATE;
SELECT FROM notifications WHERE tenant_id = '{0}' FOR UPDATE;
SELECT FROM api_keys WHERE tenant_id = '{0}' FOR UPDATE;
SELECT FROM dead_letters WHERE notification_id IN (SELECT id FROM notifications WHERE tenant_id = '{0}') FOR UPDATE;
SELECT FROM celeriac.webhooks WHERE tenant_id = '{0}' FOR UPDATE;
SELECT FROM celeriac.webhook_messages WHERE tenant_id = '{0}' FOR UPDATE;
SELECT pg_advisory_lock(4711);
"""


class IsolationTest(Stage):
    """One owner, one stranger."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner, cls.owners_key = cls.api.register("Owners Secret Name", "owner@isolation.example")
        _, cls.key = cls.api.register("Stranger", "stranger@isolation.example")
        template = cls.api.request("POST", "/v1/templates/", TEMPLATE, cls.owners_key)[2]
        cls.api.request("PATCH", f"/v1/templates/{template['id']}/", {"body": "owners secret, second version"}, cls.owners_key)
        accepted = cls.api.request("POST", "/v1/notify/", {**NOTIFY, "to": "secret.recipient@isolation.example"}, cls.owners_key)[2]
        failed = cls.api.request("POST", "/v1/notify/", {**NOTIFY, "to": "secret.other@isolation.example"}, cls.owners_key)[2]
        cls.postgres.psql(f"UPDATE notifications SET status = 'failed' WHERE id = '{failed['id']}'")
        letter = cls.postgres.psql("INSERT INTO dead_letters VALUES (gen_random_uuid(), 'owners secret reason', 3, now(), "
                                   f"'{failed['id']}') RETURNING id")
        second = cls.api.request("POST", "/v1/api-keys/", {"name": "owners secret key"}, cls.owners_key)[2]
        webhook = cls.api.request("POST", "/v1/webhooks/", {"url": "https://owners-secret.example/"}, cls.owners_key)[2]
        event = cls.api.request("POST", f"/v1/webhooks/{webhook['id']}/test/", None, cls.owners_key)[2]
        cls.ids = {"notification": accepted["id"], "dead letter": letter, "template": str(template["id"]), "key": str(second["id"]),
                   "webhook": webhook["id"], "webhook message": event["id"]}
        cls.secrets = re.compile(r"owners|secret\.|" + "|".join([cls.owner, accepted["id"], failed["id"], letter, webhook["id"],
                                                                 webhook["secret"], event["id"]]), re.IGNORECASE)

    def lock_owners_rows(self) -> None:
        """Holds locks on all rows of the owner until the test ends."""
        holder = subprocess.Popen([str(self.postgres.bindir / "psql"), "-X", "-q", "-h", str(self.postgres.dir), "-U", "admin",
                                   "-p", str(self.postgres.port), self.postgres.database],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

        def release():
            holder.stdin.close()
            holder.wait(30)

        self.addCleanup(release)
        holder.stdin.write(LOCK.format(self.owner))
        holder.stdin.flush()
        wait_until(lambda: self.postgres.admin("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 "
                                               "AND granted") == "1", 30, "locks on the owner's rows")

    def test_every_call_is_tried_as_a_stranger(self):
        """The answer to the owner's id is that to an id that nobody has, nothing of the owner's shows, and nothing changes."""
        described = {(method, path) for path, methods in self.call("GET", "/v1/openapi.json", key=None)[2]["paths"].items()
                     for method in methods if method in ("get", "post", "put", "patch", "delete")}
        self.assertEqual(described ^ CALLS.keys(), set())
        before = self.postgres.psql(SNAPSHOT.format(self.owner))
        self.lock_owners_rows()
        for (method, path), (body, kind) in CALLS.items():
            with self.subTest(method=method, path=path):
                if kind is None:
                    status, _, document = self.call(method.upper(), path, body)
                    self.assertLess(status, 500, document)
                else:
                    unknown = UNKNOWN["int" if kind in ("template", "key") else "uuid"]
                    status, headers, document = self.call(method.upper(), path.replace("{id}", self.ids[kind]), body)
                    other = self.call(method.upper(), path.replace("{id}", unknown), body)
                    self.assertEqual((status, document), (404, other[2]))
                    self.assertEqual(headers.keys(), other[1].keys())
                # What the stranger has said itself may be said back.
                told = str(document).replace(TEMPLATE["name"], "").replace(TEMPLATE["body"], "")
                self.assertNotRegex(told, self.secrets)
        self.assertEqual(self.postgres.psql(SNAPSHOT.format(self.owner)), before)

    def test_templates_of_others_are_not_sent_from(self):
        """Neither by id nor by name, alone or in a batch; the stranger's own of the same name is its own."""
        by_id = {"channel": "sms", "to": "+1234567890", "template_id": int(self.ids["template"])}
        self.assertEqual(self.call("POST", "/v1/notify/", by_id)[::2],
                         (404, {"error": f"Template with ID {self.ids['template']} not found or inactive"}))
        status, _, document = self.call("POST", "/v1/notify/batch/", {"notifications": [by_id]})
        self.assertEqual((status, [result["status"] for result in document["results"]]), (400, [404]))

    def test_what_is_the_services_own_is_not_taken(self):
        """Ids, states and times that a request brings along are ignored, as DRF ignores read-only fields."""
        foreign = {"id": 4711, "tenant": self.owner, "tenant_id": self.owner, "status": "sent", "created_at": "2001-01-01T00:00:00Z",
                   "sent_at": "2001-01-01T00:00:00Z", "is_active": True, "key_hash": "x", "last_used_at": "2001-01-01T00:00:00Z"}
        template = self.call("POST", "/v1/templates/", {"name": "own", "channel": "sms", "body": "b", **foreign})[2]
        changed = self.call("PUT", f"/v1/templates/{template['id']}/", {"name": "own", "channel": "sms", "body": "c", **foreign})[2]
        accepted = self.call("POST", "/v1/notify/", {**NOTIFY, **foreign})[2]
        key = self.call("POST", "/v1/api-keys/", {"name": "own", **foreign})[2]
        tenant = self.call("POST", "/v1/tenants/register/", {"name": "Own", "email": "own@isolation.example", **foreign}, key=None)[2]
        self.assertNotEqual(template["id"], 4711)
        self.assertEqual(changed["id"], template["id"])
        self.assertEqual(accepted["status"], "pending")
        self.assertNotEqual(key["id"], 4711)
        self.assertNotEqual(tenant["tenant"]["tenant_id"], self.owner)
        for made in (template, changed, accepted, key, tenant["tenant"]):
            self.assertFalse(made["created_at"].startswith("2001"), made)
        self.assertEqual(self.postgres.psql(f"SELECT tenant_id = '{self.owner}', status, sent_at IS NULL FROM notifications "
                                            f"WHERE id = '{accepted['id']}'"), "f|pending|t")

    def test_idempotency_keys_are_each_tenants_own(self):
        """The same key of two tenants is two requests."""
        def send(key):
            connection = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=30)
            self.addCleanup(connection.close)
            connection.request("POST", "/v1/notify/", json.dumps(NOTIFY),
                               {"X-API-KEY": key, "Content-Type": "application/json", "Idempotency-Key": "shared"})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())["id"]

        first, second = send(self.owners_key), send(self.key)
        self.assertEqual((first[0], second[0]), (202, 202))
        self.assertNotEqual(first[1], second[1])
        self.assertEqual(self.call("GET", f"/v1/notifications/{first[1]}/")[0], 404)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
