"""The SMTP server behind SmtpServer: keeps every mail with its envelope and exact bytes.

A program of its own on aiosmtpd (any Python that has it). Its one argument is a JSON object with
port, store and refusals (files of JSON lines), control (file, see below), max_size, tls (null or {cert, key}),
require_tls, login (null or [user, password]).

Control file: JSON {"refuse": bool, "delay_ms": number}; read again whenever it has changed.
Recipients that say how they fail, so that a test needs no other switch:
    fail-N-anything@...   refused N times with 451, then accepted
    reject-CODE-any@...   refused always with that code
"""

import asyncio
import base64
import json
import os
import re
import signal
import ssl
import sys
import time
from collections import Counter

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import AuthResult, LoginPassword

REFUSAL = "421 4.3.2 not now"


class Keeper:
    """Hooks of aiosmtpd, named as it wants them."""

    def __init__(self, options: dict):
        self._store = open(options["store"], "a", encoding="utf-8")
        self._refusals = open(options["refusals"], "a", encoding="utf-8")
        self._control_path = options["control"]
        self._control: dict = {}
        self._control_mark = None
        self._attempts: Counter = Counter()

    async def _turn(self) -> bool:
        """Waits the delay asked for; returns whether all is to be refused."""
        try:
            status = os.stat(self._control_path)
            mark = (status.st_mtime_ns, status.st_ino)
            if mark != self._control_mark:
                with open(self._control_path, encoding="utf-8") as file:
                    self._control = json.load(file)
                self._control_mark = mark
        except FileNotFoundError:
            pass
        if self._control.get("delay_ms"):
            await asyncio.sleep(self._control["delay_ms"] / 1000)
        return bool(self._control.get("refuse"))

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return [REFUSAL] if await self._turn() else responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if await self._turn():
            return REFUSAL
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if await self._turn():
            return REFUSAL
        reply = self._rule(address)
        if reply is not None:
            self._refusals.write(json.dumps({"time": time.time(), "to": address, "reply": reply}) + "\n")
            self._refusals.flush()
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    def _rule(self, address: str) -> str | None:
        """What a recipient that says how it fails is answered this time; None: accepted."""
        rule = re.match(r"(fail|reject)-(\d+)-", address)
        if rule is None:
            return None
        if rule[1] == "reject":
            return f"{rule[2]} recipient refused by rule"
        self._attempts[address] += 1
        return "451 4.3.0 try again later" if self._attempts[address] <= int(rule[2]) else None

    async def handle_DATA(self, server, session, envelope):
        if await self._turn():
            return REFUSAL
        self._store.write(json.dumps({
            "time": time.time(), "from": envelope.mail_from, "to": envelope.rcpt_tos,
            "mail_options": envelope.mail_options, "rcpt_options": envelope.rcpt_options,
            "helo": session.host_name, "tls": session.ssl is not None,
            "login": getattr(session, "login_name", None),
            "data": base64.b64encode(envelope.original_content).decode()}) + "\n")
        self._store.flush()
        return "250 2.0.0 accepted"

    async def handle_RSET(self, server, session, envelope):
        return REFUSAL if await self._turn() else "250 2.0.0 OK"

    async def handle_QUIT(self, server, session, envelope):
        await self._turn()
        return "221 2.0.0 bye"


def _authenticator(login):
    def check(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and \
            [data.login.decode(), data.password.decode()] == list(login)
        if good:
            session.login_name = data.login.decode()
        return AuthResult(success=good, handled=False)
    return check


async def main() -> None:
    options = json.loads(sys.argv[1])
    keywords = {"data_size_limit": options["max_size"], "enable_SMTPUTF8": False, "ident": "keeper"}
    if options["tls"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options["tls"]["cert"], options["tls"]["key"])
        keywords |= {"tls_context": context, "require_starttls": options["require_tls"]}
    if options["login"]:
        keywords |= {"authenticator": _authenticator(options["login"]), "auth_required": True,
                     "auth_require_tls": bool(options["tls"])}
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set_result, None)
    controller = UnthreadedController(Keeper(options), hostname="127.0.0.1", port=options["port"],
                                      loop=loop, **keywords)
    server = await controller._create_server()
    await ended
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
