"""What lies in the database of each service before the first request: the same rows with the same ids."""

import base64
import hashlib

ACME = "aaaaaaaa-0000-4000-8000-000000000001"
BOLT = "bbbbbbbb-0000-4000-8000-000000000002"
GONE = "cccccccc-0000-4000-8000-000000000003"  # inactive
MANY = "dddddddd-0000-4000-8000-000000000004"  # with more notifications than an answer of ours has
KEYS = {name: f"sk_live_{letter * 43}" for name, letter in
        (("acme", "a"), ("bolt", "b"), ("gone", "c"), ("many", "d"), ("off", "e"))}
ODD_KEY = "a key of MANY that nothing would make"
UNKNOWN_KEY = "sk_live_" + "u" * 43
FIRST_ID, NEXT_ID = 5000, 6000
WELCOME, CODE, SWITCHED_OFF, BOLTS, BROKEN = range(FIRST_ID, FIRST_ID + 5)
OFF_KEY_ID = FIRST_ID + 4
MANY_COUNT = 1050
ROUNDS = 1
# Template of the ids of Acme's notifications, and of one of Bolt's.
NOTIFICATION = "eeeeeeee-0000-4000-8000-{:012d}"
ACME_COUNT = 12
BOLTS_NOTIFICATION = NOTIFICATION.format(ACME_COUNT + 1)
# How PostgreSQL keeps numbers is not how Python spells them.
DATA = ('{"template_data": {}, "inline_body": null, "inline_subject": null}',
        '{"template_data": {"a": 1e-7, "b": 1e300, "c": 0.10, "d": 1.0, "e": -0.0, "f": 1e22, "g": 100, "h": 12345678901234567890}}',
        '{"template_data": [1, [2, {"x": null}], "\\u2028 \\\\ \\" / \\u00e9 \\u0001 \\ud83d\\ude00 </script>"]}',
        '[]', '"text"', '12.50', 'null', 'true')
TIMES = ("2021-01-02 03:04:05+00", "2021-01-02 03:04:05.1+00", "2021-01-02 03:04:05.000001+00", "1969-12-31 23:59:59.999999+00",
         "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-02-29 12:00:00+14")


def django_hash(key: str) -> str:
    """What Django stores of a key; one round, as the answers do not depend on their number."""
    digest = hashlib.pbkdf2_hmac("sha256", key.encode(), b"salt", ROUNDS)
    return f"pbkdf2_sha256${ROUNDS}$salt${base64.b64encode(digest).decode()}"


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _rows(table: str, columns: str, rows: list[tuple]) -> str:
    def cell(value):
        return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else _text(value)
    values = ",\n".join("(" + ", ".join(map(cell, row)) + ")" for row in rows)
    return f"INSERT INTO {table} ({columns}) VALUES\n{values};\n"


def sql() -> str:
    """All rows; the ids that the services give begin at NEXT_ID."""
    tenants = [(ACME, "Acme Corp", "admin@acme.example", True), (BOLT, "Bølt & Söhne", "ops@bolt.example", True),
               (GONE, "Gone", "gone@gone.example", False), (MANY, "Many", "many@many.example", True)]
    keys = [(KEYS["acme"], "first", True, ACME), (KEYS["bolt"], "", True, BOLT), (KEYS["gone"], "gone's", True, GONE),
            (KEYS["many"], "many's", True, MANY), (KEYS["off"], "switched off", False, ACME), (ODD_KEY, "odd", True, MANY)]
    templates = [(WELCOME, ACME, "welcome", "email", "Welcome, {{ name }}", "Hi {{ name }}!", '{"name": "string", "n": 1.50}', True),
                 (CODE, ACME, "code", "sms", None, "Your code is {{ code }}", "{}", True),
                 (SWITCHED_OFF, ACME, "switched_off", "sms", "", "never", "[1, 2.0]", False),
                 (BOLTS, BOLT, "bolts", "push", "s", "b", '"text"', True),
                 (BROKEN, ACME, "broken", "sms", None, "{{ ", "{}", True)]
    parts = [
        _rows("business_tenants", "tenant_id, name, email, is_active, created_at, updated_at",
              [(*row, TIMES[number], TIMES[number]) for number, row in enumerate(tenants)]),
        _rows("api_keys", "id, key_hash, name, is_active, tenant_id, created_at, last_used_at",
              [(FIRST_ID + number, django_hash(raw), name, active, tenant, f"2021-01-0{number + 1} 03:04:05+00", None)
               for number, (raw, name, active, tenant) in enumerate(keys)]),
        _rows("templates", "id, tenant_id, name, channel, subject, body, variables, is_active, created_at, updated_at",
              [(*row, TIMES[number], TIMES[number]) for number, row in enumerate(templates)]),
        _rows("notifications", 'id, tenant_id, template_id, channel, "to", data, status, provider_response, error_message,'
              " created_at, updated_at, sent_at", [_notification(number) for number in range(ACME_COUNT)]
              + [(BOLTS_NOTIFICATION, BOLT, None, "push", "token", "{}", "sent", "{}", None, *3 * (TIMES[0],))]),
        _rows("dead_letters", "id, notification_id, reason, retry_count, created_at",
              [(NOTIFICATION.format(100 + number), NOTIFICATION.format(number), reason, number, TIMES[number])
               for number, reason in enumerate(("(550, b'no such user')", "", "quoted \" and \n and \u2028 é 😀"))]
              + [(NOTIFICATION.format(200), BOLTS_NOTIFICATION, "Bolt's", 3, TIMES[0])]),
        f"""INSERT INTO notifications (id, tenant_id, channel, "to", data, status, provider_response, created_at, updated_at)
            SELECT ('ffffffff-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '{MANY}', 'sms', '+1555' || n, '{{}}', 'sent', '{{}}',
                   timestamptz '2022-01-01 00:00:00+00' + n * interval '1 second', '2022-01-01 00:00:00+00'
            FROM generate_series(1, {MANY_COUNT}) n;"""]
    parts += [f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {NEXT_ID});" for table in ("api_keys", "templates")]
    return "\n".join(parts)


def _notification(number: int) -> tuple:
    # Old ones that wait would be published again by celeriac-api, which shows in updated_at.
    status = ("sent", "delivered", "failed")[number % 3]
    return (NOTIFICATION.format(number), ACME, (WELCOME, None, CODE)[number % 3], ("email", "sms", "whatsapp", "push")[number % 4],
            ("user@example.com", "+15551234567", "é\u2028", "x" * 255)[number % 4], DATA[number % len(DATA)], status, "{}",
            (None, "", "error\nof two lines")[number % 3], f"2021-02-{number + 1:02d} 03:04:05.06+00",
            TIMES[number % len(TIMES)], TIMES[(number + 2) % len(TIMES)] if status == "sent" else None)
