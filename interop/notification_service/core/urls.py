"""All paths."""

from django.http import JsonResponse
from django.urls import include, path


def health(_request):
    """Says that the process answers."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("health/", health),
    path("v1/", include("tenants.urls")),
    path("v1/", include("notifications.urls")),
]
