"""The task that sends one notification."""

import logging

from celery import shared_task
from django.utils import timezone

from .models import DeadLetter, Notification, Status
from .providers.base import provider_for
from .rendering import render

logger = logging.getLogger(__name__)

MAX_RETRIES = 3
BACKOFF_MAX_S = 900


@shared_task(bind=True, name="notifications.tasks.send_notification_task", autoretry_for=(Exception,),
             retry_backoff=True, retry_backoff_max=BACKOFF_MAX_S, retry_jitter=True, max_retries=MAX_RETRIES)
def send_notification_task(self, notification_id):
    """Sends the notification, records what became of it, and leaves the retrying to Celery."""
    try:
        notification = Notification.objects.select_related("tenant", "template").get(id=notification_id)
    except Notification.DoesNotExist:
        logger.error("notification %s does not exist", notification_id)
        return
    if notification.status in (Status.SENT, Status.DELIVERED):
        logger.info("notification %s is %s already", notification_id, notification.status)
        return
    notification.status = Status.PROCESSING
    notification.save(update_fields=["status", "updated_at"])
    try:
        response = _send(notification)
    except Exception as error:
        _record_failure(notification, str(error), self.request.retries)
        if self.request.retries >= MAX_RETRIES:
            return
        raise
    notification.status = Status.SENT
    notification.sent_at = timezone.now()
    notification.provider_response = response
    notification.save(update_fields=["status", "sent_at", "provider_response", "updated_at"])


def _send(notification):
    data = notification.data.get("template_data") or {}
    if notification.template:
        subject, body = notification.template.subject, notification.template.body
    else:
        subject, body = notification.data.get("inline_subject"), notification.data.get("inline_body")
    subject, body = render(subject, data), render(body, data)
    return provider_for(notification.channel).send(notification.to, subject, body)


def _record_failure(notification, text, retries):
    notification.error_message = text
    if retries < MAX_RETRIES:
        notification.save(update_fields=["error_message", "updated_at"])
        return
    notification.status = Status.FAILED
    notification.save(update_fields=["status", "error_message", "updated_at"])
    DeadLetter.objects.create(notification=notification, reason=text, retry_count=retries)
    logger.error("notification %s given up after %d retries", notification.id, retries)
