"""Settings of the oracle: those of a deployment, from the environment or a .env file."""

from pathlib import Path

import environ

env = environ.Env()
_env_file = Path.cwd() / ".env"
if _env_file.is_file():
    env.read_env(str(_env_file))

SECRET_KEY = env("DJANGO_SECRET_KEY", default="only-for-tests-on-this-machine")
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"]), "0.0.0.0"]

# Python at its best, for measurements: without it every task opens a database and an SMTP
# connection of its own, which is what Django does unless it is told otherwise.
KEEP_CONNECTIONS = env.bool("ORACLE_KEEP_CONNECTIONS", default=False)

# One round for each hash of a key, so that a test can ask thousands of questions.
if env.bool("ORACLE_QUICK_KEYS", default=False):
    PASSWORD_HASHERS = ["core.quick_keys.QuickHasher"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "tenants",
    "notifications",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.ApiKeyMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = "core.urls"
WSGI_APPLICATION = "core.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": env("DB_NAME", default="notification_service"),
        "USER": env("DB_USER", default="notification_user"),
        "PASSWORD": env("DB_PASSWORD", default="notif_pass"),
        "HOST": env("DB_HOST", default="127.0.0.1"),
        "PORT": env("DB_PORT", default="5432"),
        "CONN_MAX_AGE": None if KEEP_CONNECTIONS else 0,
    }
}

TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en-us"

REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL

EMAIL_BACKEND = ("notifications.providers.kept_smtp.EmailBackend" if KEEP_CONNECTIONS
                 else "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = env("EMAIL_HOST", default="")
EMAIL_PORT = env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=True)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default=EMAIL_HOST_USER)
