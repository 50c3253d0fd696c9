"""Applications that receive callbacks with `ossia.receiver`: one for Flask, Django and FastAPI each.

They take any path, and answer with what they verified, or with 400 and the reason.
"""

from typing import Any

import django
import fastapi
import flask
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

import ossia.receiver.django
import ossia.receiver.flask
import ossia.receiver.starlette
from ossia.receiver.verify import CallbackNotVerified, Fetch, VerifiedCallback, fetch_key


def answer(framework: str, callback: VerifiedCallback) -> dict[str, Any]:
    values = callback.values()
    return {"Status": "OK", "framework": framework, "values": values, "bucket": callback.bucket}


def refusal(error: CallbackNotVerified) -> dict[str, Any]:
    return {"Status": "verify not ok", "reason": error.reason}


def flask_app(trusted: list[str], fetch: Fetch = fetch_key) -> flask.Flask:
    app = flask.Flask("receiver")

    @app.post("/", defaults={"path": ""})
    @app.post("/<path:path>")
    def uploaded(path: str) -> dict[str, Any]:
        callback = ossia.receiver.flask.verified_callback(
            flask.request, trusted_key_urls=trusted, fetch=fetch
        )
        return answer("flask", callback)

    @app.errorhandler(CallbackNotVerified)
    def refused(error: CallbackNotVerified) -> tuple[dict[str, Any], int]:
        return refusal(error), 400

    return app


def fastapi_app(trusted: list[str], fetch: Fetch = fetch_key) -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    @app.post("/{path:path}")
    async def uploaded(request: fastapi.Request, path: str) -> dict[str, Any]:
        callback = await ossia.receiver.starlette.verified_callback(
            request, trusted_key_urls=trusted, fetch=fetch
        )
        return answer("fastapi", callback)

    @app.exception_handler(CallbackNotVerified)
    async def refused(_: fastapi.Request, error: CallbackNotVerified) -> fastapi.Response:
        return fastapi.responses.JSONResponse(refusal(error), 400)

    return app


@csrf_exempt  # type: ignore[untyped-decorator]
def django_view(request: HttpRequest) -> JsonResponse:
    try:
        callback = ossia.receiver.django.verified_callback(
            request, trusted_key_urls=settings.CALLBACK_KEY_URLS, fetch=settings.CALLBACK_FETCH
        )
    except CallbackNotVerified as error:
        return JsonResponse(refusal(error), status=400)
    return JsonResponse(answer("django", callback))


urlpatterns = [re_path("", django_view)]


def set_up_django(trusted: list[str], fetch: Fetch = fetch_key) -> None:
    """Django has one configuration per process."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["127.0.0.1", "testserver"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=[
                "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
            ],
            USE_TZ=True,
        )
        django.setup()
    settings.CALLBACK_KEY_URLS = trusted
    settings.CALLBACK_FETCH = fetch


def django_wsgi(trusted: list[str]) -> Any:
    set_up_django(trusted)
    return get_wsgi_application()


def django_asgi(trusted: list[str]) -> Any:
    set_up_django(trusted)
    return get_asgi_application()
