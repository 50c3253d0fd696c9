"""The type of the ``ask`` fixture."""

from collections.abc import Callable

from ossia.client.signing_client import Reply

Ask = Callable[..., Reply]
"""``ask(method, key, …)`` sends a signed request into the test's own bucket."""
