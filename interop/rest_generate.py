"""Makes requests by the thousand: a seed and a count give the same requests again.

What a tenant's client may send is not only what it ought to send: every endpoint is asked with every kind of
value, body, method, path, query and header, most of them spoilt in one or two places.
"""

import random
from collections.abc import Callable

from . import rest_bodies, rest_values, rest_world
from .rest_bodies import FORM
from .rest_values import BOOLEAN_WORDS, INTEGER_WORDS, Pairs, Raw, spell
from .rest_wire import Request

JSON = "application/json"
Maker = Callable[[random.Random], object]
# Accounts and keys cost a slow hash each, so few of them are made on purpose.
COSTLY_MAX = 8

EMAILS = ("user@example.com", "USER@EXAMPLE.COM", " user@example.com ", "a.b+c%d@sub.example.co", "user@localhost", "user@example.c",
          "user@.example.com", "user@example..com", "üser@example.com", "user@exämple.com", "user@例え.jp", "a@b@example.com",
          "user name@example.com", "user@example.com\n", "user@example.com,b@example.com", "@example.com", "user@", "nobody",
          '"quoted"@example.com', '"a b"@example.com', "user@[127.0.0.1]", "user@[::1]", "user@-example.com", "user@example-.com",
          "user@example.com.", "a" * 64 + "@example.com", "a" * 65 + "@example.com", "user@" + "a" * 63 + ".com",
          "user@" + "a" * 64 + ".com", "a@" + "b.", "user@example.museum1", "user@xn--bcher-kva.example", "<user@example.com>",
          "user@example.com\x00", "user\u200b@example.com", "user@ex\u0301ample.com", "a'b@example.com", "a{b}@example.com")
PHONES = ("+15551234567", " +15551234567\u00a0", "+1555", "+155512", "+1555123", "+123456789012345", "+1234567890123456", "15551234567",
          "+05551234567", "00155512345", "+1 555 1234567", "+1-555-1234567", "++15551234567", "+1555123456a",
          "＋15551234567", "+１5551234567", "tel:+15551234567", "+15551234567٣x")
NAMES = ("welcome", "code", "broken", "bolts", "switched_off", "Welcome", " welcome ", "nope", "1x", "_x", "x y", "x-y", "é", "x\u0301",
         "x٣", "X", "x1_", "a.b", "x\n", "x\ny", "welcome\u200b")
PATHS = ("/", "/v1", "/v1/", "/v1/nothing/", "/v1/notify/x/", "/v1//notify/", "//v1/notify/", "/v1/./notify/", "/v1/../v1/notify/",
         "/V1/notify/", "/v1/Notify/", "/v1/notify//", "/v1/notify/%20", "/v1/notify%2F", "/v1%2Fnotify/", "/v1/n%6Ftify/",
         "/v1/notify/%00", "/v1/notif%C3%A9/", "/v1/%FF/", "/v1/%zz/", "/v1/notify;x/", "/v1/notify/;x", "/health/x/", "/healthz/",
         "/v1/templates/x/y/", "/v1/tenants/", "/v1/tenants/register/x/", "/v1/tenants/registered/", "/v1/tenants/me/x/",
         "/v1/api-keys/x/", "/v1/api-keys/5000/", "/v1/api-keys/5000/activate/", "/v1/dead-letters/x/", "/static/x", "/admin",
         "/robots.txt", "/v2/notify/", "/v1/templates/5000/preview/x/", "/v1/templates.json", "/v1/templates/5000.json")
NUMBERS_IN_PATHS = ("5000", "5001", "5002", "5003", "0", "1", "999999999", "05000", "+5000", "-1", "5000%20", "%205000", "5_000", "abc",
                    "5000.0", "5e3", "0x1388", "9223372036854775807", "9223372036854775808", "9" * 30, "%D9%A5%D9%A0%D9%A0%D9%A0",
                    "%EF%BC%95000", "None", "null", "5000%00", "%C2%A05000", "5000%0A", "-0", "00", "%2B5000")
UUIDS = (rest_world.NOTIFICATION.format(0), rest_world.NOTIFICATION.format(1), rest_world.NOTIFICATION.format(3).upper(),
         rest_world.NOTIFICATION.format(2).replace("-", ""), "{" + rest_world.NOTIFICATION.format(2) + "}",
         "%7B" + rest_world.NOTIFICATION.format(2) + "%7D", "urn:uuid:" + rest_world.NOTIFICATION.format(2),
         rest_world.BOLTS_NOTIFICATION, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
         rest_world.NOTIFICATION.format(0)[:-1], rest_world.NOTIFICATION.format(0) + "0", "not-a-uuid", "5000", "%20",
         rest_world.NOTIFICATION.format(0).replace("e", "g"))
LIMITS = ("0", "1", "2", "5", "100", "00002", "+3", " 3 ", "3%20", "%2B3", "1_0", "%D9%A3", "3%00")
FILTERS = ("", "pending", "sent", "failed", "processing", "delivered", "PENDING", "pending%20", "unknown", "email", "sms", "push",
           "whatsapp", "é", "%00", "%FF", "a" * 300, "pend%69ng", "1")
ACCEPTS = ("*/*", "application/json", "application/*", "*/json", "APPLICATION/JSON", "application/json;q=0.5",
           "application/json; charset=utf-8", "text/plain, application/json", "text/plain,*/*;q=0.1", "application/xml, */*",
           " application/json ", "application/xml", "text/plain", "image/*", "", "x", "json", "/", "application/", "application/jsonx",
           "application/json,", ",application/json", "application/xml;application/json", "*", "text/html, application/json",
           "application/vnd.api+json", "application/json;version=1", '*/*;x="a,b"')
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO", "QUERY")
CONTENT_TYPES = ("text/plain", "text/json", "application/xml", "application/octet-stream", "", "json", "application/", "application/jsonx",
                 "application/json-patch+json", "application/problem+json", "text/html; charset=utf-8", "multipart/mixed; boundary=x",
                 "application/x-www-form-urlencodedx", "multipart/form-data", "multipart/form-data; boundary=", "a/b/c", "é/x", "multipart/form-data; boundary=é",
                 'text/"x', "text/plain; charset=utf-8; x=\"y\"")
JSON_TYPES = (JSON, JSON, "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON", "Application/Json",
              "application/json ; charset = utf-8", 'application/json; charset="utf-8"', "application/json;", "application/json; ;",
              "application/json; charset=nonsense", "application/json; charset=", "application/json; version=1", " application/json",
              "application/*", "*/*", "*/json", "application/json; charset=utf8", "application/json; charset=ascii",
              "application/json; charset=latin-1", "application/json; charset=iso-8859-1", "application/json; charset=us-ascii",
              "application/json; charset=L1", "application/json; CHARSET=latin1", "application/json; x=1; charset=latin-1")
CHARSETS = {"ascii": "ascii", "us-ascii": "ascii", "latin-1": "latin-1", "iso-8859-1": "latin-1", "l1": "latin-1", "latin1": "latin-1"}
MALFORMED = ("", " ", "{", "}", "[", "]", "{]", "{}}", "{} {}", "{}x", "[1,]", '{"a":1,}', "{,}", '{"a"}', '{"a":}', '{"a":1 "b":2}', "{'a': 1}",
             "{a: 1}", '{"a": undefined}', '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "NaN", "Infinity", '{"a": 01}',
             '{"a": 1.}', '{"a": .5}', '{"a": +1}', '{"a": 1e}', '{"a": 1e+}', '{"a": -}', '{"a": 0x1}', '{"a": 1_0}', '{"a": tru}', '{"a": True}',
             '{"a": nul}', '{"a": "', '{"a": "x', '{"a": "\\', '{"a": "\\x41"}', '{"a": "\\u12"}', '{"a": "\\u12G4"}', '{"a": "\\u+123"}',
             '{"a": "\\ud83d\\u"}', '{"a": "\\ud83d\\ude0"}', '{"a": "x\ny"}', '{"a": "x\ty"}', '{"a": "x\x00y"}', '{"a": "x\x1fy"}', '{"a"\n:\n1\n,',
             '// x\n{}', '/* x */ {}', '{"a": 1} // x', "\ufeff{}", "\x00", "\x00{}", "{}\x00", "\x0b{}", "\xa0{}", "{}\xa0", "{\xa0}", '{"a":\u20281}',
             "null", "true", "false", "0", "-0", "1.5", "1e400", '"text"', '""', "[]", "[1]", '["channel"]', "[{}]", '[["channel","sms"]]',
             "[" * 50 + "]" * 50, "[" * 50, '{"a":' * 40 + "1" + "}" * 40, '{"": 1}', '{"a": 1, "a": 2}', "-", "--1", "nul", "Null", "tr", "fals",
             '{"a": ' + "9" * 4300 + "}", '{"a": ' + "9" * 4301 + "}", '{"a": -' + "9" * 4301 + "}", '{"a": 1' + "0" * 5000 + ".0}")
BROKEN_BYTES = (b"\xff", b"\x80", b"\xc0\xaf", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82(", b"\xe2(\xa1", b"\xed\xa0\x80", b"\xed\xb2\x80",
                b"\xf0\x9f\x98", b"\xf0(\x8c\xbc", b"\xf0\x28\x8c\x28", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
                b"\xfe\xff", b"\xff\xfe", b"\xe9", b"\xa0")


class Generator:
    """Makes requests one after another; each may speak of what those before it made."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)
        self._number = 0
        self._costly = 0
        self._templates: list[str] = []
        self._notifications: list[str] = []
        self._keys: list[str] = []
        self._kinds: tuple[tuple[int, Callable[[], Request]], ...] = (
            (30, self._notify), (16, self._template_create), (14, self._template_change), (7, self._preview), (7, self._register),
            (6, self._key_create), (3, self._key_off), (8, self._malformed), (6, self._broken_bytes), (5, self._content_type),
            (7, self._list), (5, self._one), (5, self._method), (4, self._path), (4, self._accept), (3, self._header))

    def make(self, count: int) -> list[Request]:
        """The next COUNT requests."""
        weights = [weight for weight, _ in self._kinds]
        kinds = [kind for _, kind in self._kinds]
        return [self._random.choices(kinds, weights)[0]() for _ in range(count)]

    # -- parts ----------------------------------------------------------------------------------

    def _request(self, about: str, method: str, path: str, body: bytes | None = None, content_type: str | None = None,
                 key: str = "acme", makes: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Request:
        self._number += 1
        found = list(headers)
        if key:
            found.append(("X-API-KEY", rest_world.KEYS[key]))
        if content_type is not None:
            found.append(("Content-Type", content_type))
        # Every seventh path is written without its last slash.
        if self._random.randrange(7) == 0 and path.partition("?")[0].endswith("/") and path != "/" and "//" not in path:
            base, mark, query = path.partition("?")
            path = base[:-1] + mark + query
        shown = "".join(c if " " < c < "\x7f" else "." for c in path[:60])
        return Request(f"{self._number:04d} {method} {shown} ({about})", method, path, tuple(found), body, makes)

    def _symbol(self, letter: str) -> str:
        return f"{letter}{self._number + 1}"

    def _template_id(self) -> str:
        """The id of a template that is there, or may be."""
        made = self._templates[-20:]
        return self._random.choice([str(rest_world.WELCOME), str(rest_world.CODE), str(rest_world.BROKEN)]
                                   + [f"@{{{symbol}}}" for symbol in made])

    def _spoil(self, base: Pairs, makers: dict[str, Maker], always: str = "") -> tuple[str, Pairs]:
        """BASE with some fields given values by MAKERS, taken out, doubled or joined by others; and which."""
        source = self._random
        names = list(makers)
        chosen = source.sample(names, min(len(names), source.choice((0, 1, 1, 1, 1, 1, 2, 2, 3, len(names)))))
        if always and always not in chosen:
            chosen.append(always)
        fields = Pairs(base)
        said = []
        for name in chosen:
            action = source.randrange(10)
            if action == 0 and name != always:
                fields = Pairs(item for item in fields if item[0] != name)
                said.append(f"no {name}")
                continue
            value = makers[name](source)
            if action == 1:
                fields.insert(0, (name, rest_values.other_type(source)))
                said.append(f"twice {name}")
            else:
                said.append(name)
            fields = Pairs(item for item in fields if item[0] != name or action == 1)
            fields.append((name, value))
        if source.randrange(6) == 0:
            fields.insert(source.randrange(len(fields) + 1),
                          (source.choice(("extra", "id", "tenant", "status", "is_active", "created_at", "", "é", "__proto__", "Name")),
                           rest_values.nested(source)))
            said.append("extra")
        if source.randrange(8) == 0:
            source.shuffle(fields)
        return ", ".join(said) or "plain", fields

    def _body(self, fields: Pairs) -> tuple[str, bytes, str]:
        """How it is written, the bytes, the Content-Type."""
        source = self._random
        kind = source.randrange(20)
        charset = source.choice(("utf-8", "utf-8", "utf-8", "utf-8", "latin-1", "ascii"))
        if kind < 3:
            spelt = "" if charset == "utf-8" and source.random() < 0.7 else f"; charset={charset}"
            return "form", rest_bodies.urlencoded(source, fields, charset), FORM + spelt
        if kind < 6:
            content_type, body = rest_bodies.multipart(source, fields, charset)
            return "multipart", body, content_type + ("" if charset == "utf-8" else f"; charset={charset}")
        content_type = source.choice(JSON_TYPES) if kind < 9 else JSON
        named = content_type.lower().partition("charset=")[2].strip(' "')
        return "json", self._encode(fields, CHARSETS.get(named, "utf-8")), content_type

    def _encode(self, fields: object, charset: str) -> bytes:
        ascii_only = self._random.random() < 0.4
        text = spell(fields, ascii_only)
        space = self._random.randrange(12)
        if space == 0:
            text = " \r\n\t" + text + "\n"
        elif space == 1:
            text = text.replace(": ", ":").replace(", ", ",")
        try:
            return text.encode(charset)
        except UnicodeEncodeError:
            # Lone surrogates have to be escaped to be said at all; now and then they are sent raw.
            if self._random.random() < 0.2:
                return text.encode("utf-8", "surrogatepass")
            return spell(fields, True).encode()

    def _with_body(self, about: str, method: str, path: str, fields: Pairs, key: str = "acme", makes: str = "") -> Request:
        how, body, content_type = self._body(fields)
        return self._request(f"{how}: {about}", method, path, body, content_type, key, makes)

    # -- notifications --------------------------------------------------------------------------

    def _notify_base(self) -> Pairs:
        kind = self._random.randrange(6)
        if kind < 2:
            return Pairs([("channel", "email"), ("to", "user@example.com"), ("subject", "Hello"), ("body", "Hi {{ name }}"),
                          ("data", {"name": "John"})])
        if kind == 2:
            return Pairs([("channel", "sms"), ("to", "+15551234567"), ("body", "b")])
        if kind == 3:
            return Pairs([("channel", "push"), ("to", "token"), ("template", "code"), ("data", {"code": 7})])
        if kind == 4:
            return Pairs([("channel", "whatsapp"), ("to", "+15551234567"), ("template_id", Raw(self._template_id()))])
        return Pairs([("channel", "email"), ("to", "user@example.com"), ("template", "welcome")])

    def _notify_makers(self) -> dict[str, Maker]:
        def channel(source):
            return source.choice(("email", "sms", "push", "whatsapp", "fax", "EMAIL", " email", "email ", "", "é",
                                  rest_values.text(source), rest_values.other_type(source)))

        def to(source):
            return source.choice((source.choice(EMAILS), source.choice(PHONES), rest_values.text(source), rest_values.other_type(source)))

        def template(source):
            return source.choice((source.choice(NAMES), source.choice(NAMES), rest_values.text(source), rest_values.other_type(source)))

        def template_id(source):
            return source.choice((source.choice(INTEGER_WORDS), rest_values.number(source), Raw(self._template_id()),
                                  self._template_id(), rest_values.other_type(source)))

        def words(source):
            return source.choice((rest_values.text(source), rest_values.text(source), rest_values.other_type(source)))

        def data(source):
            return source.choice((rest_values.nested(source), rest_values.nested(source), rest_values.other_type(source),
                                  rest_values.unstorable(source)))
        return {"channel": channel, "to": to, "template": template, "template_id": template_id, "subject": words, "body": words,
                "data": data}

    def _notify(self) -> Request:
        about, fields = self._spoil(self._notify_base(), self._notify_makers())
        symbol = self._symbol("n")
        self._notifications.append(symbol)
        return self._with_body(about, "POST", "/v1/notify/", fields, makes=symbol)

    # -- templates ------------------------------------------------------------------------------

    def _template_makers(self) -> dict[str, Maker]:
        def name(source):
            fresh = f"t{self._number + 1}"
            return source.choice((source.choice(NAMES), rest_values.text(source), fresh + source.choice(("", "\n", "x" * 250)),
                                  rest_values.other_type(source)))

        def channel(source):
            return self._notify_makers()["channel"](source)

        def words(source):
            return source.choice((rest_values.text(source), rest_values.text(source), "Hi {{ name }}", rest_values.other_type(source)))

        def variables(source):
            return source.choice((rest_values.nested(source), rest_values.nested(source), rest_values.other_type(source),
                                  rest_values.unstorable(source)))

        def is_active(source):
            return source.choice((source.choice(BOOLEAN_WORDS), source.choice(BOOLEAN_WORDS), True, False, Raw("1"), Raw("0"), Raw("1.0"),
                                  rest_values.number(source), rest_values.other_type(source)))
        return {"name": name, "channel": channel, "subject": words, "body": words, "variables": variables, "is_active": is_active}

    def _template_base(self) -> Pairs:
        base = Pairs([("name", f"t{self._number + 1}"), ("channel", self._random.choice(("email", "sms", "push"))), ("body", "b {{ x }}")])
        if base[1][1] == "email" or self._random.random() < 0.3:
            base.append(("subject", "s {{ x }}"))
        return base

    def _template_create(self) -> Request:
        about, fields = self._spoil(self._template_base(), self._template_makers())
        symbol = self._symbol("t")
        self._templates.append(symbol)
        return self._with_body(about, "POST", "/v1/templates/", fields, makes=symbol)

    def _template_change(self) -> Request:
        source = self._random
        path = f"/v1/templates/{self._template_id()}/"
        if source.randrange(8) == 0:
            # What lies in the database from the start is not deleted: many requests speak of it.
            path = f"/v1/templates/@{{{source.choice(self._templates or ['t0'])}}}/"
            return self._request("delete", "DELETE", path)
        if source.randrange(4) == 0:
            return self._request("read", "GET", path)
        method = source.choice(("PUT", "PATCH", "PATCH"))
        base = self._template_base() if method == "PUT" else Pairs()
        makers = self._template_makers()
        about, fields = self._spoil(base, makers)
        if "welcome" in path or path in (f"/v1/templates/{rest_world.WELCOME}/", f"/v1/templates/{rest_world.CODE}/"):
            # These keep their names and stay usable.
            fields = Pairs((name, value) for name, value in fields if name not in ("name", "is_active"))
        return self._with_body(about, method, path, fields)

    def _preview(self) -> Request:
        source = self._random
        data = source.choice(({}, {"name": "John", "x": 1}, {"code": 7, "name": "é 😀"}, {"name": None}, {"name": True}, {"name": ["a"]},
                              Pairs([("name", "a"), ("name", "b")]), Pairs([("extra", 1)])))
        path = f"/v1/templates/{self._template_id()}/preview/"
        if source.randrange(4) == 0:
            path = f"/v1/templates/{source.choice(NUMBERS_IN_PATHS)}/preview/"
        if source.randrange(6) == 0:
            return self._request("nothing", "POST", path, b"", source.choice((JSON, None, FORM)))
        return self._request("data", "POST", path, self._encode(Pairs([("data", data)]), "utf-8"), JSON)

    # -- accounts and keys ----------------------------------------------------------------------

    def _afford(self) -> bool:
        self._costly += 1
        return self._costly <= COSTLY_MAX

    def _register(self) -> Request:
        def name(source):
            return source.choice((rest_values.text(source), rest_values.other_type(source)))

        def email(source):
            return source.choice((source.choice(EMAILS), source.choice(EMAILS), rest_values.text(source), rest_values.other_type(source)))

        about, fields = self._spoil(Pairs([("name", "Name"), ("email", f"a{self._number + 1}@tenant.example")]),
                                    {"name": name, "email": email})
        if not (self._random.randrange(20) == 0 and self._afford()):
            # A bad name still lets the address be judged.
            fields = Pairs(item for item in fields if item[0] != "name")
            fields.append(("name", self._random.choice(("", " ", None, True, [], "\x00"))))
        return self._with_body(about, "POST", "/v1/tenants/register/", fields, self._random.choice(("", "", "", "acme")))

    def _key_create(self) -> Request:
        def name(source):
            return source.choice((rest_values.text(source, 100), rest_values.text(source, 100), rest_values.other_type(source)))

        def is_test(source):
            return source.choice(("maybe", source.choice(BOOLEAN_WORDS), rest_values.other_type(source)))

        about, fields = self._spoil(Pairs([("name", "ci"), ("is_test", True)]), {"name": name, "is_test": is_test})
        symbol = self._symbol("k")
        if self._random.randrange(20) == 0 and self._afford():
            self._keys.append(symbol)
            return self._with_body(about, "POST", "/v1/api-keys/", fields, makes=symbol)
        spoilt = self._random.choice(("name", "is_test"))
        fields = Pairs(item for item in fields if item[0] != spoilt)
        fields.append((spoilt, "x" * 101 if spoilt == "name" else self._random.choice(("maybe", "2", "yess", "1.5"))))
        return self._with_body(about, "POST", "/v1/api-keys/", fields, makes=symbol)

    def _key_off(self) -> Request:
        number = self._random.choice((*NUMBERS_IN_PATHS, *(f"@{{{symbol}}}" for symbol in self._keys[-8:] * 4), str(rest_world.OFF_KEY_ID)))
        return self._request("deactivate", self._random.choice(("POST", "POST", "POST", "GET", "DELETE")),
                             f"/v1/api-keys/{number}/deactivate/", self._random.choice((None, b"{}", b"[", b"")), JSON)

    # -- bodies ---------------------------------------------------------------------------------

    def _target(self) -> tuple[str, str]:
        return self._random.choice((("POST", "/v1/notify/"), ("POST", "/v1/notify/"), ("POST", "/v1/templates/"),
                                    ("PATCH", f"/v1/templates/{rest_world.WELCOME}/"), ("PUT", f"/v1/templates/{rest_world.WELCOME}/"),
                                    ("PUT", "/v1/templates/999999999/"), ("POST", "/v1/tenants/register/")))

    def _malformed(self) -> Request:
        source = self._random
        method, path = self._target()
        if source.random() < 0.6:
            body = source.choice(MALFORMED)
        else:
            # Without "to" and with a field of another type, whatever a cut leaves is no valid notification.
            body = spell(Pairs([("channel", ["sms"]), ("subject", "é 😀 \\ \""), ("data", rest_values.nested(source)),
                                ("template_id", Raw("-12.50e+3"))]), source.random() < 0.5)
            method, path = "POST", "/v1/notify/"
            for _ in range(source.choice((1, 1, 2))):
                at = source.randrange(len(body) + 1)
                body = source.choice((body[:at], body[:at] + body[at + 1:],
                                      body[:at] + source.choice('{}[],:"\\/ntue0-+.eE \x00\x1f\n\xa0é') + body[at:]))
        return self._request("malformed", method, path, body.encode("utf-8", "surrogatepass"), JSON)

    def _broken_bytes(self) -> Request:
        source = self._random
        method, path = self._target()
        raw = source.choice(BROKEN_BYTES)
        form = source.randrange(3)
        if form == 0:
            body = source.choice((b"channel=" + raw, raw + b"=1", b"subject=a" + raw + b"b&channel=%C3%A9" + raw,
                                  b"to=" + b"".join(b"%%%02X" % byte for byte in raw) + b"&channel=\xc3\xa9"))
            return self._request("form of broken text", method, path, body, source.choice((FORM, FORM + "; charset=latin-1")))
        charset = source.choice(("", "", "; charset=utf-8", "; charset=ascii", "; charset=latin-1"))
        body = source.choice((b'{"channel": "' + raw + b'"}', raw, raw + b"{}", b"{}" + raw, b'{"' + raw + b'": 1}',
                              b'{"channel": "\xc3\xa9", "to": "' + raw, b'\n\n{"a": "\xf0\x9f\x98\x80' + raw + b'"}',
                              b'{"a": "' + b"x" * 300 + raw))
        return self._request("broken text", method, path, body, JSON + charset)

    def _content_type(self) -> Request:
        source = self._random
        method, path = self._target()
        body = source.choice((b'{"channel": "fax"}', b"channel=fax", b"", None, b"x"))
        return self._request("content type", method, path, body, source.choice((*CONTENT_TYPES, None)))

    # -- reading --------------------------------------------------------------------------------

    def _list(self) -> Request:
        source = self._random
        path = source.choice(("/v1/notifications/", "/v1/notifications/", "/v1/notifications/", "/v1/dead-letters/", "/v1/templates/",
                              "/v1/api-keys/"))
        parts = []
        for name, values in (("limit", LIMITS), ("status", FILTERS), ("channel", FILTERS)):
            if source.random() < 0.5:
                parts += [f"{name}={source.choice(values)}" for _ in range(source.choice((1, 1, 1, 2)))]
        if source.random() < 0.15:
            parts.append(source.choice(("", "x", "=", "=1", "x=%zz", "x=%FF", "limit", "Limit=x", "limit%20=x", "status", "page=2", "a;b=1")))
        source.shuffle(parts)
        key = source.choice(("acme", "acme", "acme", "bolt"))
        return self._request("list", source.choice(("GET", "GET", "GET", "HEAD")), path + ("?" if parts else "") + quote_raw("&".join(parts)),
                             key=key)

    def _one(self) -> Request:
        source = self._random
        if source.random() < 0.5:
            made = [f"@{{{symbol}}}" for symbol in self._notifications[-40:]]
            number = source.choice((*UUIDS, *made))
            return self._request("one", source.choice(("GET", "GET", "GET", "HEAD", "POST")), f"/v1/notifications/{quote_raw(number)}/",
                                 key=source.choice(("acme", "acme", "bolt")))
        number = source.choice((*NUMBERS_IN_PATHS, self._template_id()))
        return self._request("one", source.choice(("GET", "GET", "HEAD", "POST")), f"/v1/templates/{number}/",
                             key=source.choice(("acme", "acme", "bolt")))

    # -- methods, paths, headers ----------------------------------------------------------------

    def _method(self) -> Request:
        source = self._random
        path = source.choice(("/health/", "/v1/notify/", "/v1/notifications/", f"/v1/notifications/{rest_world.NOTIFICATION.format(0)}/",
                              "/v1/dead-letters/", "/v1/templates/", "/v1/templates/999999999/", "/v1/templates/999999999/preview/",
                              "/v1/api-keys/", "/v1/api-keys/999999999/deactivate/", "/v1/tenants/me/", "/v1/tenants/register/"))
        headers = source.choice(((), (), (("X-HTTP-Method-Override", "DELETE"),)))
        body = source.choice((None, None, b"_method=DELETE", b"{}"))
        return self._request("method", source.choice(METHODS), path, body, FORM if body and body[:1] == b"_" else JSON,
                             source.choice(("acme", "acme", "")), headers=headers)

    def _path(self) -> Request:
        return self._request("path", self._random.choice(("GET", "GET", "POST", "OPTIONS")), quote_raw(self._random.choice(PATHS)),
                             key=self._random.choice(("acme", "acme", "")))

    def _accept(self) -> Request:
        path = self._random.choice(("/v1/tenants/me/", "/v1/notify/", f"/v1/templates/{rest_world.WELCOME}/", "/v1/nothing/", "/health/"))
        return self._request("accept", self._random.choice(("GET", "POST", "OPTIONS")), path,
                             headers=(("Accept", self._random.choice(ACCEPTS)),), key=self._random.choice(("acme", "acme", "acme", "")))

    def _header(self) -> Request:
        source = self._random
        known = rest_world.KEYS["acme"]
        choices = ((("X-API-KEY", ""),), (("X-API-KEY", known[:-1]),), (("X-API-KEY", known.upper()),), (("x-api-key", known),),
                   (("X-Api-Key", f"  {known}  "),), (("X_API_KEY", known),), (("Api-Key", known),), (("Authorization", f"Bearer {known}"),),
                   (("X-API-KEY", rest_world.KEYS["off"]),), (("X-API-KEY", "é"),), (("X-API-KEY", "sk_live_"),),
                   (("X-API-KEY", known), ("Host", "localhost")), (("X-API-KEY", known), ("Host", "LOCALHOST:80")),
                   (("X-API-KEY", known), ("Host", "0.0.0.0:8000")), (("X-API-KEY", known), ("Host", "localhost.")),
                   (("X-API-KEY", known), ("X-Forwarded-Host", "evil.example")), (("X-API-KEY", known), ("Cookie", "sessionid=x; csrftoken=y")),
                   (("X-API-KEY", known), ("Accept-Language", "de")), (("X-API-KEY", known), ("Accept-Encoding", "gzip")),
                   (("X-API-KEY", known), ("If-None-Match", "*")), (("X-API-KEY", known), ("Range", "bytes=0-1")),
                   (("X-API-KEY", known), ("Origin", "https://evil.example")), (("X-API-KEY", known), ("X-Requested-With", "XMLHttpRequest")),
                   (("X-API-KEY", known), ("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT")))
        return self._request("header", "GET", source.choice(("/v1/tenants/me/", "/v1/nothing/", "/v1/notify/")), key="",
                             headers=source.choice(choices))


def quote_raw(path: str) -> str:
    """PATH with what cannot stand in a request line written as %xx; symbols and the rest stay."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode()) for c in path)
