"""Tables templates, notifications and dead_letters."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

CHANNELS = [("email", "Email"), ("sms", "Sms"), ("whatsapp", "Whatsapp"), ("push", "Push")]
STATES = [("pending", "Pending"), ("processing", "Processing"), ("sent", "Sent"), ("delivered", "Delivered"),
          ("failed", "Failed")]


class Migration(migrations.Migration):
    """The columns in the order that existing installations have."""

    initial = True
    dependencies = [("tenants", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False,
                                           verbose_name="ID")),
                ("name", models.CharField(max_length=255)),
                ("channel", models.CharField(choices=CHANNELS, max_length=20)),
                ("subject", models.CharField(blank=True, max_length=255, null=True)),
                ("body", models.TextField()),
                ("variables", models.JSONField(blank=True, default=dict)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE,
                                             related_name="templates", to="tenants.businesstenant")),
            ],
            options={"db_table": "templates", "ordering": ["-created_at"],
                     "unique_together": {("tenant", "name")}},
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("channel", models.CharField(choices=CHANNELS, max_length=20)),
                ("to", models.CharField(max_length=255)),
                ("data", models.JSONField(default=dict)),
                ("status", models.CharField(choices=STATES, default="pending", max_length=20)),
                ("provider_response", models.JSONField(blank=True, default=dict)),
                ("error_message", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE,
                                             related_name="notifications", to="tenants.businesstenant")),
                ("template", models.ForeignKey(blank=True, null=True,
                                               on_delete=django.db.models.deletion.SET_NULL,
                                               related_name="notifications", to="notifications.template")),
            ],
            options={
                "db_table": "notifications", "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["tenant", "status"], name="notificatio_tenant__165236_idx"),
                    models.Index(fields=["tenant", "created_at"], name="notificatio_tenant__f87df4_idx"),
                    models.Index(fields=["status", "created_at"], name="notificatio_status_dee16f_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("reason", models.TextField()),
                ("retry_count", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("notification", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE,
                                                      related_name="dead_letter",
                                                      to="notifications.notification")),
            ],
            options={"db_table": "dead_letters", "ordering": ["-created_at"]},
        ),
    ]
