"""Django's SMTP backend with its connection kept open: what a careful deployment would use."""

import smtplib
import threading

from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

_kept = threading.local()


class EmailBackend(SmtpBackend):
    """Shares one SMTP connection among all mails of a thread, and opens it again when it broke."""

    def open(self):
        if self.connection is None:
            self.connection = getattr(_kept, "connection", None)
        if self.connection is None:
            super().open()
            _kept.connection = self.connection
        return False  # "not opened by this call", so that send_messages leaves it open

    def _drop(self):
        connection, _kept.connection, self.connection = _kept.connection, None, None
        if connection is not None:
            connection.close()

    def send_messages(self, email_messages):
        for last in (False, True):
            try:
                return super().send_messages(email_messages)
            except smtplib.SMTPResponseException as error:
                self._drop()  # the transaction is in doubt; the server may also have said good-bye
                if last or error.smtp_code != 421:
                    raise
            except smtplib.SMTPServerDisconnected:
                self._drop()
                if last:
                    raise
            except Exception:
                self._drop()
                raise
