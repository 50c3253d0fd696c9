"""What the handlers of the admin API may use."""

from collections.abc import Callable
from dataclasses import dataclass

from ossia.domain.buckets import Buckets
from ossia.domain.delivery_log import DeliveryLog
from ossia.domain.identities import Identities
from ossia.domain.objects import Objects
from ossia.domain.outbox import Outbox
from ossia.domain.public_access import PublicAccess
from ossia.domain.recovery import Recovery
from ossia.domain.upload_callback import CallbackTerms
from ossia.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServices:
    """The domain and the time.

    ``is_closing`` tells waiting requests to end, so that the server can stop.
    """

    identities: Identities
    buckets: Buckets
    objects: Objects
    public_access: PublicAccess
    callback_terms: CallbackTerms
    delivery_log: DeliveryLog
    recovery: Recovery
    outbox: Outbox
    clock: Clock
    region: str
    is_closing: Callable[[], bool]
