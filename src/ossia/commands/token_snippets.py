"""What to paste: an environment, or a program that lists objects with a temporary key.

Values are quoted for the language they go into.  Listing changes nothing, so a first try is safe.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A temporary key, and where to use it."""

    endpoint: str
    region: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    bucket: str
    prefix: str


def _quoted(lent: Lent) -> dict[str, str]:
    """Every field as a literal: of Python, JavaScript, Java and Go alike."""
    return {name: json.dumps(getattr(lent, name)) for name in Lent.__dataclass_fields__}


def env(lent: Lent) -> str:
    """Variables, as the SDKs' credential providers read them."""
    variables = {
        "OSS_ACCESS_KEY_ID": lent.access_key_id,
        "OSS_ACCESS_KEY_SECRET": lent.access_key_secret,
        "OSS_SESSION_TOKEN": lent.security_token,
        "OSS_ENDPOINT": lent.endpoint,
        "OSS_REGION": lent.region,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": lent.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": lent.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": lent.security_token,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _filled(template: str) -> Callable[[Lent], str]:
    def fill(lent: Lent) -> str:
        text = template
        for name, value in _quoted(lent).items():
            text = text.replace(f"<{name}>", value)
        return text

    return fill


_python: Final = _filled("""\
# pip install oss2
import oss2

auth = oss2.StsAuth(
    <access_key_id>,
    <access_key_secret>,
    <security_token>,
)
bucket = oss2.Bucket(auth, <endpoint>, <bucket>)
for found in bucket.list_objects_v2(prefix=<prefix>).object_list:
    print(found.key, found.size)
""")

_python_v2: Final = _filled("""\
# pip install alibabacloud-oss-v2
import alibabacloud_oss_v2 as oss

config = oss.config.load_default()
config.credentials_provider = oss.credentials.StaticCredentialsProvider(
    <access_key_id>,
    <access_key_secret>,
    <security_token>,
)
config.region = <region>
config.endpoint = <endpoint>
config.use_path_style = True
client = oss.Client(config)
listed = client.list_objects_v2(oss.ListObjectsV2Request(bucket=<bucket>, prefix=<prefix>))
for found in listed.contents or []:
    print(found.key, found.size)
""")

_node: Final = _filled("""\
// npm install ali-oss
const OSS = require("ali-oss");

const client = new OSS({
  accessKeyId: <access_key_id>,
  accessKeySecret: <access_key_secret>,
  stsToken: <security_token>,
  endpoint: <endpoint>,
  region: "oss-" + <region>,
  bucket: <bucket>,
  authorizationV4: true,
});
client.listV2({ prefix: <prefix> }).then(({ objects }) => {
  for (const found of objects || []) console.log(found.name, found.size);
});
""")

_java: Final = _filled("""\
// com.aliyun.oss:aliyun-sdk-oss
import com.aliyun.oss.ClientBuilderConfiguration;
import com.aliyun.oss.OSSClientBuilder;

public class ListObjects {
    public static void main(String[] arguments) {
        var settings = new ClientBuilderConfiguration();
        settings.setSupportCname(false);
        settings.setSLDEnabled(true);
        var client = new OSSClientBuilder().build(
            <endpoint>,
            <access_key_id>,
            <access_key_secret>,
            <security_token>,
            settings);
        for (var found : client.listObjects(<bucket>, <prefix>).getObjectSummaries()) {
            System.out.println(found.getKey() + " " + found.getSize());
        }
        client.shutdown();
    }
}
""")

_go: Final = _filled("""\
// go get github.com/aliyun/alibabacloud-oss-go-sdk-v2
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
)

func main() {
	config := oss.LoadDefaultConfig().
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			<access_key_id>,
			<access_key_secret>,
			<security_token>)).
		WithRegion(<region>).
		WithEndpoint(<endpoint>).
		WithUsePathStyle(true)
	client := oss.NewClient(config)
	listed, err := client.ListObjectsV2(context.TODO(), &oss.ListObjectsV2Request{
		Bucket: oss.Ptr(<bucket>),
		Prefix: oss.Ptr(<prefix>),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, found := range listed.Contents {
		fmt.Println(oss.ToString(found.Key), found.Size)
	}
}
""")


def curl(lent: Lent) -> str:
    """Signature V1 by openssl; `OSS_…` as `env` sets them."""
    target = f"/{quote(lent.bucket)}/?prefix={quote(lent.prefix, safe='')}"
    host = urlsplit(lent.endpoint).netloc
    return (
        env(lent)
        + f"""\
date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
signature=$(printf 'GET\\n\\n\\n%s\\nx-oss-security-token:%s\\n%s' \\
    "$date" "$OSS_SESSION_TOKEN" {shlex.quote(f"/{lent.bucket}/")} |
    openssl dgst -sha1 -hmac "$OSS_ACCESS_KEY_SECRET" -binary | base64)
# The server is {host}.
curl --silent --show-error --fail-with-body {shlex.quote(lent.endpoint + target)} \\
    -H "Date: $date" \\
    -H "x-oss-security-token: $OSS_SESSION_TOKEN" \\
    -H "Authorization: OSS $OSS_ACCESS_KEY_ID:$signature"
"""
    )


SNIPPETS: Final[Mapping[str, Callable[[Lent], str]]] = {
    "env": env,
    "curl": curl,
    "python": _python,
    "python-v2": _python_v2,
    "node": _node,
    "java": _java,
    "go": _go,
}
