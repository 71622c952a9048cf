"""Templates, notifications and the dead letters of those given up."""

import uuid

from django.db import models

from tenants.models import BusinessTenant


class Channel(models.TextChoices):
    """Ways to reach a recipient."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    PUSH = "push"


class Status(models.TextChoices):
    """Where a notification is."""

    PENDING = "pending"
    PROCESSING = "processing"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Template(models.Model):
    """A Jinja2 template of a tenant."""

    tenant = models.ForeignKey(BusinessTenant, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=255)
    channel = models.CharField(max_length=20, choices=Channel.choices)
    subject = models.CharField(max_length=255, null=True, blank=True)
    body = models.TextField()
    variables = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "templates"
        unique_together = [("tenant", "name")]
        ordering = ["-created_at"]


class Notification(models.Model):
    """One message to one recipient."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(BusinessTenant, on_delete=models.CASCADE, related_name="notifications")
    channel = models.CharField(max_length=20, choices=Channel.choices)
    to = models.CharField(max_length=255)
    template = models.ForeignKey(Template, on_delete=models.SET_NULL, null=True, blank=True,
                                 related_name="notifications")
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    provider_response = models.JSONField(default=dict, blank=True)
    error_message = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notifications"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["tenant", "status"], name="notificatio_tenant__165236_idx"),
            models.Index(fields=["tenant", "created_at"], name="notificatio_tenant__f87df4_idx"),
            models.Index(fields=["status", "created_at"], name="notificatio_status_dee16f_idx"),
        ]


class DeadLetter(models.Model):
    """Why a notification was given up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.OneToOneField(Notification, on_delete=models.CASCADE, related_name="dead_letter")
    reason = models.TextField()
    retry_count = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "dead_letters"
        ordering = ["-created_at"]
