"""Paths on templates, notifications and dead letters."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("templates", views.TemplateViewSet, basename="template")

urlpatterns = [
    path("", include(router.urls)),
    path("notify/", views.NotifyView.as_view()),
    path("notifications/", views.NotificationsView.as_view()),
    path("notifications/<uuid:notification_id>/", views.NotificationView.as_view()),
    path("dead-letters/", views.DeadLettersView.as_view()),
]
