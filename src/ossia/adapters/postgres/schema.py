"""The tables, and how a database of an older version becomes one of this version.

Rules:

1. A version, once released, is never edited; a change is one more entry of `_MIGRATIONS`.
2. Every text compares by its UTF-8 bytes, which is the order of listings.
3. What changes with every write has room on its page, so that no index has to follow it.
4. No row changes with every write of a bucket: its usage is counted in `SLOTS` rows.
"""

from ossia.adapters.postgres.primary import Connection
from ossia.tables.blob_life import BlobState

SLOTS = 16
_IN_PLACE = "with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)"
_MIGRATIONS = (
    f"""
    create table bucket (
        id            bigint generated always as identity primary key,
        name          text not null unique,
        owner         text not null,
        created_at    bigint not null,
        region        text not null,
        acl           text not null,
        storage_class text not null,
        redundancy    text not null,
        versioning    text not null,
        documents     bytea,                              -- msgpack map; null for none
        epoch         bigint not null
    );

    create table bucket_usage (
        bucket_id        bigint not null,
        slot             bigint not null,
        storage_bytes    bigint not null default 0,
        objects          bigint not null default 0,
        uploads          bigint not null default 0,
        parts            bigint not null default 0,
        last_modified_at bigint not null default 0,
        primary key (bucket_id, slot)
    ) {_IN_PLACE};

    create table content (
        id    bigint generated always as identity primary key,
        bytes bytea not null
    );
    -- Compressing what is compressed mostly costs more than it saves.
    alter table content alter column bytes set storage external;

    create table object (
        bucket_id     bigint not null,
        key           text not null,
        version       text not null,
        latest        bigint not null,
        type          text not null,
        size          bigint not null,
        etag          text not null,
        md5           text not null,
        crc64         bigint not null,
        modified_at   bigint not null,
        storage_class text not null,
        acl           text not null,
        headers       bytea,                              -- msgpack map; null for none
        tags          bytea,
        content_id    bigint,                             -- inline bytes, or
        blob_id       text,                               -- the only extent, or
        blob_offset   bigint,
        extents       bigint not null,                    -- the number of rows in extent
        primary key (bucket_id, key, version)
    );
    create unique index object_latest on object (bucket_id, key) where latest = 1;

    create table extent (
        bucket_id   bigint not null,
        key         text not null,
        version     text not null,
        seq         bigint not null,
        blob_id     text not null,
        blob_offset bigint not null,
        length      bigint not null,
        primary key (bucket_id, key, version, seq)
    );

    create table blob (
        id          text primary key,
        state       bigint not null,
        refs        bigint not null,
        lease_until bigint not null
    );
    create index blob_due on blob (lease_until, id) where state <> {BlobState.LIVE};

    create table upload (
        bucket_id        bigint not null,
        key              text not null,
        id               text not null unique,
        initiated_at     bigint not null,
        storage_class    text not null,
        acl              text not null,
        headers          bytea,
        tags             bytea,
        sequential       bigint not null,
        forbid_overwrite bigint not null,
        primary key (bucket_id, key, id)
    );

    create table part (
        upload_id   text not null,
        number      bigint not null,
        size        bigint not null,
        etag        text not null,
        crc64       bigint not null,
        modified_at bigint not null,
        content_id  bigint,
        extents     bytea,                                -- msgpack; null for none
        primary key (upload_id, number)
    );

    create table identity (
        kind   text not null,
        name   text not null,
        record bytea not null,
        primary key (kind, name)
    );

    create table delivery (
        id         text not null primary key,             -- sorts by time
        at         bigint not null,
        bucket     text not null,
        key        text not null,
        request_id text not null,
        message_id text not null,
        accepted   bigint not null,
        record     bytea not null                         -- msgpack
    );
    create index delivery_of_bucket on delivery (bucket, id);
    create index delivery_of_request on delivery (request_id);
    create index delivery_of_message on delivery (message_id);
    create index delivery_refused on delivery (id) where accepted = 0;

    create table pending (
        id     text not null primary key,
        due    bigint not null,                           -- or leased until
        dead   bigint not null,
        record bytea not null                             -- msgpack
    );
    create index pending_due on pending (due) where dead = 0;

    create table nonce (
        mark  bytea not null primary key,
        until bigint not null
    );
    create index nonce_until on nonce (until);

    -- Of this engine alone: what a change renews, and what became of a COMMIT nobody heard of.
    create table stamp (
        topic text not null primary key,
        value bigint not null
    );
    insert into stamp values ('buckets', 0), ('identities', 0);
    create table outcome (
        line text not null primary key,                   -- a connection of a gateway
        mark text not null,                               -- the last change it made
        at   bigint not null
    ) {_IN_PLACE};
    """,
)

KNOWN_VERSION = len(_MIGRATIONS)


class SchemaTooNewError(Exception):
    """The database was made by a later version, which this one cannot stand beside."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the metadata database has schema version {found}, this Ossia knows {KNOWN_VERSION}: "
            "start the newer Ossia that wrote it, or restore a backup made before the upgrade"
        )
        self.found = found


async def migrate(connection: Connection) -> None:
    """Bring the database to `KNOWN_VERSION`, or raise `SchemaTooNewError` and change nothing.

    ``least`` is the oldest version of Ossia, by what it knows, that may stand beside the tables:
    changes expand first and contract a version later.  Gateways that start at the same time wait
    for each other.
    """
    async with connection.transaction():
        # The one row is what they wait for.
        await connection.execute(
            "create table if not exists schema_version ("
            " only_one bigint primary key, version bigint not null, least bigint not null)"
        )
        await connection.execute(
            "insert into schema_version values (1, 0, 0) on conflict (only_one) do nothing"
        )
        found, least = await connection.fetchrow(
            "select version, least from schema_version where only_one = 1 for update"
        )
        if least > KNOWN_VERSION:
            raise SchemaTooNewError(found)
        for script in _MIGRATIONS[found:]:
            await connection.execute(_in_byte_order(script))
        if found < KNOWN_VERSION:
            await connection.execute(
                "update schema_version set version = $1, least = $1 where only_one = 1",
                KNOWN_VERSION,
            )


def _in_byte_order(script: str) -> str:
    return script.replace(" text ", ' text collate "C" ')
