"""Calls on tenants and keys."""

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import ApiKey, BusinessTenant
from .serializers import ApiKeyCreateSerializer, ApiKeySerializer, RegisterSerializer, TenantSerializer

WARNING = "Save this API key securely. It will not be shown again!"


class RegisterView(APIView):
    """A new tenant and its first key."""

    def post(self, request):
        serializer = RegisterSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        tenant = BusinessTenant.objects.create(**serializer.validated_data)
        key, raw = ApiKey.issue(tenant, name="Initial API Key")
        return Response({"tenant": TenantSerializer(tenant).data,
                         "api_key": {"id": key.id, "name": key.name, "key": raw, "warning": WARNING}},
                        status=status.HTTP_201_CREATED)


class MeView(APIView):
    """The caller's tenant."""

    def get(self, request):
        return Response(TenantSerializer(request.tenant).data)


class ApiKeysView(APIView):
    """The caller's keys."""

    def get(self, request):
        return Response(ApiKeySerializer(request.tenant.api_keys.select_related("tenant"), many=True).data)

    def post(self, request):
        serializer = ApiKeyCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, raw = ApiKey.issue(request.tenant, **serializer.validated_data)
        return Response({"id": key.id, "name": key.name, "api_key": raw,
                         "created_at": ApiKeySerializer(key).data["created_at"], "warning": WARNING},
                        status=status.HTTP_201_CREATED)


class ApiKeyDeactivateView(APIView):
    """Ends a key of the caller's tenant, but not the one in use."""

    def post(self, request, key_id):
        key = request.tenant.api_keys.filter(id=key_id).first()
        if key is None:
            return Response({"error": "API key not found"}, status=status.HTTP_404_NOT_FOUND)
        if key.id == request.api_key.id:
            return Response({"error": "Cannot deactivate the API key currently in use"},
                            status=status.HTTP_400_BAD_REQUEST)
        key.is_active = False
        key.save(update_fields=["is_active"])
        return Response({"message": "API key deactivated successfully"})
