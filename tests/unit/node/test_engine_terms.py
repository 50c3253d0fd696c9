"""For how long bytes are kept that nobody refers to any more."""

import pytest

from ossia.node.engine import blob_terms
from ossia.ports import DEFAULT_TERMS
from ossia.settings import SettingsError, load

ENGINE = {"blobs": "s3://bucket/x", "blobs_access_key_id": "a", "blobs_access_key_secret": "b"}


def test_an_engine_keeps_them_as_long_as_it_is_told() -> None:
    assert blob_terms(load(ENGINE, {})).reader_grace_ms == 3_600_000
    told = {"OSSIA_BLOBS_GRACE": "86400"}
    assert blob_terms(load(ENGINE, told)).reader_grace_ms == 86_400_000
    assert blob_terms(load({}, told)) == DEFAULT_TERMS


def test_not_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="--blobs-grace must be more than 0"):
        load({**ENGINE, "blobs_grace": "0"}, {})
