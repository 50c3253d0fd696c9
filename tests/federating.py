"""A federation whose issuers are dictionaries."""

from collections.abc import Mapping

from ossia.domain.identity.federation import Federation
from ossia.domain.identity.identities import Identities
from ossia.ports import Unavailable


class Documents:
    """A `DocumentFetcher` over a dictionary; what is not in it cannot be reached."""

    def __init__(self, documents: Mapping[str, bytes] | None = None) -> None:
        self.documents = dict(documents or {})
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.documents:
            raise Unavailable("nobody answers")
        return self.documents[url]


def federation_of(identities: Identities, documents: Documents | None = None) -> Federation:
    return Federation(
        identities.store,
        documents or Documents(),
        account_id=identities.account_id,
        allows_plain=lambda _url: False,
    )
