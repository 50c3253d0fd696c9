"""What must hold among rows, asked of a copy in which nothing changes (`node.migration.staging`).

In the copy, ``blob`` has the blobs that live, and ``blob_end`` those that rows name: where the
bytes end that are used, and how many runs of it there are.
"""

from typing import Final

from ossia.tables import class_usage
from ossia.tables.class_usage import MARKERS

_VERSIONS: Final = (
    "select bucket_id, key, version, size, content_id, blob_id, extents from object"
    " union all select bucket_id, key, version, size, content_id, blob_id, extents from former"
)
_CONTENT_IDS: Final = (
    "select content_id from object where content_id is not null"
    " union all select content_id from former where content_id is not null"
    " union all select content_id from part where content_id is not null"
)

WRONG_REFERENCES: Final = (
    "select blob.id, blob.refs, coalesce(blob_end.refs, 0) from blob"
    " left join blob_end on blob_end.id = blob.id"
    " where blob.refs <> coalesce(blob_end.refs, 0) order by blob.id"
)
"""(blob, references that it counts, those that there are)."""

NAMED_BUT_NOT_LIVE: Final = (
    "select blob_end.id, blob_end.refs from blob_end"
    " left join blob on blob.id = blob_end.id where blob.id is null order by blob_end.id"
)
"""(blob, how often it is named)."""

CONTENT_MISSING: Final = (
    f"select content_id from ({_CONTENT_IDS}) as named"
    " where content_id not in (select id from content) order by content_id"
)
CONTENT_SHARED: Final = (
    f"select content_id from ({_CONTENT_IDS}) as named"
    " group by content_id having count(*) > 1 order by content_id"
)
"""Bytes in the database belong to one row; freed with one, they would be lost to the other."""
CONTENT_UNUSED: Final = f"select id from content where id not in ({_CONTENT_IDS}) order by id"

IN_PIECES: Final = (
    "select bucket.name, version.key, version.version from"
    f" ({_VERSIONS}) as version join bucket on bucket.id = version.bucket_id"
    " left join (select bucket_id, key, version, count(*) as pieces, sum(length) as together"
    " from extent group by bucket_id, key, version) as found"
    " on found.bucket_id = version.bucket_id and found.key = version.key"
    " and found.version = version.version"
    " where version.content_id is null and version.blob_id is null and version.size > 0"
    " and (found.pieces is null or found.pieces <> version.extents"
    " or found.together <> version.size) order by 1, 2, 3"
)
"""(bucket, key, version) of what has not the pieces that it should have."""

PIECES_OF_NOTHING: Final = (
    "select extent.bucket_id, extent.key, extent.version from extent"
    f" left join ({_VERSIONS}) as version on version.bucket_id = extent.bucket_id"
    " and version.key = extent.key and version.version = extent.version"
    " where version.key is null group by 1, 2, 3 order by 1, 2, 3"
)

OF_NO_BUCKET: Final = (
    "select 'object', bucket_id, key from object where bucket_id not in (select id from bucket)"
    " union all select 'former', bucket_id, key from former"
    " where bucket_id not in (select id from bucket)"
    " union all select 'upload', bucket_id, key from upload"
    " where bucket_id not in (select id from bucket)"
)
OF_NO_UPLOAD: Final = (
    "select upload_id, number from part where upload_id not in (select id from upload)"
    " order by 1, 2"
)

UNCOUNTED: Final = (
    "select bucket_id, sum(stored) as stored, sum(objects) as objects, sum(uploads) as uploads,"
    " sum(parts) as parts from ("
    " select bucket_id, size as stored, 1 as objects, 0 as uploads, 0 as parts from object"
    " union all select bucket_id, size,"
    f" case when storage_class = '{MARKERS}' then 0 else 1 end, 0, 0 from former"
    " union all select bucket_id, 0, 0, 1, 0 from upload"
    " union all select bucket_id, size, 0, 0, 1 from part join upload on upload.id = upload_id"
    " union all select bucket_id, -storage_bytes, -objects, -uploads, -parts from bucket_usage"
    ") as counted group by bucket_id having sum(stored) <> 0 or sum(objects) <> 0"
    " or sum(uploads) <> 0 or sum(parts) <> 0"
)
"""(bucket, what is missing in its count of bytes, objects, uploads and parts)."""
WRONG_USAGE: Final = (
    "select bucket.name, stored, objects, uploads, parts from bucket"
    f" join ({UNCOUNTED}) as missing on missing.bucket_id = bucket.id order by bucket.name"
)
WRONG_CLASSES: Final = (
    "select bucket.name, missing.storage_class, stored, billed, objects from bucket"
    f" join ({class_usage.UNCOUNTED}) as missing on missing.bucket_id = bucket.id order by 1, 2"
)
"""The same by the name of the bucket, and of each storage class in it."""
