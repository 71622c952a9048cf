"""Tables business_tenants and api_keys."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The columns in the order that existing installations have."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="BusinessTenant",
            fields=[
                ("tenant_id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True,
                                               serialize=False)),
                ("name", models.CharField(max_length=255)),
                ("email", models.EmailField(max_length=254)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={"db_table": "business_tenants"},
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False,
                                           verbose_name="ID")),
                ("key_hash", models.CharField(max_length=255, unique=True)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE,
                                             related_name="api_keys", to="tenants.businesstenant")),
            ],
            options={"db_table": "api_keys", "ordering": ["-created_at"]},
        ),
    ]
