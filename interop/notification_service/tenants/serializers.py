"""What the calls on tenants and keys take and give."""

from rest_framework import serializers

from .models import ApiKey, BusinessTenant


class TenantSerializer(serializers.ModelSerializer):
    """A tenant."""

    class Meta:
        model = BusinessTenant
        fields = ["tenant_id", "name", "email", "is_active", "created_at", "updated_at"]


class RegisterSerializer(serializers.Serializer):
    """A new tenant."""

    name = serializers.CharField(max_length=255)
    email = serializers.EmailField()

    def validate_email(self, value):
        """An address belongs to one tenant."""
        if BusinessTenant.objects.filter(email=value).exists():
            raise serializers.ValidationError("A tenant with this email already exists.")
        return value


class ApiKeySerializer(serializers.ModelSerializer):
    """A key without its secret."""

    tenant_name = serializers.CharField(source="tenant.name", read_only=True)

    class Meta:
        model = ApiKey
        fields = ["id", "tenant_name", "name", "is_active", "created_at", "last_used_at"]


class ApiKeyCreateSerializer(serializers.Serializer):
    """A new key."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    is_test = serializers.BooleanField(required=False, default=False)
