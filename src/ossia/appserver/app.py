"""The routes of the application server.

1. Without a hook nothing here knows who asks: as in the official samples, whoever reaches the
   server gets a token or a form.  With one, only those to whom it grants something.
2. A callback is acted on only after its signature was checked with a key that the configuration
   trusts, and only if it tells of what this server granted or of what is stored (`receipts`).
3. Tokens and forms are never cached by browsers or proxies.
4. The application may be mounted below any path of another one, whose session its hook then sees.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ossia.appserver.answers import Answers, Lend, now_ms
from ossia.appserver.config import AppConfig
from ossia.appserver.cors import Cors
from ossia.appserver.grant import Grant, GrantError, Hook, Refused, ask, bounds_of
from ossia.appserver.pages import missing_bundle_page, style_digest, uploads_page
from ossia.appserver.receipts import Receipts
from ossia.appserver.session_policy import require_bucket
from ossia.appserver.stored import Look, StorageSilentError
from ossia.appserver.token import error_answer, refusal_answer
from ossia.appserver.uploads import Upload, Uploads
from ossia.client import StsUnreachable
from ossia.errors import RpcError
from ossia.protocol.decimals import is_decimal
from ossia.receiver.starlette import verified_callback
from ossia.receiver.verify import CallbackNotVerified, Fetch, VerifiedCallback, fetch_key

log = logging.getLogger("ossia.appserver")

STATIC: Final = Path(__file__).parent / "static"
MAX_LISTED: Final = 1000

_DEFAULT_LISTED: Final = 50
_NO_STORE: Final = {"Cache-Control": "no-store"}
_GUARDED: Final = {
    # Pages without a script: what somebody called his file runs nothing and loads nothing.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{style_digest()}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of everything that is not the upload page."""
_TOKEN_PATHS: Final = ("/token", "/sts", "/sts/getsts")
_V4_PATH: Final = "/get_post_signature_for_oss_upload"


def create_app(
    config: AppConfig,
    uploads: Uploads,
    *,
    hook: Hook | None = None,
    lend: Lend | None = None,
    fetch: Fetch = fetch_key,
    look: Look | None = None,
    now_ms: Callable[[], int] = now_ms,
    static: Path = STATIC,
) -> Starlette:
    """The application, to serve or to mount.  It closes *uploads* when it stops.

    *hook* decides who gets what.  Raises `ConfigError` for a hook without a bucket.
    """
    if hook is not None:
        require_bucket(config)
    answers = Answers(config, per_user=hook is not None, lend=lend, now_ms=now_ms)
    receipts = Receipts(config, look=look, now_ms=now_ms)
    routes = _Routes(config, uploads, hook, answers, receipts, fetch, static)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        uploads.close()

    return Starlette(
        routes=routes.table(),
        middleware=[Middleware(Cors, origins=config.cors_origins)],
        lifespan=lifespan,
    )


async def _everybody(_: Request) -> Grant:
    return Grant()


_Sign = Callable[[Grant], dict[str, Any]]
_T = TypeVar("_T")


class _Routes:
    """One method per answer."""

    def __init__(
        self,
        config: AppConfig,
        uploads: Uploads,
        hook: Hook | None,
        answers: Answers,
        receipts: Receipts,
        fetch: Fetch,
        static: Path,
    ) -> None:
        self._config = config
        self._uploads = uploads
        self._hook = hook or _everybody
        self._is_per_user = hook is not None
        self._answers = answers
        self._receipts = receipts
        self._fetch = fetch
        self._static = static
        self._page_headers = _page_headers(config.upload_host)

    def table(self) -> list[BaseRoute]:
        return [
            Route("/", self.page),
            *(Route(path, self.token, methods=["GET", "POST"]) for path in _TOKEN_PATHS),
            Route("/policy", self.policy),
            Route(_V4_PATH, self.policy_v4),
            Route("/callback", self.callback, methods=["POST"]),
            Route("/uploads", self.uploads),
            Route("/health", self.health),
            Mount("/assets", StaticFiles(directory=self._static / "assets", check_dir=False)),
        ]

    async def page(self, _: Request) -> Response:
        index = self._static / "index.html"
        if not index.exists():
            return HTMLResponse(missing_bundle_page(), 503, headers=_GUARDED)
        return FileResponse(index, headers=self._page_headers)

    async def token(self, request: Request) -> Response:
        # 200 for refusals of STS: see the module `token`.
        return _answered(await self._granted(request, self._answers.token, refused_status=200))

    async def policy(self, request: Request) -> Response:
        if request.query_params.get("version", "") == "v4":
            return await self.policy_v4(request)
        return await self._form(request, self._answers.form_v1)

    async def policy_v4(self, request: Request) -> Response:
        return await self._form(request, self._answers.form_v4)

    async def _form(self, request: Request, sign: _Sign) -> Response:
        if not self._config.bucket:
            refused = RpcError(500, "NoBucket", "Start the server with --bucket to sign forms.")
            return _json(error_answer(refused), 500)
        return _answered(await self._granted(request, sign, refused_status=502))

    async def _granted(
        self, request: Request, work: Callable[[Grant], _T], *, refused_status: int = 502
    ) -> _T | Response:
        """What *work* makes of the grant of the one who asks, or why there is none."""
        try:
            grant = await ask(self._hook, request)
            return await asyncio.to_thread(work, grant)
        except Refused as refused:
            return _json(refusal_answer(refused), refused.status)
        except (RpcError, StsUnreachable) as refused:
            return _json(error_answer(refused), refused_status)
        except GrantError as mistake:
            log.error("grant_impossible reason=%r", str(mistake))  # noqa: TRY400 - no traceback
        except Exception:
            log.exception("hook_failed")
        failed = RpcError(500, "HookFailed", "Nothing was granted; the server's log says why.")
        return _json(error_answer(failed), 500)

    async def callback(self, request: Request) -> Response:
        try:
            callback = await verified_callback(
                request, trusted_key_urls=self._config.trusted_key_urls, fetch=self._fetch
            )
            recorded = await asyncio.to_thread(self._record, callback)
        except CallbackNotVerified as refused:
            log.warning("callback_refused reason=%r", refused.reason)
            return _json({"Status": "verify not ok", "Reason": refused.reason}, 400)
        except StorageSilentError as silent:
            log.error("callback_unchecked reason=%r", str(silent))  # noqa: TRY400 - a fact
            return _json({"Status": "verify not ok", "Reason": "the object is not seen"}, 503)
        return _json({"Status": "OK", **recorded.shown()})

    def _record(self, callback: VerifiedCallback) -> Upload:
        receipt = self._receipts.accept(callback)
        return self._uploads.record(receipt.upload, receipt.mark)

    async def uploads(self, request: Request) -> Response:
        """The latest uploads: everybody's, or with a hook those of the one who asks."""
        limit = _limit_of(request.query_params.get("limit", ""))

        def of(grant: Grant) -> list[Upload]:
            if not self._is_per_user:
                return self._uploads.latest(limit)
            return self._uploads.latest(limit, bounds_of(self._config, grant).prefix)

        latest = await self._granted(request, of)
        if isinstance(latest, Response):
            return latest
        headers = {**_NO_STORE, **_GUARDED, "Vary": "Accept"}
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(uploads_page(latest), headers=headers)
        shown: list[dict[str, Any]] = [upload.shown() for upload in latest]
        return JSONResponse({"uploads": shown}, headers=headers)

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_GUARDED)


def _answered(answer: dict[str, Any] | Response) -> Response:
    return answer if isinstance(answer, Response) else _json(answer)


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(answer, status, headers={**_NO_STORE, **_GUARDED})


def _limit_of(text: str) -> int:
    return min(max(int(text), 1), MAX_LISTED) if is_decimal(text, 8) else _DEFAULT_LISTED


def _page_headers(host: str) -> dict[str, str]:
    """The page runs its own code only and talks to this server and the bucket only."""
    url = urlsplit(host)
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": (
            f"default-src 'self'; connect-src 'self' {url.scheme}://{url.netloc}; "
            "img-src 'self' blob: data:; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
