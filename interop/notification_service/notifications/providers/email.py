"""E-mail through Django's mail backend."""

from django.conf import settings
from django.core.mail import EmailMessage


class EmailProvider:
    """Sends plain text by SMTP."""

    def send(self, to, subject, body):
        """Sends one mail; returns what goes into provider_response. Raises on any failure."""
        if not body:
            raise ValueError("Email body is required")
        if not settings.DEFAULT_FROM_EMAIL:
            raise ValueError("DEFAULT_FROM_EMAIL is not configured")
        message = EmailMessage(subject=subject or "Notification", body=body,
                               from_email=settings.DEFAULT_FROM_EMAIL, to=[to])
        count = message.send(fail_silently=False)
        return {"provider": "email", "status": "sent", "message_id": None,
                "detail": f"Sent to {count} recipient",
                "raw": {"sent_count": count, "backend": "EmailBackend"}}
