"""Calls on templates, notifications and dead letters."""

from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import DeadLetter, Notification, Template
from .rendering import render
from .serializers import DeadLetterSerializer, NotificationSerializer, NotifySerializer, TemplateSerializer
from .tasks import send_notification_task

LIMIT = 100


def _limit(request):
    return int(request.query_params.get("limit", LIMIT))


class TemplateViewSet(viewsets.ModelViewSet):
    """The caller's templates."""

    serializer_class = TemplateSerializer

    def get_queryset(self):
        return Template.objects.filter(tenant=self.request.tenant)

    def get_object(self):
        # Asked for in so many words, because DRF's own text for it depends on DRF's version.
        try:
            found = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        except (TypeError, ValueError) as error:
            raise NotFound() from error
        if found is None:
            raise NotFound()
        return found

    def perform_create(self, serializer):
        serializer.save(tenant=self.request.tenant)

    @action(detail=True, methods=["post"])
    def preview(self, request, pk=None):
        """Subject and body with the caller's data."""
        template = self.get_object()
        data = request.data.get("data", {})
        try:
            subject, body = render(template.subject, data), render(template.body, data)
        except Exception as error:
            return Response({"error": f"Template rendering failed: {error}"},
                            status=status.HTTP_400_BAD_REQUEST)
        return Response({"subject": subject, "body": body})


class NotifyView(APIView):
    """Accepts a notification: the row first, then the task."""

    def post(self, request):
        serializer = NotifySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wish = serializer.validated_data
        template, problem = self._template(request.tenant, wish)
        if problem:
            return Response({"error": problem}, status=status.HTTP_404_NOT_FOUND)
        notification = Notification.objects.create(
            tenant=request.tenant, channel=wish["channel"], to=wish["to"], template=template,
            data={"template_data": wish["data"], "inline_subject": wish.get("subject"),
                  "inline_body": wish.get("body")})
        send_notification_task.delay(str(notification.id))
        body = NotificationSerializer(notification).data
        return Response({name: body[name] for name in ("id", "status", "channel", "to", "created_at")},
                        status=status.HTTP_202_ACCEPTED)

    @staticmethod
    def _template(tenant, wish):
        active = Template.objects.filter(tenant=tenant, is_active=True)
        if wish.get("template"):
            found = active.filter(name=wish["template"]).first()
            return found, None if found else f"Template '{wish['template']}' not found or inactive"
        if wish.get("template_id"):
            found = active.filter(id=wish["template_id"]).first()
            return found, None if found else f"Template with ID {wish['template_id']} not found or inactive"
        return None, None


class NotificationsView(APIView):
    """The caller's notifications, newest first."""

    def get(self, request):
        found = Notification.objects.filter(tenant=request.tenant).select_related("template")
        for name in ("status", "channel"):
            if request.query_params.get(name):
                found = found.filter(**{name: request.query_params[name]})
        return Response(NotificationSerializer(found[:_limit(request)], many=True).data)


class NotificationView(APIView):
    """One notification of the caller."""

    def get(self, request, notification_id):
        found = Notification.objects.filter(tenant=request.tenant, id=notification_id) \
            .select_related("template").first()
        if found is None:
            return Response({"error": "Notification not found"}, status=status.HTTP_404_NOT_FOUND)
        return Response(NotificationSerializer(found).data)


class DeadLettersView(APIView):
    """The caller's dead letters, newest first."""

    def get(self, request):
        found = DeadLetter.objects.filter(notification__tenant=request.tenant).select_related("notification")
        return Response(DeadLetterSerializer(found[:_limit(request)], many=True).data)
