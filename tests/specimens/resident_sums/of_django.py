"""A small Django project with its database in memory, queried four hundred times by Django's test client."""

import sums

sums.begin()

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of a test",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions",
                    "django.contrib.messages", "django.contrib.admin"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                   "django.contrib.auth.context_processors.auth",
                                                   "django.contrib.messages.context_processors.messages"]}}],
)  # fmt: skip
django.setup()

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.urls import path

LIST = "<ul>{% for one in groups %}<li>{{ one.pk }} {{ one.name }}</li>{% endfor %}</ul>"
cache = {}


def groups(request, letter):
    found = Group.objects.filter(name__startswith=letter).order_by("name")
    body = engines["django"].from_string(LIST).render({"groups": found}, request)
    cache[request.get_full_path()] = body
    return HttpResponse(body)


urlpatterns = [path("groups/<str:letter>", groups), path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
Group.objects.bulk_create([Group(name=f"{number % 10}{number}") for number in range(5000)])
User.objects.create_superuser("a", "a@example.com", "b")
client = Client()
client.force_login(User.objects.get(username="a"))
for number in range(300):
    assert client.get(f"/groups/{number % 10}?{number}").status_code == 200
for number in range(100):
    assert client.get(f"/admin/auth/group/?p={number % 20 + 1}").status_code == 200
sums.end()
