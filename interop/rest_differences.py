"""Where celeriac-api answers otherwise than Django, on purpose: the table at the end of docs/rest.md.

Every row is told by the same words there; interop.rest holds both against each other, and sees to it that each
row is still true. A difference that no row explains is a defect.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import rest_world
from .rest_normal import Members, document, first_difference, headers
from .rest_values import Raw, spell
from .rest_wire import Answer, Request

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ROWS_MAX = 1000  # of one list of ours
NOTIFY = {"channel": "sms", "to": "+15551234567", "body": "b"}
JSON_FIELDS = ("data", "variables")
NOT_STORABLE = ("Null characters are not allowed.", "Surrogate characters are not allowed: U+", "Value must be valid JSON.",
                "This field may not be null.")
TOO_LONG_EMAIL = ("Ensure this field has no more than 254 characters.",)
TAKEN = "A tenant with this email already exists."


@dataclass(frozen=True)
class Case:
    """A request with both answers, there and here, and their documents without what is volatile."""

    request: Request
    django: Answer
    ours: Answer
    there: object
    here: object

    def same_headers(self, but: tuple[str, ...] = ()) -> bool:
        """Whether the headers agree apart from some."""
        return all(value == headers(self.ours).get(name) for name, value in headers(self.django).items() if name not in but) \
            and not headers(self.ours).keys() - headers(self.django).keys() - set(but)


@dataclass(frozen=True)
class Difference:
    """there and why are the words of docs/rest.md.

    explains: whether this is all in which the answers of a case differ. requests: such as bring it about.
    Without them it shows in no answer, and seen_by names the step of ./check that shows it. only: the side that it is seen on.
    """

    there: str
    why: str
    explains: Callable[[Case], bool] | None = None
    requests: tuple[Request, ...] = ()
    seen_by: str = ""
    only: str = ""


def _request(name: str, method: str, path: str, body: object = None, content_type: str = JSON, key: str = "acme",
             headers_too: tuple[tuple[str, str], ...] = (), chunked: bool = False) -> Request:
    found = [*headers_too, *([("X-API-KEY", rest_world.KEYS.get(key, key))] if key else [])]
    if body is not None:
        found.append(("Content-Type", content_type))
        body = body if isinstance(body, bytes) else spell(body, True).encode()
    return Request(f"{name}: {method} {path[:60]}", method, path, tuple(found), body, chunked=chunked)


# -- what explains a difference ---------------------------------------------------------------------


def _moved(case: Case) -> bool:
    return bool(case.django.moved_from) and case.django.status == case.ours.status and case.same_headers() \
        and not first_difference(case.there, case.here)


def _page(case: Case) -> bool:
    """The same verdict, as a page there and as JSON here."""
    if case.django.status != case.ours.status or not case.django.headers.get("content-type", "").startswith("text/html"):
        return False
    wanted = "" if case.request.method == "HEAD" and not case.ours.body else JSON
    return case.ours.headers.get("content-type", "") in (wanted, JSON) and case.same_headers(("content-type", "vary", "allow"))


def _name_taken(case: Case) -> bool:
    return case.django.status == 500 and case.ours.status == 400 and case.request.path.startswith("/v1/templates") \
        and case.here == Members([("name", ["This field must be unique."])])


def _without(body: Members, names: tuple[str, ...], sentences: tuple[str, ...]) -> tuple[Members, int]:
    """A document of field errors without those sentences on fields of those names, and how many were taken out."""
    left, count = Members(), 0
    for name, texts in body:
        kept = [text for text in texts if not str(text).startswith(sentences)] if name in names else texts
        count += len(texts) - len(kept)
        if kept:
            left.append((name, kept))
    return left, count


def _stricter(case: Case, names: tuple[str, ...], sentences: tuple[str, ...]) -> bool:
    """Here sentences are said for which Django breaks down, or which come after it has found something else."""
    if case.ours.status != 400 or not isinstance(case.here, Members):
        return False
    rest, count = _without(case.here, names, sentences)
    if count == 0:
        return False
    if case.django.status == 500 or (not rest and case.django.status in (400, 404)):
        return not rest
    return case.django.status == 400 and not first_difference(_quoted(case.there), _quoted(rest))


def _not_storable(case: Case) -> bool:
    if case.request.path.startswith("/v1/tenants/register") and _stricter(case, ("email",), TOO_LONG_EMAIL):
        return True
    if "limit" in case.request.path and case.django.status == 500 and case.ours.status == 400:
        return case.request.method == "HEAD" or (isinstance(case.here, Members) and [name for name, _ in case.here] == ["limit"])
    if case.django.status == 500 and case.ours.status == 400 and isinstance(case.here, Members):
        # A surrogate that DRF quotes is what it cannot answer.
        quoted = [text for _, texts in case.here for text in texts if '" is not a valid choice.' in text]
        if any(0xd800 <= ord(c) < 0xe000 for text in quoted for c in text):
            return True
    return _stricter(case, JSON_FIELDS, NOT_STORABLE)


def _deep(case: Case) -> bool:
    return case.django.status == 500 and case.ours.status == 400 \
        and case.here == Members([("detail", "JSON parse error - nested deeper than 2000 levels")])


def _older(case: Case) -> bool:
    """What newer ones refuse."""
    if case.here == Members([("detail", "Multipart form parse error - Request max total header size exceeded.")]):
        return case.django.status == 400 and case.ours.status == 400
    words = ("Enter a valid email address.",)
    if case.request.path.startswith("/v1/tenants/register") and case.django.status == 201:
        return case.ours.status == 400 and case.here == Members([("email", list(words))])
    return case.request.path.startswith("/v1/tenants/register") and _stricter(case, ("email",), words)


def _filtered(case: Case) -> bool:
    return case.django.status == 500 and case.ours.status == 200 and "%00" in case.request.path and case.here in (None, [])


def _inactive(case: Case) -> bool:
    return case.request.header("x-api-key") == rest_world.KEYS["gone"] and case.django.status == 401 and case.ours.status == 403 \
        and case.here == Members([("error", "Tenant inactive"), ("detail", "Your account has been deactivated")])


def _limited(case: Case) -> bool:
    if case.ours.status == 413:
        return case.here == Members([("detail", "Request body exceeded 2621440 bytes.")])
    return case.ours.status == 200 and isinstance(case.here, list) and len(case.here) == ROWS_MAX \
        and (case.django.status == 500 or (isinstance(case.there, list) and not first_difference(case.there[:ROWS_MAX], case.here)))


def _described(case: Case) -> bool:
    return case.request.method == "OPTIONS" and case.django.status == case.ours.status == 200 and isinstance(case.here, Members) \
        and [name for name, _ in case.here] == ["name", "description", "renders", "parses"] and case.same_headers(("allow", "vary"))


def _quoted(body: object) -> object:
    """Field errors without what tells a list or object as Python writes it from what it is as JSON."""
    if not isinstance(body, Members):
        return body
    return Members((name, ["a container" if str(text).startswith(('"[', '"{')) and text.endswith('" is not a valid choice.')
                           else text for text in texts] if isinstance(texts, list) else texts) for name, texts in body)


def _repr(case: Case) -> bool:
    return case.django.status == case.ours.status == 400 and case.same_headers() \
        and not first_difference(_quoted(case.there), _quoted(case.here))


def _health(case: Case) -> bool:
    return case.request.path.startswith("/health") and case.ours.status == 405 and case.django.status in (200, 403)


def _render_words(case: Case) -> bool:
    return "/preview" in case.request.path and case.django.status == case.ours.status == 400 and case.same_headers() and all(
        isinstance(body, Members) and len(body) == 1 and body[0][0] == "error" and body[0][1].startswith("Template rendering failed: ")
        for body in (case.there, case.here))


def _preview_data(case: Case) -> bool:
    """Whatever is given as data: it fails there, as 500 or in Python's words; here a form's JSON is read, the rest is told."""
    words = isinstance(case.there, Members) and str(case.there.get("error")).startswith("Template rendering failed: ")
    return "/preview" in case.request.path and (case.django.status == 500 or (case.django.status == 400 and words)) \
        and (case.ours.status == 200 and case.request.header("content-type") != JSON
             or case.ours.status == 400 and isinstance(case.here, Members) and case.here[0][0] in ("data", "non_field_errors"))


def _phone(case: Case) -> bool:
    return case.request.path.startswith("/v1/notify") and case.django.status in (202, 404) and case.ours.status == 400 \
        and case.here == Members([("to", ["Invalid phone number format. Use E.164 format (e.g., +1234567890)."])])


def _charset(case: Case) -> bool:
    return case.ours.status == 415 and case.django.status != 415 and "charset=" in (case.request.header("content-type") or "")


def _chunked(case: Case) -> bool:
    return case.request.chunked and case.django.status == case.ours.status == 400 \
        and case.there == Members((name, ["This field is required."]) for name in ("channel", "to")) \
        and case.here == Members([("to", ["This field may not be blank."])])


def _authorization(case: Case) -> bool:
    return case.request.header("authorization") is not None and case.django.status == 403 and case.ours.status == 200


def _repeated_names(case: Case) -> bool:
    def once(value: object) -> object:
        if isinstance(value, Members):
            return Members((name, once(value.get(name))) for name in dict(value))
        return [once(item) for item in value] if isinstance(value, list) else value
    return case.request.path.startswith("/v1/templates") and case.django.status == case.ours.status in (200, 201) \
        and not first_difference(case.there, once(case.here))


def _taken_later(case: Case) -> bool:
    if case.django.status != 400 or case.ours.status != 400 or not isinstance(case.there, Members):
        return False
    rest, count = _without(case.there, ("email",), (TAKEN,))
    return count == 1 and not first_difference(rest, case.here)


def _odd_key(case: Case) -> bool:
    return case.request.header("x-api-key") == rest_world.ODD_KEY and case.django.status == 200 and case.ours.status == 401


def _format(case: Case) -> bool:
    return "format=" in case.request.path and case.ours.status == 200


DIFFERENCES: tuple[Difference, ...] = (
    Difference("paths without the last `/` are redirected (GET) or fail", "clients in the field use both", _moved,
               tuple(_request("no slash", method, path, body) for method, path, body in
                     (("GET", "/v1/tenants/me", None), ("GET", "/v1/notifications?limit=1", None), ("POST", "/v1/notify", NOTIFY),
                      ("PATCH", f"/v1/templates/{rest_world.WELCOME}", {}), ("GET", "/health", None)))),
    Difference("HTML pages for unknown paths and bad hosts, and for browsers", "clients read JSON", _page,
               (_request("unknown path", "GET", "/v1/nothing/"), _request("unknown path", "POST", "/nothing/", {}, key=""),
                _request("bad host", "GET", "/health/", key="", headers_too=(("Host", "evil.example"),)),
                _request("browser", "GET", "/v1/tenants/me/", headers_too=(("Accept", "text/html,*/*;q=0.8"),)),
                _request("form of too many fields", "POST", "/v1/notify/", b"a=1&" * 1000, FORM))),
    Difference("500 for a template's name that is taken", "it is the client's mistake", _name_taken,
               tuple(_request("taken", *rest) for rest in
                     (("POST", "/v1/templates/", {"name": "code", "channel": "sms", "body": "b"}),
                      ("PATCH", f"/v1/templates/{rest_world.WELCOME}/", {"name": "code"})))),
    Difference("500 for an email beyond 254 characters, for U+0000 and lone surrogates in JSON fields, for a lone surrogate as a "
               "choice, for a form's `variables` that are `null`, for a `?limit=` that is no number", "the same", _not_storable,
               (_request("long email", "POST", "/v1/tenants/register/",
                         {"name": "n", "email": "a@" + "b." * 130 + "example"}),
                *(_request("not to be stored", "POST", "/v1/notify/", {**NOTIFY, "data": value})
                  for value in ("\x00", {"a": ["\ud800"]}, Raw("1e400"))),
                _request("no choice", "POST", "/v1/notify/", {**NOTIFY, "channel": "\ud800"}),
                _request("form's null", "POST", "/v1/templates/", b"name=nothing&channel=sms&body=b&variables=null", FORM),
                *(_request("no number", "GET", f"/v1/{name}/?limit={text}") for name in ("notifications", "dead-letters")
                  for text in ("", "x", "-1", "1.5", "1e2", "%00")))),
    Difference("500 for JSON that is nested deeper than some 900 levels", "the same", _deep,
               (_request("deep", "POST", "/v1/notify/", b"[" * 100000),)),
    Difference("500 for U+0000 in a filter of a list", "no row has it", _filtered,
               tuple(_request("filter", "GET", f"/v1/notifications/?{name}=%00") for name in ("status", "channel"))),
    Difference("500 for a preview whose body is no object; Python's words for `data` that is none, and for forms",
               "it is the client's mistake, and a form can hold JSON", _preview_data,
               (*(_request("preview", "POST", f"/v1/templates/{rest_world.WELCOME}/preview/", body)
                  for body in ([], None, "x", {"data": None})),
                _request("preview", "POST", f"/v1/templates/{rest_world.WELCOME}/preview/", b"data=%7B%22name%22%3A1%7D", FORM))),
    Difference("a template that cannot be rendered is told in Jinja2's words", "the engine is another one", _render_words,
               (_request("broken", "POST", f"/v1/templates/{rest_world.BROKEN}/preview/", {}),)),
    Difference("phone numbers in digits of any script", "no provider takes them", _phone,
               (_request("phone", "POST", "/v1/notify/", {**NOTIFY, "to": "+1٥٥٥١٢٣٤٥٦٧", "template": "nope"}),)),
    Difference("every charset of Python", "nobody sends them", _charset,
               (_request("charset", "POST", "/v1/notify/", spell({"to": "\u20ac"}).encode("utf-16"), "application/json; charset=utf-16"),
                _request("charset", "POST", "/v1/notify/", b"channel=%A4", FORM + "; charset=iso-8859-15"))),
    Difference("a body without `Content-Length` (chunked) is taken for none", "it is there", _chunked,
               (_request("chunked", "POST", "/v1/notify/", {**NOTIFY, "to": ""}, chunked=True),)),
    Difference("403 for an `Authorization: Basic` that is no user's", "it means nothing here", _authorization,
               (_request("basic", "GET", "/v1/tenants/me/", headers_too=(("Authorization", "Basic eDp5"),)),)),
    Difference("`/health/` answers any method, 403 (CSRF) for those that write", "405 says what is wrong", _health,
               tuple(_request("health", method, "/health/", key="") for method in ("POST", "DELETE", "TRACE"))),
    Difference("the answer to a change of `variables` shows a repeated name once", "reading shows it once", _repeated_names,
               (_request("repeated", "PATCH", f"/v1/templates/{rest_world.CODE}/", b'{"variables": {"a": 1, "b": 2, "a": 3}}'),)),
    Difference("Django 4.2: addresses whose top-level domain ends in a digit, parts of a form with headers beyond 1,024 bytes",
               "as Django 5.2 has it", _older,
               (_request("address", "POST", "/v1/tenants/register/", {"name": "", "email": "user@example.museum1"}),
                _request("headers", "POST", "/v1/notify/", b"--x\nContent-Disposition: form-data; name=to\n\n" + b"y" * 2000,
                         "multipart/form-data; boundary=x")), only="Django 4.2"),
    Difference("401 for the keys of an inactive tenant", "it is what the documentation always said", _inactive,
               (_request("inactive tenant", "GET", "/v1/tenants/me/", key="gone"),
                _request("inactive tenant", "POST", "/v1/notify/", NOTIFY, key="gone"))),
    Difference("an unknown key costs a slow hash for every key there is", "it was a denial of service", seen_by="keys"),
    Difference("a notification is stored, then queued", "Redis away lost it", seen_by="faults"),
    Difference("the Celery task has an id of its own", "so that it can be revoked, and found in Flower", seen_by="release"),
    Difference("no limit on JSON bodies and lists", "memory", _limited,
               (_request("long body", "POST", "/v1/notify/", b"[" + b" " * 2621440 + b"]"),
                _request("long list", "GET", "/v1/notifications/?limit=1050", key="many"),
                _request("long list", "GET", "/v1/notifications/?limit=9223372036854775808", key="many"))),
    Difference('"No Template matches the given query." since DRF 3.15', "one answer for all versions", seen_by="rest"),
    Difference("`OPTIONS` describes Python classes", "there are none", _described,
               (_request("description", "OPTIONS", "/v1/notify/"), _request("description", "OPTIONS", "/v1/templates/"))),
    Difference("a list or object where a choice is expected is quoted as Python's `repr()`", "", _repr,
               (_request("no choice", "POST", "/v1/notify/", {**NOTIFY, "channel": ["a"]}),
                _request("no choice", "POST", "/v1/notify/", {**NOTIFY, "channel": {"a": None}}))),
    Difference("registering with a bad name and a taken address tells both", "the address is checked with the insertion", _taken_later,
               (_request("taken address", "POST", "/v1/tenants/register/", {"name": "", "email": "admin@acme.example"}),)),
    Difference("one key can be found by any text", "nothing else was ever made", _odd_key,
               (_request("odd key", "GET", "/v1/tenants/me/", key=rest_world.ODD_KEY),)),
    Difference("`Accept: application/json; indent=4` indents, `?format=` chooses", "", _format,
               (_request("format", "GET", "/v1/tenants/me/?format=api"), _request("format", "GET", "/v1/tenants/me/?format=xml"))),
)


def explain(case: Case) -> Difference | None:
    """The row that explains in what the answers of a case differ."""
    return next((row for row in DIFFERENCES if row.explains and row.explains(case)), None)


def documented(page: str) -> list[tuple[str, str]]:
    """The rows of docs/rest.md: what is there, and why."""
    part = page.partition("## Differences from the Django service")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]
    return [(row[0].strip(), row[2].strip()) for row in rows]
