"""The stores that guides move from: another Ossia in place of the real OSS, and a real S3 server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from following import Reader

from s3_engine import lacks_engine, running_ceph

_FILLED: Final = """
import json, oss2
from oss2.models import BucketCors, CorsRule

keys = json.load(open("old/keys.json"))
key = keys["root_access_key_id"], keys["root_access_key_secret"]
old = oss2.Bucket(oss2.Auth(*key), "http://127.0.0.1:9001", "photos")
old.create_bucket("public-read")
rule = CorsRule(allowed_origins=["http://127.0.0.1:8000"], allowed_methods=["POST"])
old.put_bucket_cors(BucketCors([rule]))
old.put_object("plain.txt", b"plain")
old.put_object(
    "a folder/sea ä+%.jpg",
    b"photo",
    headers={
        "Content-Type": "image/jpeg",
        "Cache-Control": "max-age=60",
        "x-oss-meta-by": "ann",
        "x-oss-object-acl": "private",
    },
)
upload = old.init_multipart_upload("big.bin", headers={"x-oss-tagging": "kind=big&of=all%20three"})
parts = [
    oss2.models.PartInfo(number, old.upload_part("big.bin", upload.upload_id, number, piece).etag)
    for number, piece in enumerate((bytes(7_000_000), b"x" * 7_000_000, b"end"), 1)
]
old.complete_multipart_upload("big.bin", upload.upload_id, parts)
old.put_symlink("plain.txt", "link.txt")
"""


@contextmanager
def another_store(reader: Reader) -> Iterator[None]:
    """Stands for the real OSS; afterwards what was copied is looked at, one by one."""
    reader.type_beside("ossia serve --listen 127.0.0.1:9001 --data old", "Ossia … is ready.\n…")
    reader.paste(_FILLED)
    keys = json.loads((reader.folder / "old" / "keys.json").read_text())
    reader.names |= {
        "https://oss-cn-hangzhou.aliyuncs.com": reader.here("http://127.0.0.1:9001"),
        "ACCESS_KEY_ID": keys["root_access_key_id"],
        "ACCESS_KEY_SECRET": keys["root_access_key_secret"],
    }
    yield
    reader.paste(_LOOKED_AT)


_LOOKED_AT: Final = """
keys = json.load(open("new-key.json"))
new = oss2.Bucket(oss2.Auth(keys["AccessKeyId"], keys["AccessKeySecret"]), "http://127.0.0.1:9000", "photos")
photo = new.get_object("a folder/sea ä+%.jpg")
assert photo.read() == b"photo"
assert photo.headers["Content-Type"] == "image/jpeg"
assert photo.headers["Cache-Control"] == "max-age=60"
assert photo.headers["x-oss-meta-by"] == "ann"
assert new.get_object_acl("a folder/sea ä+%.jpg").acl == "private"
assert new.get_object_acl("plain.txt").acl == "default"
assert new.get_object("big.bin").read() == bytes(7_000_000) + b"x" * 7_000_000 + b"end"
assert new.get_object_tagging("big.bin").tag_set.tagging_rule == {"kind": "big", "of": "all three"}
assert new.get_bucket_acl().acl == "public-read"
assert new.get_bucket_cors().rules[0].allowed_origins == ["http://127.0.0.1:8000"]
assert new.get_object("link.txt").read() == b"plain"
"""


@contextmanager
def an_s3_server(reader: Reader) -> Iterator[None]:
    """Ceph's radosgw stands for MinIO: what is asked of it is plain S3."""
    if lacks_engine():
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no S3 server: make engine")
    folder = reader.folder.with_name("ceph")
    folder.mkdir()
    with running_ceph(folder) as engine:
        engine.make_bucket("photos")
        store = engine.store("photos")
        store.put("plain.txt", b"plain")
        store.put(
            "a folder/sea.jpg", b"photo", attributes={"Content-Type": "image/jpeg", "by": "ann"}
        )
        store.put("big.bin", _BIG)
        reader.names |= {
            "http://minio.example:9000": engine.endpoint,
            "MINIO_KEY": engine.access_key_id,
            "MINIO_SECRET": engine.access_key_secret,
        }
        yield
        reader.paste(_FROM_S3)


_BIG: Final = bytes(9_000_000) + b"x" * 9_000_000
_FROM_S3: Final = """
import json, oss2

keys = json.load(open("new-key.json"))
new = oss2.Bucket(oss2.Auth(keys["AccessKeyId"], keys["AccessKeySecret"]), "http://127.0.0.1:9000", "photos")
photo = new.get_object("a folder/sea.jpg")
assert photo.read() == b"photo" and photo.headers["Content-Type"] == "image/jpeg"
assert new.get_object("big.bin").read() == bytes(9_000_000) + b"x" * 9_000_000
assert new.get_object("plain.txt").read() == b"plain"
"""
