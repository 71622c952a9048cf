"""Real servers for tests: started on free ports of 127.0.0.1, stopped and removed without trace.

    with Session("mytest") as session:
        redis = Redis(session).start()
        postgres = Postgres(session).start()
        sink = SmtpSink(session).start()
        api = DjangoApi(session).start()
        worker = CeleryWorker(session, venv="newest").start()

Each server has start, stop, kill, freeze, thaw, restart, wait_ready and a log. Everything but the
Python side (venvs) and SmtpServer (aiosmtpd) runs on the standard library of the system's Python.
From a shell or ctest: python3 -m tests.services up redis postgres sink -- COMMAND ARGUMENTS
"""

from .api_server import ApiRequest, ApiServer
from .celeriac import CeleriacApi, CeleriacWorker
from .postgres import Postgres
from .python_side import CeleryWorker, DjangoApi, HttpServer, app_python, manage
from .redis_server import Redis
from .report import Report
from .resp import RedisError, RespClient
from .server import Server, wait_until
from .session import ROOT, ServiceError, Session
from .sink import Arrival, SmtpSink
from .smtp_server import Mail, SmtpServer

__all__ = ["ApiRequest", "ApiServer", "Arrival", "CeleriacApi", "CeleriacWorker", "CeleryWorker", "DjangoApi",
           "HttpServer", "Mail",
           "Postgres", "ROOT", "Redis", "RedisError", "Report", "RespClient", "Server", "ServiceError",
           "Session", "SmtpServer", "SmtpSink", "app_python", "manage", "wait_until"]
