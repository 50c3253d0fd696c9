# ruff: noqa: INP001 - a script
"""An application with a login that mounts Ossia's application server below /oss.

Run it beside ``ossia up`` (whose config.json is in its data folder)::

    pip install fastapi uvicorn itsdangerous
    export CONFIG=ossia-data/appserver/config.json BUCKET=ossia-demo
    uvicorn fastapi_app:app --port 8000

Then sign in at http://127.0.0.1:8000/ and upload: every user has a folder of his own.
"""

import os
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.middleware.sessions import SessionMiddleware

from ossia.appserver import Grant, Refused, app_config
from ossia.appserver.app import create_app
from ossia.appserver.uploads import Uploads

HERE = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")
"""Under which the object storage reaches this application."""

USERS = {"alice": "wonderland", "bob": "builder"}
"""Yours come from a database, with hashed passwords."""


def may_upload(request: Request) -> Grant:
    """Say what the one who is signed in may upload.  The session is that of this application."""
    user = request.session.get("user")
    if user is None:
        raise Refused(401, "Sign in first.")
    return Grant(
        user=user,
        prefix=f"users/{user}/",
        max_size=10 * 1024 * 1024,
        callback_variables={"x:user": user},
    )


app = FastAPI()
# On https add https_only=True.
app.add_middleware(
    SessionMiddleware, secret_key=os.environ.get("SECRET_KEY", secrets.token_hex()), max_age=3600
)

config = app_config(
    Path(os.environ.get("CONFIG", "config.json")),
    endpoint=os.environ.get("ENDPOINT", "http://127.0.0.1:9000"),
    bucket=os.environ.get("BUCKET", "ossia-demo"),
    callback_url=f"{HERE}/oss/callback",
)
app.mount(
    "/oss",
    create_app(config, Uploads(Path(os.environ.get("STORE", "uploads.sqlite3"))), hook=may_upload),
)


@app.get("/")
def home(request: Request) -> Response:
    """Show the login, or lead to the upload page."""
    if "user" in request.session:
        return RedirectResponse("/oss/")
    return HTMLResponse(
        '<form method="post" action="/login"><input name="user" placeholder="alice">'
        '<input name="password" type="password" placeholder="wonderland"><button>Sign in</button>'
        "</form>"
    )


@app.post("/login")
def login(
    request: Request, user: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    """Sign in."""
    if not secrets.compare_digest(USERS.get(user, "").encode(), password.encode()) or not password:
        raise HTTPException(401, "No such user, or another password.")
    request.session["user"] = user
    return RedirectResponse("/oss/", 303)


@app.post("/logout")
def logout(request: Request) -> Response:
    """Sign out."""
    request.session.clear()
    return RedirectResponse("/", 303)
