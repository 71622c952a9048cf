"""Paths on tenants and keys."""

from django.urls import path

from . import views

urlpatterns = [
    path("tenants/register/", views.RegisterView.as_view()),
    path("tenants/me/", views.MeView.as_view()),
    path("api-keys/", views.ApiKeysView.as_view()),
    path("api-keys/<int:key_id>/deactivate/", views.ApiKeyDeactivateView.as_view()),
]
