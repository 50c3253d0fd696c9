"""The Python SDK v2 (alibabacloud-oss-v2) against a server; see test_sdks.py."""

# mypy: disable-error-code="import-untyped"

import alibabacloud_oss_v2 as oss
import v2_asking  # noqa: F401 - its cases are entered by importing it
import v2_buckets  # noqa: F401 - so are its
import v2_callbacks  # noqa: F401 - so are its
import v2_keeping  # noqa: F401 - so are its
import v2_objects  # noqa: F401 - so are its
import v2_policies  # noqa: F401 - so are its
import v2_transfers  # noqa: F401 - so are its
from harness import BUCKET, report
from v2_clients import client

client.put_bucket(oss.PutBucketRequest(BUCKET))
report()
