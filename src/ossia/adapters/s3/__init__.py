"""Blobs in an S3-speaking engine, as immutable chunks (docs/decisions/2026-11-28-s3-engine.md)."""

from ossia.adapters.s3.engine import Engine as Engine
from ossia.adapters.s3.store import S3BlobStore as S3BlobStore
