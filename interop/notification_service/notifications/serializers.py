"""What the calls on templates and notifications take and give."""

import re

from rest_framework import serializers

from .models import Channel, DeadLetter, Notification, Template

NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9_]*$")
EMAIL = re.compile(r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$")
PHONE = re.compile(r"^\+[1-9]\d{6,14}$")


class TemplateSerializer(serializers.ModelSerializer):
    """A template."""

    class Meta:
        model = Template
        fields = ["id", "name", "channel", "subject", "body", "variables", "is_active", "created_at",
                  "updated_at"]

    def validate_name(self, value):
        """Names are identifiers."""
        if not NAME.match(value):
            raise serializers.ValidationError("Template name must start with a letter and contain only "
                                              "letters, numbers, and underscores.")
        return value

    def validate(self, attrs):
        """An email template needs a subject."""
        channel = attrs.get("channel", getattr(self.instance, "channel", None))
        subject = attrs.get("subject", getattr(self.instance, "subject", None))
        if channel == Channel.EMAIL and not subject:
            raise serializers.ValidationError({"subject": "Subject is required for email templates."})
        return attrs


class NotifySerializer(serializers.Serializer):
    """A notification to send."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    to = serializers.CharField(max_length=255)
    template = serializers.CharField(required=False, allow_null=True)
    template_id = serializers.IntegerField(required=False, allow_null=True)
    subject = serializers.CharField(max_length=255, required=False, allow_null=True, allow_blank=True)
    body = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    data = serializers.JSONField(required=False, default=dict)

    def validate(self, attrs):
        """What the fields must be to each other."""
        from_template = attrs.get("template") or attrs.get("template_id")
        if not from_template and not attrs.get("body"):
            raise serializers.ValidationError(
                {"template": "Either template/template_id or body must be provided."})
        channel, to = attrs["channel"], attrs["to"]
        if channel == Channel.EMAIL and not from_template and not attrs.get("subject"):
            raise serializers.ValidationError({"subject": "Subject is required for email notifications."})
        if channel == Channel.EMAIL and not EMAIL.match(to):
            raise serializers.ValidationError({"to": "Invalid email address format."})
        if channel in (Channel.SMS, Channel.WHATSAPP) and not PHONE.match(to):
            raise serializers.ValidationError(
                {"to": "Invalid phone number format. Use E.164 format (e.g., +1234567890)."})
        return attrs


class NotificationSerializer(serializers.ModelSerializer):
    """A notification as it stands."""

    template_name = serializers.CharField(source="template.name", read_only=True)

    class Meta:
        model = Notification
        fields = ["id", "channel", "to", "template", "template_name", "data", "status", "error_message",
                  "created_at", "updated_at", "sent_at"]


class DeadLetterSerializer(serializers.ModelSerializer):
    """A dead letter."""

    notification_id = serializers.UUIDField(read_only=True)
    notification_channel = serializers.CharField(source="notification.channel", read_only=True)
    notification_to = serializers.CharField(source="notification.to", read_only=True)

    class Meta:
        model = DeadLetter
        fields = ["id", "notification_id", "notification_channel", "notification_to", "reason",
                  "retry_count", "created_at"]
