"""Tenants and their API keys."""

import secrets
import uuid

from django.contrib.auth.hashers import check_password, make_password
from django.db import models

PREFIX_LIVE = "sk_live_"
PREFIX_TEST = "sk_test_"
SECRET_BYTES = 32


class BusinessTenant(models.Model):
    """A customer. The address is unique by the API's rule, not by the database's."""

    tenant_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    email = models.EmailField(max_length=254)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "business_tenants"


class ApiKey(models.Model):
    """A key, stored as Django stores a password."""

    tenant = models.ForeignKey(BusinessTenant, on_delete=models.CASCADE, related_name="api_keys")
    key_hash = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"
        ordering = ["-created_at"]

    @classmethod
    def issue(cls, tenant, name="", is_test=False):
        """Makes a key; returns its row and the key itself, which is not kept."""
        raw = (PREFIX_TEST if is_test else PREFIX_LIVE) + secrets.token_urlsafe(SECRET_BYTES)
        return cls.objects.create(tenant=tenant, name=name, key_hash=make_password(raw)), raw

    @classmethod
    def find(cls, raw):
        """The active key of an active tenant that RAW is, by trying them all; or None."""
        candidates = cls.objects.select_related("tenant").filter(is_active=True, tenant__is_active=True)
        for candidate in candidates:
            if check_password(raw, candidate.key_hash):
                return candidate
        return None
