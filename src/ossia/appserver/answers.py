"""What clients are answered: tokens and signed forms for one grant.

For any framework: a plain method per answer, which blocks while it asks STS.  `appserver.app` calls
them from its routes, and a WSGI application does so from its own views, where it knows who is
signed in::

    answers = Answers(config)

    @flask.get("/token")
    def token():
        return answers.token(Grant(user=session["user"], prefix=f"users/{session['user']}/"))
"""

import re
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from ossia.appserver import session_policy
from ossia.appserver.config import AppConfig
from ossia.appserver.grant import Bounds, Grant, bounds_of
from ossia.appserver.upload_policy import v1_form, v4_form
from ossia.client import Credentials, assume_role

SESSION_NAME: Final = "ossia-appserver"
"""Of sessions that belong to nobody in particular."""

FORM_SESSION_S: Final = 900
"""The shortest that STS lends; a form may live longer only as far as its session does."""

_MAX_FORM_SESSION_S: Final = 3600
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9.@_-]")
_MAX_NAME: Final = 64

Lend = Callable[[str, str, int], Credentials]
"""Gets fresh credentials for session policy, session name and seconds; blocks.

Raises `RpcError` or `StsUnreachable`.
"""


def now_ms() -> int:
    """The time of day."""
    return time.time_ns() // 1_000_000


def lender(config: AppConfig) -> Lend:
    """Assumes the role of *config*."""

    def lend(policy: str, name: str, duration_s: int) -> Credentials:
        return assume_role(
            config.sts_endpoint,
            access_key_id=config.keys.access_key_id,
            secret=config.keys.access_key_secret,
            role_arn=config.keys.role_arn,
            session_name=name,
            duration_s=duration_s,
            policy=policy,
        )

    return lend


def session_name(user: str) -> str:
    """A name that STS takes, and that tells users apart."""
    if not user:
        return SESSION_NAME
    plain = _NOT_IN_NAMES.sub("-", user)
    if plain == user and 2 <= len(user) <= _MAX_NAME:  # noqa: PLR2004 - STS documentation
        return user
    return f"{plain[: _MAX_NAME - 9]}-{sha256(user.encode()).hexdigest()[:8]}"


class Answers:
    """Every method raises `RpcError` or `StsUnreachable` where STS refuses, `GrantError` for a
    grant that cannot be given.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        per_user: bool = True,
        lend: Lend | None = None,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        """*per_user* keeps tokens below the grant's prefix, whatever the policy file says."""
        if per_user:
            session_policy.require_bucket(config)
        self._config = config
        self._per_user = per_user
        self._lend = lend or lender(config)
        self._now_ms = now_ms

    def token(self, grant: Grant) -> dict[str, Any]:
        """The union answer that every known client reads (app-server.md, 1.4)."""
        bounds = bounds_of(self._config, grant)
        policy = session_policy.of_token(self._config, bounds, per_user=self._per_user)
        lent = self._lend(policy, session_name(bounds.user), bounds.duration_s)
        return {
            "StatusCode": 200,
            "status": 200,
            "AccessKeyId": lent.access_key_id,
            "AccessKeySecret": lent.access_key_secret,
            "SecurityToken": lent.security_token,
            "Expiration": lent.expiration,
        }

    def form_v1(self, grant: Grant) -> dict[str, Any]:
        """A form as the samples of 2016 sign it: with the application's own key."""
        return v1_form(self._config, bounds_of(self._config, grant), self._now_ms())

    def form_v4(self, grant: Grant) -> dict[str, Any]:
        """A form as the samples since 2024 sign it: with the key of a session."""
        bounds = bounds_of(self._config, grant)
        lent = self._lend(
            session_policy.of_form(self._config, bounds),
            session_name(bounds.user),
            _seconds(bounds),
        )
        return v4_form(self._config, bounds, lent, self._now_ms())


def _seconds(bounds: Bounds) -> int:
    return min(max(bounds.form_lifetime_s, FORM_SESSION_S), _MAX_FORM_SESSION_S)
