"""An application server's configuration, credentials and clock for unit tests."""

from dataclasses import replace

from ossia.appserver.config import AppConfig, AppKeys
from ossia.appserver.grant import Grant, bounds_of
from ossia.client import Credentials

NOW_MS = 1_893_456_000_000
"""2030-01-01T00:00:00Z."""

REGION = "cn-hangzhou"
KEY_URL = "http://oss.internal:9000/-/callback/public_key.pem"

CONFIG = AppConfig(
    keys=AppKeys(
        access_key_id="testAccessKeyId",
        access_key_secret="testAccessKeySecret",
        role_arn="acs:ram::1234567890123456:role/app",
        token_lifetime_s=900,
        session_policy='{"Version":"1","Statement":[]}',
    ),
    sts_endpoint="http://oss.internal:9000",
    region=REGION,
    bucket="examplebucket",
    upload_host="http://127.0.0.1:9000/examplebucket",
    directory="user-dir/",
    callback_url="http://127.0.0.1:7080/callback",
    callback_variables=("x:name",),
    max_size=1048576000,
    form_lifetime_s=60,
    trusted_key_urls=(KEY_URL,),
)
TOKENS_ONLY = replace(CONFIG, bucket="")

LENT = Credentials(
    access_key_id="STS.testAccessKeyId",
    access_key_secret="testSessionSecret",
    security_token="CAIStesttoken+/=",
    expiration="2030-01-01T00:15:00Z",
)


EVERYBODY = bounds_of(CONFIG, Grant())
"""What a form allows without a hook."""


def lend(policy: str, name: str, duration_s: int) -> Credentials:
    return LENT
