"""The Python SDK v1 (oss2) against a server; see test_sdks.py."""

# mypy: disable-error-code="import-untyped"

import oss2_asking  # noqa: F401 - its cases are entered by importing it
import oss2_buckets  # noqa: F401 - so are its
import oss2_callbacks  # noqa: F401 - so are its
import oss2_keeping  # noqa: F401 - so are its
import oss2_objects  # noqa: F401 - so are its
import oss2_policies  # noqa: F401 - so are its
import oss2_transfers  # noqa: F401 - so are its
from harness import report
from oss2_clients import bucket

bucket.create_bucket()
report()
