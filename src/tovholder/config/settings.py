"""Django's settings, derived from config/env.py and nothing else."""

from __future__ import annotations

from pathlib import Path

from tovholder.config import env as _env
from tovholder.config.logs import logging_config

ENV = _env.read()
ROOT = Path(__file__).resolve().parent.parent

SECRET_KEY = ENV.secret_key
DEBUG = False
ALLOWED_HOSTS = [*ENV.hosts, *(["testserver"] if ENV.name == "test" else [])]
PRODUCTION = ENV.name == "production"
PERSONAS_ALLOWED = ENV.personas_allowed

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_tasks",
    "django_tasks_db",
    "tovholder.access",
    "tovholder.store",
    "tovholder.jobs",
    "tovholder.cockpit",
    "tovholder.monitoring",
    "tovholder.web",
    "tovholder.config",
]
AUTH_USER_MODEL = "access.User"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tovholder.access.web.RequestIdMiddleware",
    "tovholder.store.presence.PresenceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tovholder.web.middleware.PageHeadersMiddleware",
    "tovholder.web.middleware.ProblemPageMiddleware",
    "tovholder.store.web.AnswerAuditMiddleware",
]
ROOT_URLCONF = "tovholder.config.urls"
WSGI_APPLICATION = "tovholder.config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "tovholder.web.context.page",
            ],
        },
    }
]

DATABASES = {"default": ENV.database.django()}
# Jobs stand in the record's own database: putting one in line is part of the transaction that asks for it.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "da"
LANGUAGES = [("da", "Dansk"), ("en", "English")]
LOCALE_PATHS = [ROOT / "web" / "locale"]
TIME_ZONE = "Europe/Copenhagen"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
LOGIN_URL = "/"

# The server decides how long a session lasts (access/sessions.py); the browser forgets its key when it is closed. The
# prefix makes the browser itself refuse a cookie that came from elsewhere, or without https.
SESSION_ENGINE = "tovholder.access.sessions"
SESSION_COOKIE_NAME = "__Host-tovholder" if PRODUCTION else "tovholder-session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "__Host-tovholder-csrf" if PRODUCTION else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "tovholder.web.views.failures.csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.limits.body
FILE_UPLOAD_MAX_MEMORY_SIZE = ENV.limits.body
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4000  # a recall list posts three fields for each patient it shows

LOGGING_CONFIG = None
logging_config(ENV)
