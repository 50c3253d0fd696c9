"""Whether traces are made here, and what makes them.

OpenTelemetry is imported only where an endpoint is given: it is an extra, and takes its time.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ossia.settings import Settings, SettingsError

if TYPE_CHECKING:
    from ossia.node.tracing.traces import Traces


def require_traces(settings: Settings) -> None:
    """Raise `SettingsError` if traces are asked for and cannot be made."""
    if not settings.trace_endpoint:
        return
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http") and find_spec(
            "opentelemetry.sdk"
        )
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise SettingsError(
            "--trace-endpoint needs the extra 'traces': pip install 'ossia[traces]'."
        )


def open_traces(settings: Settings) -> "Traces | None":
    """What makes the traces of this process; None where nobody wants them.  After forking only."""
    if not settings.trace_endpoint:
        return None
    from ossia.node.tracing.traces import Traces  # noqa: PLC0415 - see the module's first lines

    return Traces.to(settings.trace_endpoint, settings.trace_ratio)
