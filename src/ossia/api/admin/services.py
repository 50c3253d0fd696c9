"""What the handlers of the admin API may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.recovery import Recovery
from ossia.domain.callbacks.upload_callback import CallbackTerms
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.encryption.master_key import Rotated
from ossia.domain.identity.identities import Identities
from ossia.domain.lifecycle.lifecycles import Lifecycles
from ossia.domain.objects.objects import Objects
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
    lifecycles: Lifecycles
    callback_terms: CallbackTerms
    delivery_log: DeliveryLog
    recovery: Recovery
    outbox: Outbox
    kms: KmsKeys
    rotate_master_key: Callable[[], Awaitable[Rotated]]
    clock: Clock
    region: str
    is_closing: Callable[[], bool]
