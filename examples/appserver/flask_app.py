# ruff: noqa: INP001 - a script
"""The same in Flask: an application with a login that gives tokens and forms to its users.

Run it beside ``ossia up`` (whose config.json is in its data folder)::

    pip install flask
    export CONFIG=ossia-data/appserver/config.json BUCKET=ossia-demo
    flask --app flask_app run --port 8000

A WSGI application needs no bridge: it knows who is signed in, and asks `Answers` for the rest.
"""

import os
import secrets
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, redirect, request, session
from werkzeug.wrappers import Response as BaseResponse

from ossia.appserver import Grant, app_config
from ossia.appserver.answers import Answers
from ossia.appserver.receipts import Receipts
from ossia.appserver.uploads import Upload
from ossia.client import StsUnreachable
from ossia.errors import RpcError
from ossia.receiver.flask import CallbackNotVerified, verified_callback

HERE = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")
"""Under which the object storage reaches this application."""

USERS = {"alice": "wonderland", "bob": "builder"}
"""Yours come from a database, with hashed passwords."""

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", secrets.token_hex())

config = app_config(
    Path(os.environ.get("CONFIG", "config.json")),
    endpoint=os.environ.get("ENDPOINT", "http://127.0.0.1:9000"),
    bucket=os.environ.get("BUCKET", "ossia-demo"),
    callback_url=f"{HERE}/callback",
)
answers = Answers(config)
receipts = Receipts(config)
received: dict[str, Upload] = {}
"""Yours go into a database."""


def granted() -> Grant:
    """Say what the one who is signed in may upload."""
    user = session.get("user")
    if user is None:
        abort(401)
    return Grant(
        user=user,
        prefix=f"users/{user}/",
        max_size=10 * 1024 * 1024,
        callback_variables={"x:user": user},
    )


@app.post("/login")
def login() -> BaseResponse:
    """Sign in."""
    user, password = request.form["user"], request.form["password"]
    if not secrets.compare_digest(USERS.get(user, "").encode(), password.encode()) or not password:
        abort(401)
    session["user"] = user
    return redirect("/", 303)


@app.get("/token")
def token() -> dict[str, Any]:
    """Answer what the mobile SDKs ask for."""
    return answers.token(granted())


@app.get("/policy")
def policy() -> dict[str, Any]:
    """Answer what web pages ask for."""
    sign = answers.form_v4 if request.args.get("version") == "v4" else answers.form_v1
    return sign(granted())


@app.after_request
def never_cached(response: Response) -> Response:
    """Keep tokens and forms out of caches."""
    response.headers["Cache-Control"] = "no-store"
    return response


@app.post("/callback")
def callback() -> dict[str, Any]:
    """Record an upload that the object storage tells of, once, if it is one to believe."""
    told = verified_callback(request, trusted_key_urls=config.trusted_key_urls)
    receipt = receipts.accept(told)
    upload = received.setdefault(receipt.mark, receipt.upload)
    return {"Status": "OK", "object": upload.object, "user": upload.variables["x:user"]}


@app.errorhandler(CallbackNotVerified)
def not_verified(error: CallbackNotVerified) -> tuple[dict[str, Any], int]:
    """Refuse what the object storage did not send."""
    return {"Status": "verify not ok", "Reason": error.reason}, 400


@app.errorhandler(RpcError)
@app.errorhandler(StsUnreachable)
def no_token(error: Exception) -> tuple[dict[str, Any], int]:
    """Say that STS gave nothing."""
    return {"StatusCode": 502, "ErrorCode": "Sts", "ErrorMessage": str(error)}, 502
