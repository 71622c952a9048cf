"""Bodies of requests: forms and multipart documents as browsers, libraries and enemies write them."""

import base64
import random
from urllib.parse import quote, quote_plus

from . import rest_values
from .rest_values import Pairs, Raw

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BOUNDARIES = ("x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a b", "--", "0" * 70, "'()+_,-./:=?")


def as_form_text(value: object) -> str:
    """What a form would hold for a value of JSON."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return value if isinstance(value, str) else rest_values.spell(value)


def _bytes(text: str, charset: str) -> bytes:
    """TEXT in CHARSET; what it cannot say as UTF-8, which the other side then has to make sense of."""
    try:
        return text.encode(charset)
    except (UnicodeEncodeError, LookupError):
        return text.encode("utf-8", "surrogatepass")


def urlencoded(source: random.Random, fields: Pairs, charset: str) -> bytes:
    """The fields in one of the ways in which they can be written."""
    style = source.randrange(8)
    parts = []
    for name, value in fields:
        raw = _bytes(as_form_text(value), charset)
        if style == 0:
            data = raw.replace(b"%", b"%25").replace(b"&", b"%26").replace(b"+", b"%2B").replace(b" ", b"+")
        elif style == 1:
            data = b"".join(b"%%%02x" % byte for byte in raw)
        elif style == 2:
            data = quote(raw, safe="").encode()
        else:
            data = quote_plus(raw, safe="@{}").encode()  # symbols stay readable
        parts.append(quote(name).encode() + b"=" + data)
    body = b"&".join(parts)
    spoil = source.randrange(12)
    if spoil == 0:
        body += source.choice((b"&", b"&&", b"&=", b"&x", b"&=x", b";a=b", b"&%", b"&%zz=%4", b"&\xff=\xfe"))
    elif spoil == 1:
        body = source.choice((b"&", b"=&", b"a=%FF&", b"a=\xe9&", b"a=%C3\xa9&", b"%00=1&")) + body
    return body


def multipart(source: random.Random, fields: Pairs, charset: str) -> tuple[str, bytes]:
    """Content-Type and document of the fields."""
    boundary = source.choice(BOUNDARIES)
    end = source.choice(("\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n"))
    document = source.choice((b"", b"", b"", b"preamble\r\n"))
    for name, value in fields:
        document += f"--{boundary}{end}".encode() + _part(source, name, value, charset, end)
    if source.random() < 0.9:
        document += f"--{boundary}--{end}".encode()
    document += source.choice((b"", b"", b"", b"epilogue"))
    quoted = f'"{boundary}"' if source.random() < 0.5 or not boundary.isalnum() else boundary
    return f"{MULTIPART}; boundary={quoted}", document


def _part(source: random.Random, name: str, value: object, charset: str, end: str) -> bytes:
    raw = _bytes(as_form_text(value), charset)
    headers = [f'Content-Disposition: form-data; name="{name}"']
    kind = source.randrange(14)
    if kind == 0:
        headers[0] += '; filename="%s"' % source.choice(("a.txt", "", "é.txt", "..", "dir/a.txt", "C:\\a.txt", "a\\\"b"))
    elif kind == 1:
        headers.append("Content-Transfer-Encoding: base64")
        raw = base64.b64encode(raw) if source.random() < 0.7 else b"!" + raw
    elif kind == 2:
        headers.append("Content-Type: text/plain; charset=" + source.choice(("utf-8", "latin-1", "nonsense")))
    elif kind == 3:
        headers[0] = source.choice((f"content-disposition: FORM-DATA; NAME={name}", f"Content-Disposition: form-data; name={name}",
                                    f'Content-Disposition: form-data; name=" {name} "', "Content-Disposition: form-data",
                                    "X-Nothing: 1", f'Content-Disposition: form-data ; name = "{name}"'))
    return end.join(headers).encode() + 2 * end.encode() + raw + end.encode()
