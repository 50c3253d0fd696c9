"""The tables, and how a file of an older version becomes one of this version.

Rules:

1. A version, once released, is never edited; a change is one more entry of `_MIGRATIONS`.
2. Tables whose primary key is the access path have no rowid: one search finds the row.
3. Text compares by its UTF-8 bytes (SQLite's BINARY collation), which is the order of listings.
4. Unsigned 64-bit checksums are stored as two's complement.
5. Inline bytes lie in ``content`` and not in the row they belong to: rows stay small, so that a
   page of a listing touches few pages of the file and the tree stays flat.
"""

import apsw

from ossia.adapters.schema_version import SchemaTooNewError
from ossia.tables.blob_life import BlobState
from ossia.tables.class_usage import RECOUNT

_MIGRATIONS = (
    f"""
    create table bucket (
        id            integer primary key autoincrement,  -- never used twice
        name          text not null unique,
        owner         text not null,
        created_at    integer not null,
        region        text not null,
        acl           text not null,
        storage_class text not null,
        redundancy    text not null,
        versioning    text not null,
        documents     blob,                               -- msgpack map; null for none
        epoch         integer not null
    ) strict;

    create table bucket_usage (
        bucket_id        integer primary key,
        storage_bytes    integer not null default 0,
        objects          integer not null default 0,
        uploads          integer not null default 0,
        parts            integer not null default 0,
        last_modified_at integer not null default 0
    ) strict;

    create table content (
        id    integer primary key,
        bytes blob not null
    ) strict;

    create table object (
        bucket_id     integer not null,
        key           text not null,
        version       text not null,
        latest        integer not null,
        type          text not null,
        size          integer not null,
        etag          text not null,
        md5           text not null,
        crc64         integer not null,
        modified_at   integer not null,
        storage_class text not null,
        acl           text not null,
        headers       blob,                               -- msgpack map; null for none
        tags          blob,
        content_id    integer,                            -- inline bytes, or
        blob_id       text,                               -- the only extent, or
        blob_offset   integer,
        extents       integer not null,                   -- the number of rows in extent
        primary key (bucket_id, key, version)
    ) without rowid, strict;

    create table extent (
        bucket_id   integer not null,
        key         text not null,
        version     text not null,
        seq         integer not null,
        blob_id     text not null,
        blob_offset integer not null,
        length      integer not null,
        primary key (bucket_id, key, version, seq)
    ) without rowid, strict;

    create table blob (
        id          text primary key,
        state       integer not null,
        refs        integer not null,
        lease_until integer not null
    ) without rowid, strict;

    -- Only what will end; a live blob is in no index but its own.
    create index blob_due on blob (lease_until, id) where state <> {BlobState.LIVE};

    create table upload (
        bucket_id        integer not null,
        key              text not null,
        id               text not null unique,
        initiated_at     integer not null,
        storage_class    text not null,
        acl              text not null,
        headers          blob,
        tags             blob,
        sequential       integer not null,
        forbid_overwrite integer not null,
        primary key (bucket_id, key, id)
    ) without rowid, strict;

    create table part (
        upload_id   text not null,
        number      integer not null,
        size        integer not null,
        etag        text not null,
        crc64       integer not null,
        modified_at integer not null,
        content_id  integer,
        extents     blob,                                 -- msgpack; null for none
        primary key (upload_id, number)
    ) without rowid, strict;

    create table identity (
        kind   text not null,
        name   text not null,
        record blob not null,
        primary key (kind, name)
    ) without rowid, strict;

    create table outbox (
        id          integer primary key autoincrement,
        bucket_id   integer not null,
        key         text not null,
        version     text not null,
        kind        text not null,
        payload     blob not null,
        not_before  integer not null,
        attempts    integer not null default 0,
        lease_until integer not null default 0,
        last_error  text not null default ''
    ) strict;
    create index outbox_due on outbox (not_before);

    create table delivery (
        id         integer primary key autoincrement,
        bucket_id  integer not null,
        key        text not null,
        attempt    integer not null,
        at         integer not null,
        elapsed_ms integer not null,
        status     integer,
        outcome    text not null
    ) strict;
    """,
    """
    -- Nothing had been written to the two tables of these names yet.
    drop table outbox;
    drop table delivery;

    create table delivery (
        id         text not null primary key,             -- sorts by time
        at         integer not null,
        bucket     text not null,
        key        text not null,
        request_id text not null,
        message_id text not null,
        accepted   integer not null,
        record     blob not null                          -- msgpack
    ) strict;
    create index delivery_of_bucket on delivery (bucket, id);
    create index delivery_of_request on delivery (request_id);
    create index delivery_of_message on delivery (message_id);
    create index delivery_refused on delivery (id) where accepted = 0;

    create table pending (
        id     text not null primary key,
        due    integer not null,                          -- or leased until
        dead   integer not null,
        record blob not null                              -- msgpack
    ) strict;
    create index pending_due on pending (due) where dead = 0;
    """,
    """
    -- What signed requests of STS and RAM have used, so that none counts twice.
    create table nonce (
        mark  blob not null primary key,
        until integer not null
    ) without rowid, strict;
    create index nonce_until on nonce (until);
    """,
    """
    -- Elsewhere the usage of a bucket is counted in several rows; here it is one.
    alter table bucket_usage add column slot integer not null default 0;
    """,
    """
    -- Versions that are not what their key names, and delete markers (`ossia.tables.formers`).
    create table former (
        bucket_id     integer not null,
        key           text not null,
        place         integer not null,                   -- the newest has the least
        version       text not null,
        type          text not null,
        size          integer not null,
        etag          text not null,
        md5           text not null,
        crc64         integer not null,
        modified_at   integer not null,
        storage_class text not null,
        acl           text not null,
        headers       blob,
        tags          blob,
        content_id    integer,
        blob_id       text,
        blob_offset   integer,
        extents       integer not null,
        primary key (bucket_id, key, place)
    ) without rowid, strict;
    create unique index former_version on former (bucket_id, key, version);
    """,
    f"""
    alter table object add column restoration blob;       -- msgpack; null for none
    alter table former add column restoration blob;

    create table class_usage (
        bucket_id     integer not null,
        slot          integer not null,
        storage_class text not null,
        storage_bytes integer not null,
        billed_bytes  integer not null,
        objects       integer not null,
        primary key (bucket_id, slot, storage_class)
    ) without rowid, strict;
    {RECOUNT};
    """,
    """
    -- When versions were last read, in buckets that keep it (`ossia.tables.access_times`).
    create table access (
        bucket_id integer not null,
        key       text not null,
        version   text not null,
        at        integer not null,
        primary key (bucket_id, key, version)
    ) without rowid, strict;
    """,
    """
    -- Buckets in which something may have to stay, and what has to (`ossia.tables.retained`).
    create table retaining (
        bucket_id integer primary key,
        since     integer not null
    ) strict;
    create table retention (
        bucket_id integer not null,
        key       text not null,
        version   text not null,
        record    blob not null,                          -- msgpack
        primary key (bucket_id, key, version)
    ) without rowid, strict;
    """,
)

KNOWN_VERSION = len(_MIGRATIONS)


def migrate(connection: apsw.Connection, to: int = KNOWN_VERSION) -> None:
    """Bring the file to the version *to*, or raise `SchemaTooNewError` and change nothing.

    The caller keeps other processes out.
    """
    connection.execute(
        "create table if not exists schema_version (version integer not null) strict"
    )
    found = connection.execute("select version from schema_version").get or 0
    if max(found, to) > KNOWN_VERSION:
        raise SchemaTooNewError("file", max(found, to), KNOWN_VERSION)
    if found == to:
        return
    with connection:
        for script in _MIGRATIONS[found:to]:
            connection.execute(script)
        connection.execute("delete from schema_version")
        connection.execute("insert into schema_version values (?)", (to,))
