"""API keys: who may call /v1/, and as whom."""

from django.http import JsonResponse
from django.utils import timezone

from .models import ApiKey

GUARDED = "/v1/"
OPEN = ("/v1/tenants/register",)


def _error(status, error, detail):
    return JsonResponse({"error": error, "detail": detail}, status=status)


class ApiKeyMiddleware:
    """Puts tenant and api_key on the request; names the tenant in the response."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.tenant = None
        request.api_key = None
        if not request.path.startswith(GUARDED) or request.path.startswith(OPEN):
            return self.get_response(request)
        raw = request.headers.get("X-API-KEY")
        if not raw:
            return _error(401, "Authentication required", "Missing X-API-KEY header")
        key = ApiKey.find(raw)
        if key is None:
            return _error(401, "Invalid API key", "The provided API key is invalid or inactive")
        if not key.tenant.is_active:
            return _error(403, "Tenant inactive", "Your account has been deactivated")
        key.last_used_at = timezone.now()
        key.save(update_fields=["last_used_at"])
        request.tenant = key.tenant
        request.api_key = key
        response = self.get_response(request)
        response["X-Tenant-ID"] = str(key.tenant.tenant_id)
        return response
