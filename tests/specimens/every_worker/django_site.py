"""A single-file site for Django's runserver. It answers with the pid of the process that serves it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import path
from leak import leak

if TYPE_CHECKING:
    from typing import Any

DEBUG = True
SECRET_KEY = "of a test"
ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["127.0.0.1"]
urlpatterns = [
    path("", lambda request: HttpResponse(str(os.getpid()))),
    path("leak", lambda request: HttpResponse(str(leak()))),
]

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "django_site"
    from django.core.management import execute_from_command_line

    run: Any = execute_from_command_line
    run(sys.argv)
