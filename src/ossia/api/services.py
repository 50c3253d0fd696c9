"""What handlers may use."""

from dataclasses import dataclass

from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.buckets.worm import Worms
from ossia.domain.callbacks.callbacks import Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.upload_callback import CallbackTerms
from ossia.domain.lifecycle.lifecycles import Lifecycles
from ossia.domain.objects.access_times import AccessTimes
from ossia.domain.objects.copying import Copies
from ossia.domain.objects.ingest import Ingest
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.objects import Objects
from ossia.domain.objects.restores import Restores
from ossia.domain.objects.retentions import Retentions
from ossia.domain.objects.seals import Seals
from ossia.domain.objects.symlinks import Symlinks
from ossia.protocol.address_policy import AddressPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The domain, and the facts about this server that answers mention.

    ``endpoint`` is ``host:port`` as clients reach it; ``public_url`` has the scheme too.
    """

    buckets: Buckets
    objects: Objects
    copies: Copies
    symlinks: Symlinks
    multipart: Multipart
    ingest: Ingest
    restores: Restores
    seals: Seals
    lifecycles: Lifecycles
    access_times: AccessTimes
    worms: Worms
    retentions: Retentions
    public_access: PublicAccess
    callbacks: Callbacks
    outbox: Outbox
    delivery_log: DeliveryLog
    callback_terms: CallbackTerms
    callback_targets: AddressPolicy
    region: str
    account_id: str
    endpoint: str
    public_url: str
