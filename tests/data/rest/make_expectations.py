#!/usr/bin/env python3
"""Writes what Django REST Framework answers to valid and invalid data, for the tests of api/.

    python3 tests/data/rest/make_expectations.py

Needs Django 5.2 and djangorestframework 3.16, no database. Every line is a case; columns are
separated by tabs, and bytes other than printable ASCII are written \\xHH, the backslash as \\x5c.

validate.tsv    serializer ("all" is that of the test, the others are the API's), method, Content-Type,
                body, status, answer: the validated data or the errors, as JSON
query.tsv       urlencoded text, fields as a JSON list of pairs
multipart.tsv   Content-Type, body, status, fields as a JSON list of pairs (a file as [name, null]) or
                the error
"""

import json
import re
from pathlib import Path

import django
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], REST_FRAMEWORK={"UNAUTHENTICATED_USER": None}, USE_TZ=True)
django.setup()

from django.http import QueryDict  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser  # noqa: E402
from rest_framework.renderers import JSONRenderer  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

HERE = Path(__file__).resolve().parent
CHANNELS = ["email", "sms", "whatsapp", "push"]
NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9_]*$")
BAD_NAME = "Template name must start with a letter and contain only letters, numbers, and underscores."


class All(serializers.Serializer):
    """One field of every kind; the table in validate_test.c is the same."""

    text = serializers.CharField(required=False)
    text_null = serializers.CharField(required=False, allow_null=True)
    text_blank = serializers.CharField(required=False, allow_blank=True)
    text_both = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    short = serializers.CharField(required=False, max_length=5)
    email = serializers.EmailField(required=False, max_length=30)
    choice = serializers.ChoiceField(CHANNELS, required=False)
    choice_null = serializers.ChoiceField(CHANNELS, required=False, allow_null=True)
    flag = serializers.BooleanField(required=False)
    number = serializers.IntegerField(required=False)
    number_null = serializers.IntegerField(required=False, allow_null=True)
    anything = serializers.JSONField(required=False)
    named = serializers.CharField(required=False, max_length=5)

    def validate_named(self, value):
        """A rule of one's own."""
        if not NAME.match(value):
            raise serializers.ValidationError(BAD_NAME)
        return value


class Register(serializers.Serializer):
    """POST /v1/tenants/register/"""

    name = serializers.CharField(max_length=255)
    email = serializers.EmailField(max_length=254)


class Key(serializers.Serializer):
    """POST /v1/api-keys/"""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    is_test = serializers.BooleanField(required=False)


class Template(serializers.Serializer):
    """POST /v1/templates/"""

    name = serializers.CharField(max_length=255)
    channel = serializers.ChoiceField(CHANNELS)
    subject = serializers.CharField(max_length=255, required=False, allow_null=True, allow_blank=True)
    body = serializers.CharField()
    variables = serializers.JSONField(required=False)
    is_active = serializers.BooleanField(required=False)

    def validate_name(self, value):
        """Names are identifiers."""
        if not NAME.match(value):
            raise serializers.ValidationError(BAD_NAME)
        return value


class Notify(serializers.Serializer):
    """POST /v1/notify/"""

    channel = serializers.ChoiceField(CHANNELS)
    to = serializers.CharField(max_length=255)
    template = serializers.CharField(required=False, allow_null=True)
    template_id = serializers.IntegerField(required=False, allow_null=True)
    subject = serializers.CharField(max_length=255, required=False, allow_null=True, allow_blank=True)
    body = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    data = serializers.JSONField(required=False)


SERIALIZERS = {"all": All, "register": Register, "key": Key, "template": Template, "notify": Notify}


class View(APIView):
    """Answers with the validated data."""

    renderer_classes = [JSONRenderer]
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    authentication_classes = []
    permission_classes = []
    serializer = None

    def post(self, request):
        """All fields."""
        return self.answer(request, False)

    def patch(self, request):
        """Some fields."""
        return self.answer(request, True)

    def answer(self, request, partial):
        """The serializer's verdict."""
        serializer = SERIALIZERS[self.serializer](data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return Response(dict(serializer.validated_data))


class Fields(View):
    """Answers with the fields of a form."""

    def post(self, request):
        """In the order of their names' first appearance, each with all values."""
        data = request.data
        return Response([[name, value if isinstance(value, str) else None]
                         for name in data for value in data.getlist(name)])


def escape(text):
    """Text or bytes as a column."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return "".join(chr(c) if 32 <= c < 127 and c != 92 else f"\\x{c:02x}" for c in data)


def ask(view, method, content_type, body):
    """Status and document of an answer; 500 where DRF breaks over a lone surrogate or an infinite float."""
    request = APIRequestFactory().generic(method, "/", body, content_type=content_type)
    answer = view(request)
    try:
        answer.render()
    except ValueError:
        return 500, ""
    return answer.status_code, answer.content


def write(name, rows):
    """One file of cases."""
    lines = ["\t".join(escape(str(column) if isinstance(column, int) else column) for column in row)
             for row in rows]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="ascii")


# Values of JSON that every field of "all" is given.
VALUES = """null true false 0 1 2 -1 -0 0.0 -0.0 1.0 1.5 1e0 1e2 1E+5 1e22 1e-7 1e400 -1e400 100000.5
12345678901234567890 9223372036854775807 9223372036854775808 -9223372036854775808 [] {} [1,"a",null] {"a":1} "" " "
"a" "ab" " ab " "abcdef" "12345" "  12345  " "\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9" "\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9"
"\\u3000x\\u2003" "\\u3000" "\\ud83d\\ude00" "\\ud800" "a\\udfffb" "\\u0000" "a\\u0000b" "\\t\\n\\r\\f\\u000b" "\\u001c"
"\\u200b" "\\u0085" "\\ufeff" "email" " email" "email " "EMAIL" "sms" "fax" "true" "True" "TRUE" "t" "T" "y" "Y" "yes"
"YES" "on" "On" "1" "false" "f" "n" "no" "off" "OFF" "0" "null" "maybe" " true" "1.0" "0.0" "2" "7" "007" "+7" "-7"
"-0" "+0" "--7" "7.0" "7.00" "7." ".0" "." "7.5" "7.0 " " 7 " "\\u30007\\u3000" "1_000" "1__0" "_1" "1_" "1e2" "0x10"
"7\\n" "7.0\\n" "1.0.0" "99999999999999999999999999" "-99999999999999999999999999" "a@b.co" " a@b.co " "a@b" "ab"
"quite.a.long.address@example.com" "a@@b.co" "x1" "1x" "a b" "a-b" "abcd\\n"
{"a":{"b":[1.0,2.50,1e3,-0.0,123456789012345678901234567890,true,null,"\\u00e9"]}} ["\\u0000"] {"k":"\\ud800"}
{"\\udc00":1} [1e999] ["1e999"] {"a":"1.50"} "\\"quoted\\"" "\\\\" "\\\\u0000" ["\\\\ud800"] ["\\ud83d\\ude00"]
""".split("\n")


def values():
    """The JSON texts above: spaces separate, but not inside of strings."""
    for line in VALUES:
        yield from re.findall(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+', line)


def json_cases():
    """validate.tsv, the part in JSON."""
    kind = "application/json"
    for field in All().fields:
        for value in values():
            yield "all", "POST", kind, f'{{"{field}": {value}}}'
    bodies = ['{}', '[]', '[1, 2]', 'null', 'true', '1', '1.5', '"x"', '{"text": "a", "text": "b"}',
              '{"unknown": 1}', ' {"text": "a"} ', '{"text": "' + "x" * 3000 + '"}',
              '{"number": "' + "1" * 1000 + '"}', '{"number": "' + "1" * 1001 + '"}',
              '{"number": "' + " " * 1001 + '"}', '{"number": ' + "1" * 1200 + '}',
              '{"text": 1, "short": "toolong", "email": "x", "choice": 1, "flag": 7, "number": "z"}',
              '{"short": "\\u0000\\ud800 long"}', '{"email": "no address, too long to be one, and\\u0000"}',
              '{"text\\u0000": 1}', '{"": 1}', '{"text": "a"', '{"text" "a"}', '{text: 1}', '', ' ', '\n', 'nul',
              '{"a": NaN}', '[Infinity]', '{"text": "tab\there"}', '{"text": "\\x"}', '{"text": "a"} x',
              '{"text": "a",}', '[1,]', '{"text": 01}', '\ufeff{}']
    for body in bodies:
        for serializer in ("all", "register"):
            yield serializer, "POST", kind, body
    yield "all", "POST", kind, b'{"text": "\xff"}'
    yield "all", "POST", kind, b'{"text": "\xc3("}'
    for serializer, body in real_bodies():
        yield serializer, "POST", kind, body
        yield serializer, "PATCH", kind, body


def real_bodies():
    """What clients send, and what they should not."""
    long_name, long_email = "x" * 255, "a" * 248 + "@b.com"
    for body in ({"name": "Acme", "email": "a@b.co"}, {"name": long_name, "email": long_email},
                 {"name": long_name + "x", "email": "a" + long_email}, {"name": " Acme ", "email": " a@b.co "},
                 {"name": None, "email": None}, {"name": "", "email": ""}, {"name": [], "email": {}},
                 {"name": 7, "email": 7}, {"name": True, "email": False}, {"name": "x"}, {"email": "x"}):
        yield "register", json.dumps(body)
    for body in ({}, {"name": "ci"}, {"name": ""}, {"name": "  "}, {"name": None}, {"name": "x" * 100},
                 {"name": "x" * 101}, {"is_test": True}, {"is_test": "yes"}, {"is_test": None}, {"is_test": []}):
        yield "key", json.dumps(body)
    good = {"name": "welcome", "channel": "email", "subject": "Hi {{ name }}", "body": "Dear {{ name }}"}
    for change in ({}, {"name": "1x"}, {"name": "a b"}, {"name": "a" * 255}, {"name": "a" * 256},
                   {"name": "1" * 256}, {"name": "é"}, {"name": "a\n"}, {"channel": "fax"}, {"channel": ""},
                   {"channel": None}, {"channel": ["email"]}, {"subject": None}, {"subject": ""},
                   {"subject": "s" * 255}, {"subject": "s" * 256}, {"subject": 5}, {"body": ""}, {"body": " "},
                   {"body": " padded \n"}, {"body": None}, {"variables": {"a": "string"}}, {"variables": []},
                   {"variables": None}, {"variables": "x"}, {"is_active": False}, {"is_active": None}):
        yield "template", json.dumps({**good, **change})
    good = {"channel": "email", "to": "user@example.com", "template": "welcome", "data": {"name": "John"}}
    for change in ({}, {"channel": None}, {"to": ""}, {"to": " user@example.com "}, {"to": "x" * 256},
                   {"to": 15551234567}, {"to": 1.5}, {"template": None}, {"template": ""}, {"template": 5},
                   {"template_id": 5}, {"template_id": "5"}, {"template_id": None}, {"template_id": "x"},
                   {"template_id": 5.0}, {"template_id": 5.5}, {"template_id": True}, {"template_id": ""},
                   {"subject": ""}, {"subject": None}, {"subject": "s" * 256}, {"body": ""}, {"body": None},
                   {"body": "b"}, {"data": None}, {"data": []}, {"data": "x"}, {"data": 1.50}):
        yield "notify", json.dumps({**good, **change})


def form_cases():
    """validate.tsv, the part in forms."""
    kind = "application/x-www-form-urlencoded"
    for body in ("", "text=a", "text=", "text_null=", "text_blank=", "text_both=", "short=", "email=", "choice=",
                 "choice_null=", "flag=", "flag=on", "flag=true", "flag=maybe", "number=", "number_null=", "number=7",
                 "anything=", "anything=7", "anything=%7B%22a%22%3A1.50%7D", "anything=nope", "anything=NaN",
                 "anything=null", "anything=1e999", "anything=%22%5Cu0000%22", "named=", "text=a&text=b",
                 "text=+a+", "text=%00", "text=%ff", "text=%ED%A0%80", "choice=email", "choice=+email", "x=1"):
        for method in ("POST", "PATCH"):
            yield "all", method, kind, body
    for body in ("", "name=Form+Inc&email=form%40inc.example", "name=&email=", "name=x"):
        yield "register", "POST", kind, body
    yield "key", "POST", kind, "name=x"
    yield "template", "POST", kind, "name=x&channel=sms&body=b"
    yield "template", "PATCH", kind, "body=b"
    yield "notify", "POST", kind, "channel=sms&to=%2B15551234567&body=b&template=&template_id=&data=%7B%7D"
    latin = kind + "; charset=iso-8859-1"
    yield "all", "POST", latin, "text=caf%E9"
    yield "all", "POST", "multipart/form-data; boundary=B", (
        '--B\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n--B\r\n'
        'Content-Disposition: form-data; name="flag"\r\n\r\non\r\n--B--\r\n')
    for field in ("text", "email", "choice", "flag", "number", "anything"):
        yield "all", "POST", "multipart/form-data; boundary=B", (
            f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="name.txt"\r\n\r\ncontent\r\n--B--\r\n')


def kind_cases():
    """validate.tsv, the part on media types."""
    for kind in ("text/plain", "", "application/JSON", "application/json; charset=utf-8", "APPLICATION/json;x=y",
                 'application/json; charset="UTF-8"', "application/json; charset=nonsense", "application/jsonp",
                 "application/xml", "text/json", "application/json;charset=latin-1",
                 "application/json; charset=us-ascii", " application/json ", "application/vnd.api+json",
                 "application/x-www-form-urlencoded;charset=utf-8"):
        yield "all", "POST", kind, '{"text": "a"}'
        yield "all", "POST", kind, ""
    yield "all", "POST", "application/json; charset=latin1", b'{"text": "caf\xe9"}'
    yield "all", "POST", "application/json; charset=ascii", b'{"text": "caf\xe9"}'


def validate_rows():
    """All of validate.tsv."""
    seen = set()
    for cases in (json_cases(), form_cases(), kind_cases()):
        for serializer, method, kind, body in cases:
            data = body.encode() if isinstance(body, str) else body
            if (serializer, method, kind, data) in seen:
                continue
            seen.add((serializer, method, kind, data))
            status, answer = ask(View.as_view(serializer=serializer), method, kind, data)
            if status == 500 or (status == 200 and b"\\u0000" in answer):
                continue  # Python fails here or when it stores the value; validate_test.c has these
            yield serializer, method, kind, data, status, answer


def query_rows():
    """query.tsv"""
    for text in ("", "a=1", "a=1&b=2", "a=1&a=2", "a", "=1", "=", "&", "&&a=1&&", "a=b=c", "a+b=c+d", "a%20b=%2B",
                 "a=%", "a=%2", "a=%zz", "a=%C3%A9", "a=%c3%a9", "a=%ff", "a=%C3", "a=%C3%28", "a=%ED%A0%80", "%61=1",
                 "a=%E2%82%AC&b=%F0%9F%98%80", "a=%F0%9F%98", "a=%E2%82", "a=x%80y%bf", "a;b=1", "limit=10&status=sent",
                 "a=é", "a=%00", "a=%f4%90%80%80", "a=%c0%80", b"a=\xff", b"a=\xe9&b=%C3%A9", b"\xc3\xa9=\x80",
                 b"a=%E2%82\xac", b"a=\xc3%A9", b"a=%FF\xff+%41"):
        fields = QueryDict(text if isinstance(text, bytes) else text.encode())
        pairs = [[name, value] for name in fields for value in fields.getlist(name)]
        yield text, json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))


def part(disposition, content, *more):
    """One part of a multipart body."""
    return b"\r\n".join([b"--B", f"Content-Disposition: form-data; {disposition}".encode(),
                         *(line.encode() for line in more), b"", content, b""])


def multipart_rows():
    """multipart.tsv"""
    good = part('name="a"', b"1") + b"--B--\r\n"
    bodies = [good, part('name="a"', b"1") + part('name="b"', b"two\r\nlines") + b"--B--\r\n",
              part('name="a"', b"1"), part('name="a"', b"")[:-2], b"preamble\r\n" + good, good + b"epilogue", b"--B--\r\n",
              b"--B\r\n\r\nno headers\r\n--B--\r\n", b"x" * 1023, b"x" * 1024, b"nothing here",
              part('name="a"', b"\xc3\xa9 \xff") + b"--B--", part('name=a', b"bare") + b"--B--",
              part('name=" a "', b"spaces") + b"--B--", part('name="a\\"b"', b"quote") + b"--B--",
              part('name="f"; filename="x.txt"', b"file") + b"--B--",
              part('name="f"; filename=""', b"empty name") + b"--B--",
              part('name="f"; filename="../../etc/passwd"', b"path") + b"--B--",
              part('name="f"; filename=".."', b"dots") + b"--B--",
              part('name="a"', b"aGVsbG8=", "Content-Transfer-Encoding: base64") + b"--B--",
              part('name="a"', b"!", "Content-Transfer-Encoding: base64") + b"--B--",
              part('name="a"', b"1", "Content-Type: text/plain; charset=utf-8") + b"--B--",
              part('filename="x.txt"', b"no name") + b"--B--",
              b'--B\nContent-Disposition: form-data; name="a"\n\n1\n--B--\n',
              b'--B\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\n--B--\r\n',
              b'--B\r\nX: ' + b"y" * 1100 + b'\r\n\r\n1\r\n--B--\r\n',
              part('name="a"', b"--b not the boundary") + b"--B--", part('name="a"', b"1") + part('name="a"', b"2") + b"--B--",
              part('name="f"; filename="C:\\a.txt"', b"path") + b"--B--\r\n",
              part('name="a"', b"1") + part('name="f"; filename="x.txt"', b"unfinished")]
    for body in bodies:
        yield "multipart/form-data; boundary=B", body
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="B"',
                 "multipart/form-data; boundary=" + "b" * 201, 'multipart/form-data; boundary="b "',
                 "multipart/form-data; charset=latin-1; boundary=B", "multipart/*; boundary=B", "*/form-data; boundary=B",
                 "MULTIPART/form-data; boundary=B"):
        yield kind, good


def main():
    """All files."""
    write("validate.tsv", validate_rows())
    write("query.tsv", query_rows())
    write("multipart.tsv", ((kind, body, *ask(Fields.as_view(), "POST", kind, body)) for kind, body in multipart_rows()))


main()
