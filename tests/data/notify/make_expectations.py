"""Writes the expectations of tests/unit/notify: what Django 5.2 and Python make of addresses, keys and mails.

    python tests/data/notify/make_expectations.py          (needs Django 5.2; writes *.tsv beside itself)
    python tests/data/notify/make_expectations.py N        N more random mails of each kind, into more.tsv;
                                                           then MAIL_CASES=notify/more.tsv notify_providers_mime

Run it again only when Django or Python change what they do, and look at the difference.
"""

import pathlib
import random
import re
import sys

import django
from django.conf import settings

settings.configure(DEFAULT_CHARSET="utf-8", EMAIL_USE_LOCALTIME=False)
django.setup()

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.core.exceptions import ValidationError  # noqa: E402
from django.core.mail import EmailMessage  # noqa: E402
from django.core.mail.message import sanitize_address  # noqa: E402
from django.core.validators import validate_email  # noqa: E402
from django.http.request import split_domain_port, validate_host  # noqa: E402
from email.utils import formatdate, parseaddr  # noqa: E402

HERE = pathlib.Path(__file__).parent
DATE_US = 1795379251_000000
MESSAGE_ID = "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@example.com>"

SUBJECTS = [
    "Hello!", "x", "Grüße", "日本語の件名", "🎉", "🎉 Party 🎉", "Ж", "a" * 70, "a" * 78, "a" * 79,
    "a" * 200, "a" * 69 + " b", "a" * 68 + " b", "a" * 60 + " " + "b" * 60, "word " * 40, " leading",
    "   three leading", "trailing ", "trailing   ", " ", "   ", "\t", "a\tb", "\tx", "a  b   c    d",
    "=?utf-8?q?not_encoded?=", "=?", "?=", "=?x", "a =?utf-8?b?SGk=?= b", "=?utf-8?q?x?= ü",
    "semi; colon, comma; " * 8, "a,b,c,d;e;f " * 12, "comma," * 30, "semi;" * 30, ";" * 100, "," * 100,
    "no;space,anywhere" * 12, "Tab\tseparated\t" * 12, "é" * 10, "é" * 30, "é" * 36, "é" * 37, "é" * 100,
    "日本" * 40, "🎉" * 40, "mixed ü and ascii " * 12, "ascii first then a long tail of words until ü",
    "ü then a long tail of words, so that quoted-printable wins over base64 all the way to the end",
    "Order #12345 shipped: track it at https://example.com/t/abcdefghijklmnopqrstuvwxyz0123456789?x=1&y=2",
    "ü" + "a" * 60, "ü" + "a" * 62, "ü" + "a" * 63, "ü" + "a" * 64, "ü" + "a" * 65, "ü" + "a" * 66,
    "a" * 65 + "ü", "a" * 62 + "🎉", "_under_score_ü", "ü?=x", "quote \" and ' and \\ ü", "(paren) ü", "(paren)",
    "50% off!*+/-", "50% off!*+/-ü", "\u00a0nbsp", "nbsp\u00a0inside", "zero\u200bwidth", "rtl \u202etext",
    "e\u0301 combining", "👩‍👩‍👧‍👦 family", "\ufeffbom", "\x01 control", "bell\x07", "del\x7f", "esc\x1b[31m",
    "unit\x1fsep", "nul\x00", "nul\x00ü", "ü\x01\x02", "ü line\u2028sep", "ü para\u2029sep x", "ü next\x85line",
    "ü vt\x0btab", "ü ff\x0cfeed", "\u2028ü", "ü\u2028", "ü\u2028\u2028x", "ü\x1c \x1d x", "ü \u2028   indented",
    "\x1eBcc: a@b.example", "a\x1d b", "a" * 77 + " ", "a" * 76 + "  ", "a b " * 19 + " ", "a " * 300, "ab " * 26, "ab " * 25 + "abc",
    "a" * 66 + " " + "b" * 5 + " " + "c" * 80, "x" * 67 + "  " + "y" * 10, "A: B", "Subject: again",
    "ends with colon:", "x: y\u00fc", "-- ", "--", ".", "..", ". leading dot", "From here", "",
    "İstanbul ı ſ K", "\U0010ffff", "\ue000private", "x\u00adsoft", "Ünï cödé " * 20, "a;" + "b" * 100 + ",c d",
]

BODIES = [
    "Hi", "Hi\n", "Hi\r\n", "Hi\r", "a\nb", "a\r\nb\r\n", "a\rb", "a\n\rb", "a\r\r\nb", "\n", "\r\n", "\r", "\n\n\n",
    ".", ".\n", "..\n.\n", ".dot\n..two\nx.\n", "From here\n>From\n", "Grüße\nЖ\n", "日本語", "🎉\n", "tab\tend\t\n", "end \n",
    "x" * 997, "x" * 998, "x" * 999, "x" * 998 + "\n" + "y" * 998, "x" * 999 + "\n", "é" * 499, "é" * 500,
    "é" * 333 + "\n" + "🎉" * 300, "a=b" * 400, "=" * 1000, "x" * 1000 + " ", "x" * 1000 + "\t\n", "x" * 999 + "  \r\n  y ",
    "x" * 999 + "\n.dot\n..\n", "x" * 999 + "\r\r\n\n\rz", "x" * 999 + "\x0by\x0cz\x1c\u2028\u2029\x85w",
    "x" * 500 + "\x0b" + "y" * 600, "x" * 500 + "\u2028" + "y" * 600, "x" * 500 + "\x85" + "y" * 600,
    "nul\x00in", "ctl\x01\x02", "\ufeffbom", " " * 1000, "\t" * 1000, "x" * 74 + " " + "\n" + "y" * 1000,
] + [
    "y" * 1000 + "\n" + "x" * n + end + tail
    for n in (72, 73, 74, 75, 76, 77, 149, 150, 151) for end in (" ", "\t", "=", "é", "x") for tail in ("", "\n")
] + ["y" * 1000 + "\n" + "x" * n + "é=é " for n in range(66, 78)]

FROMS = [
    "noreply@example.com", "Acme <noreply@example.com>", '"Acme, Inc." <noreply@example.com>', "Müller GmbH <info@mueller.example>",
    '"Müller, Söhne" <info@mueller.example>', "A.B. Müller <a@b.example>", "<bare@example.com>", "Ünï  cödé   <u@example.com>",
    "日本語の長い表示名がここにありますので折り返されるはずです <jp@example.com>", "root", "Name With Spaces <x.y+z@sub.example.com>",
    '"quoted local"@example.com', 'Nüm "quoted part" three <n@example.com>', "user@[192.0.2.1]", "jürgen@example.com", "Ü <jürgen@example.com>",
    "a..b@example.com", ".a@example.com", "a.@example.com", "x@localhost", "x@" + "a" * 63 + ".example", "o'brien@example.com",
    "very.long.address.with.many.parts.and.a.long.domain@subdomain.of.another.subdomain.of.some.example.com",
    "A very long display name which needs folding because it is so long <someone@subdomain.example.com>", "=?utf-8?q?x?= <a@b.example>",
]

BAD = [  # (subject, from, to)
    ("a\x0bb", None, None), ("a\x0cb: c", None, None), ("x\x1dy", None, None),
    (None, "Name (comment) <a@b.example>", None), (None, None, "a(comment)@b.example"), (None, None, "a\x01@b.example"),
    ("a\nb", None, None), ("a\rb", None, None), ("a\r\nBcc: x@y.z", None, None), ("'quoted'\n", None, None), ('both \' and "\n', None, None),
    ("back\\slash\n\t\x00\x7f\xa0\xad\u200b\u2028ü", None, None), (None, "a\nb@example.com", None), (None, None, "a@b.example\nBcc: x"),
    (None, "two@example.com, three@example.com", None), (None, None, "a@b.example, c@d.example"), (None, None, "a@@b.example"), (None, None, "@b.example"),
    (None, None, "a@"), (None, None, "a@b..example"), (None, None, "a@.example"), (None, None, "a@b.example."), (None, None, "a b@c.example"),
    (None, None, "a@b c.example"), (None, None, "<a@b.example"), (None, None, "Name a@b.example>"), (None, None, "a@b.example x"),
    (None, None, "a@" + "x" * 64 + ".example"), (None, None, '"open@b.example'), (None, None, ""), (None, None, "<>"), (None, None, "a:b@c.example"),
]

EMAILS = [
    "a@b.co", "user@example.com", "first.last+tag%x@sub.example.co.uk", "a@b.c", "a@b.c1", "a@b.com1", "a@b", "@b.com", "a@", "", "a", "a@b.com\n",
    "a@b.com\n\n", "a@b.com\r", "a@b.com ", " a@b.com", "a b@c.com", "a@b@c.com", "a@.com", "a@..com", "a@-.com", "a@b..com", ".@b.com", "..a@b.com",
    "ü@b.com", "a@ü.com", "a@b.üü", "a'b@c.com", "a&b@c.com", "a@b_c.com", "a@b.co-m", "A_Z@X-Y.COM", "a@b.comm.", "%@%.com", "a@1.2.3.4", "a@[1.2.3.4]",
    "a@b.ſſ", "a@b.c\x00m", "\"q\"@b.com", "a@" + "b" * 300 + ".com", "a@b.KK",
]
PHONES = [
    "+1234567890", "+1234567", "+123456", "+123456789012345", "+1234567890123456", "+0123456789", "1234567890", "+", "", "+1", "+12345678\n",
    "+12345678\n\n", "+1234 5678", "+1234567a", "++1234567", "+1-234-5678", "+12345678 ", "\n+12345678",
]
NAMES = ["a", "A", "a1", "a_b", "_a", "1a", "", "a-b", "a b", "a\n", "a\n\n", "\n", "ä", "aä", "Welcome_Email_2", "a" * 255, "a.b", "a\x00"]
DJANGO_EMAILS = EMAILS + [
    "x@localhost", "x@LOCALHOST", "x@example", "x@exa-mple.com", "x@-example.com", "x@example-.com", "x@example.c-m", "x@example.-cm", "x@example.cm-",
    "x@example.xn--p1ai", "x@example.XN--P1AI", "x@xn--example.xn--", "x@example.c0m", "x@example.1", "x@example.11", "x@" + "a" * 63 + ".com",
    "x@" + "a" * 64 + ".com", "x@a." + "b" * 63, "x@a." + "b" * 64, "x@пример.рф", "x@例え.テスト", "x@ex\U0001f389.com", "x@exa\u00a0mple.com",
    "x@[127.0.0.1]", "x@[127.0.0.256]", "x@[01.2.3.4]", "x@[::1]", "x@[::ffff:1.2.3.4]", "x@[::g]", "x@[]", "x@[127.0.0.1", "x@127.0.0.1]",
    "x@[1:2:3:4:5:6:7:8]", "x@[1:2:3:4:5:6:7:8:9]", '"a b"@example.com', '"ab"@example.com', '"a\\ b"@example.com', '"a\\"b"@example.com',
    '"a\\\nb"@example.com', '"\\"@example.com', '""@example.com', '"a"b"@example.com', "a!#$%&'*+/=?^_`{}|~-b@example.com", "a..b@example.com",
    ".a@example.com", "a.@example.com", "a.b.c@example.com", "a,b@example.com", "a@b@example.com", '"a@b"@example.com', "x" * 308 + "@example.com",
    "x" * 309 + "@example.com", "x@" + "a." * 120 + "com", "x@a..com", "x@.com", "x@com.", '"\x01\x08\x0b"@example.com', '"\t"@example.com',
    '"\\\t"@example.com', '"\x7f"@example.com', "x@example.com\n", "x\n@example.com", "x@exam\nple.com", "x@xn--" + "a" * 59 + ".com",
    "x@a.xn--" + "a" * 59, "x@a.xn--" + "a1" * 29 + "a", "x@a.xn--" + "a1" * 30,
]
KEYS = [
    ("sk_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "abcdefghijklmnopqrstuv", 1), ("sk_test_x", "salt", 2), ("x", "S", 1000),
    ("sk_live_Zm9vYmFy-_", "0123456789012345678901", 260000), ("schlüssel", "sälz", 1000), ("k" * 200, "s" * 100, 10),
    ("sk_live_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "ZYXWVUTSRQPONMLKJIHGFE", 1000000),
]
HOSTS = [  # (ALLOWED_HOSTS, Host)
    (allowed, host)
    for allowed in ("127.0.0.1,localhost", "*", "", ".example.com", "Example.COM", "a.b,,c.d", "[::1]", "0.0.0.0")
    for host in ("localhost", "LOCALHOST", "localhost:8000", "localhost.", "localhost.:8000", "localhost:", "localhost:80:80", "localhost:x",
                 "127.0.0.1", "127.0.0.1:8000", "127.0.0.2", "example.com", "EXAMPLE.com:443", "www.example.com", "badexample.com", ".example.com",
                 "example.com.", "[::1]", "[::1]:8000", "[::1", "[]", "[:]", "[::1]x", "[g::1]", "[::1.2.3.4]", "", ".", "..", ":80", "a_b", "a b",
                 "c.d", "a.b:1", "0.0.0.0:8000", "x" * 300, "localhost/", "user@localhost", "[fe80::1%25eth0]")
]


def fuzz(rng, alphabet, longest):
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, longest)))


def random_subjects(rng, count):
    plain = "abc xyz;, \t  .:()=?_-\"'\\"
    wide = plain + "üé日🎉\u2028\x85"
    words = ["lorem", "ipsum", "dolor,", "sit;", "Grüße", "日本語", "🎉", " ", "\t", "x" * 40, "=?utf-8?q?a?="]
    for i in range(count):
        kind = i % 4
        if kind == 0:
            yield fuzz(rng, plain, 260)
        elif kind == 1:
            yield fuzz(rng, wide, 160)
        elif kind == 2:
            yield " ".join(rng.choice(words[:2] + words[4:]) for _ in range(rng.randrange(1, 30)))
        else:
            yield " ".join(rng.choice([w for w in words if w.isascii()]) for _ in range(rng.randrange(1, 30)))


def random_bodies(rng, count):
    for _ in range(count):
        parts = ["x", " ", "=", "\n", "\r\n", "\t", "é", "🎉", ".", "word ", "y" * 60]
        yield "".join(rng.choice(parts) for _ in range(rng.randrange(1, 90))) + "z" * rng.choice([0, 1000]) or "x"


def as_sent(message):
    """The bytes that smtplib hands to the server, before dots are doubled."""
    data = message.as_bytes(linesep="\r\n")
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def bare(address):
    """What smtplib puts between the angle brackets of MAIL FROM and RCPT TO."""
    sanitized = sanitize_address(address, "utf-8")
    return parseaddr(sanitized)[1] or sanitized


def mail(subject, body, sender, to):
    """subject, body, from, to; "sent" or "error"; MAIL FROM, RCPT TO and the message, or the error's text."""
    case = [subject, body, sender, to]
    try:
        envelope = [bare(sender), bare(to)]
        headers = {"Date": formatdate(DATE_US // 1000000), "Message-ID": MESSAGE_ID}
        message = EmailMessage(subject or "Notification", body, sender, [to], headers=headers).message()
        return case + ["sent"] + envelope + [as_sent(message)]
    except Exception as exc:
        return case + ["error", "", "", str(exc)]


def mails(rng, extra):
    sender, to = "noreply@example.com", "user@example.com"
    subjects = SUBJECTS + list(random_subjects(rng, 60 + extra))
    bodies = BODIES + list(random_bodies(rng, 20 + extra))
    yield from (mail(subject, "Hi", sender, to) for subject in subjects)
    yield from (mail("Hello", body, sender, to) for body in bodies)
    yield from (mail("Hello", "Hi", sender, to) for sender in FROMS)
    yield from (mail("Hello", "Hi", sender, to) for to in FROMS)
    for subject, bad_from, bad_to in BAD:
        case = mail(subject or "Hello", "Hi", bad_from or sender, to if bad_to is None else bad_to)
        if case[4] == "sent":  # Django lets it pass, and what comes out is no mail that anybody wants
            case[4:] = ["stricter", "", "", ""]
        yield case


def django_says(address):
    try:
        validate_email(address)
        return True
    except ValidationError:
        return False


def rules():
    email = re.compile(r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$")
    phone = re.compile(r"^\+[1-9]\d{6,14}$")
    name = re.compile(r"^[a-zA-Z][a-zA-Z0-9_]*$")
    for rule, texts, matches in (("email", EMAILS, email.match), ("phone", PHONES, phone.match),
                                 ("name", NAMES, name.match), ("django", DJANGO_EMAILS, django_says)):
        yield from ([rule, text, "yes" if matches(text) else "no"] for text in texts)


def hosts():
    for allowed, host in HOSTS:
        domain, _ = split_domain_port(host)
        listed = [name for name in allowed.split(",") if name] + ["0.0.0.0"]
        yield [allowed, host, "yes" if domain and validate_host(domain, listed) else "no"]


def texts():
    for c in [*range(0x0, 0x3100), 0xfeff, 0x10ffff]:
        if chr(c).isspace():
            yield ["space", chr(c), chr(c)]
    samples = ["", "a", " a ", "\u3000a b\u00a0", "\x1f\x85a\u2028", "   ", "é", "日本", "🎉 ", "a\u200b", "\u180ea"]
    yield from (["strip", t, t.strip()] for t in samples)
    lines = ["", "a", "a\n", "a\nb", "\n", "\n\n", "a\r\nb\rc\n\rd", "a\x0bb\x0cc\x1cd\x1de\x1ef\x1fg", "a\x85b\u2028c\u2029d", "é\r\n", "\r\n\r\n"]
    yield from (["lines", t, "|".join(t.splitlines())] for t in lines)
    reprs = ["", "a", "it's", 'say "x"', "'\"", "a\nb\r\t\\", "\x00\x1b\x7f\x85\xa0\xad", "é日🎉", "\u200b\u2028\u3000\ufeff", "\u2060\u1680\u205f"]
    yield from (["repr", t, repr(t)] for t in reprs)


def keys():
    hasher = PBKDF2PasswordHasher()
    for key, salt, iterations in KEYS:
        yield [key, hasher.encode(key, salt, iterations)]


def column(value):
    """Printable ASCII as it is, everything else as \\xHH."""
    data = value if isinstance(value, bytes) else value.encode()
    return "".join(chr(c) if 0x20 <= c < 0x7f and c != 0x5c else f"\\x{c:02x}" for c in data)


def write(name, cases):
    with open(HERE / name, "w", encoding="ascii") as out:
        for case in cases:
            out.write("\t".join(column(value) for value in case) + "\n")


def main():
    if len(sys.argv) == 2:
        count = int(sys.argv[1])
        write("more.tsv", mails(random.Random(count), count))
        return
    write("mails.tsv", mails(random.Random(52), 0))
    write("rules.tsv", rules())
    write("hosts.tsv", hosts())
    write("texts.tsv", texts())
    write("keys.tsv", keys())


if __name__ == "__main__":
    main()
