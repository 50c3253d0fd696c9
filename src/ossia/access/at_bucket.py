"""What a bucket says to `access.authorize`: its policy, its ACLs, whether the public is out."""

from collections.abc import Collection, Sequence

import msgspec

from ossia.domain.buckets.buckets import POLICY, tags_of
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.objects.objects import Objects
from ossia.protocol.bucket_policy import closed_bucket_policy, stored_bucket_policy
from ossia.protocol.conditions import TAG_KEYS
from ossia.protocol.policy_document import PolicyDocument
from ossia.records import Bucket

_BUCKET_TAG, _OBJECT_TAG, _ = TAG_KEYS


class AtBucket(msgspec.Struct, frozen=True):
    """*key*, or one *version* of it, or what is no object if it is empty, in *bucket*, or in none.

    What the request says is added by those who know it: this is all of
    `access.authorize.Surroundings` but ``context``.
    """

    objects: Objects
    public_access: PublicAccess
    bucket: Bucket | None
    key: str
    version: str | None

    @property
    def bucket_policy(self) -> PolicyDocument | None:
        """The policy of the bucket, if it has one."""
        content = None if self.bucket is None else self.bucket.documents.get(POLICY)
        return None if content is None else stored_bucket_policy(content)

    @property
    def closed_policy(self) -> PolicyDocument | None:
        """The same without its public statements."""
        content = None if self.bucket is None else self.bucket.documents.get(POLICY)
        return None if content is None else closed_bucket_policy(content)

    async def acl(self) -> str:
        """The object's ACL where it has one, otherwise the bucket's."""
        if self.bucket is None:
            return "private"
        if self.key:
            stored = await self.objects.peek(self.bucket, self.key, self.version)
            if stored is not None and stored.acl != "default":
                return stored.acl
        return self.bucket.acl

    async def blocks_public(self) -> bool:
        """Whether public access to the bucket is blocked."""
        return await self.public_access.is_blocked(self.bucket)

    async def tags(self, keys: Collection[str]) -> dict[str, Sequence[str]]:
        """The tags of bucket and object, by condition key, as far as *keys* are about them.

        Only what is asked for is looked up.
        """
        found: dict[str, Sequence[str]] = {}
        if self.bucket is None:
            return found
        if any(key.startswith(_BUCKET_TAG) for key in keys):
            found |= {_BUCKET_TAG + name: (value,) for name, value in tags_of(self.bucket).items()}
        if self.key and any(key.startswith(_OBJECT_TAG) for key in keys):
            stored = await self.objects.peek(self.bucket, self.key, self.version)
            tags = {} if stored is None else stored.tags
            found |= {_OBJECT_TAG + name: (value,) for name, value in tags.items()}
        return found
