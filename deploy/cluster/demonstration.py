"""What ``ossia up`` shows, on a cluster: bucket, user and role, made over HTTP as anybody would."""

import json
import socket
import sys
from collections.abc import Iterator
from typing import Final

from cluster.errors import ClusterError
from cluster.place import Place
from cluster.processes import Daemon
from ossia.client.ram import RamClient, RamRefused
from ossia.client.signing_client import SigningClient
from ossia.node import demo
from ossia.protocol.cors import render_cors

BUCKET: Final = "ossia-demo"
REGION: Final = "cn-hangzhou"
_OK: Final = 200


def client(place: Place) -> SigningClient:
    """Signs with the root key, at the endpoint."""
    return SigningClient(place.endpoint, place.access_key_id, place.access_key_secret, REGION)


def daemon(place: Place) -> Daemon:
    """The application server with its upload page."""
    home = place.folder / "appserver"
    command = [
        *(sys.executable, "-m", "ossia", "appserver", "--quiet"),
        f"--listen={place.appserver}",
        f"--config={home / demo.CONFIG}",
        f"--endpoint={place.endpoint}",
        f"--region={REGION}",
        f"--bucket={BUCKET}",
        f"--store={home / 'uploads.sqlite3'}",
        f"--callback-url={callback_url(place)}",
    ]
    return place.daemon("appserver", "host", command)


def callback_url(place: Place) -> str:
    """Where the gateways reach the application server: on loopback as the browser does."""
    if place.network.kind == "loopback":
        return f"http://{place.appserver}/callback"
    return f"http://{place.address('host', 'callback')}/callback"


def start(place: Place) -> None:
    """Make what is missing, start the application server, wait until it answers."""
    home = place.make_folder("appserver")
    if not (home / demo.CONFIG).exists():
        _make_bucket(client(place))
        _make_identities(place)
    app = daemon(place)
    app.start()
    app.wait_until(lambda: _accepts(place.appserver), 20, "does not answer")


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True


def _make_bucket(root: SigningClient) -> None:
    cors = render_cors(demo.PAGE_CORS)
    for query, body in (((), b""), ((("cors", ""),), cors)):
        reply = root.request("PUT", BUCKET, query=query, body=body)
        if reply.status != _OK:
            raise ClusterError(f"The bucket {BUCKET} could not be made: {reply.code}.")


def _calls(place: Place) -> Iterator[tuple[str, dict[str, str]]]:
    """What is asked of RAM: action and parameters."""
    write, look = demo.write_policy(BUCKET), demo.read_policy(BUCKET)
    trust = demo.trust_policy(place.account_id)
    user, role = {"UserName": demo.USER}, {"RoleName": demo.ROLE}
    ours = {"PolicyName": demo.POLICY, "PolicyType": "Custom"}
    yield "CreateUser", {**user, "Comments": "The demonstration's application server"}
    yield "CreatePolicy", {"PolicyName": demo.POLICY, "PolicyDocument": write}
    yield "CreatePolicy", {"PolicyName": demo.LOOK_POLICY, "PolicyDocument": look}
    yield "CreateRole", {**role, "AssumeRolePolicyDocument": trust}
    yield "AttachPolicyToRole", {**role, **ours}
    yield "AttachPolicyToUser", {**user, **ours}
    yield "AttachPolicyToUser", {**user, **ours, "PolicyName": demo.LOOK_POLICY}
    yield (
        "AttachPolicyToUser",
        {**user, "PolicyName": "AliyunSTSAssumeRoleAccess", "PolicyType": "System"},
    )


def _make_identities(place: Place) -> None:
    ram = RamClient(place.endpoint, place.access_key_id, place.access_key_secret)
    for action, parameters in _calls(place):
        try:
            ram.call(action, **parameters)
        except RamRefused as refusal:
            # A start that was interrupted goes on.
            if "AlreadyExists" not in refusal.code and "AlreadyAttached" not in refusal.code:
                raise ClusterError(f"{action} was refused: {refusal}") from refusal
    key = ram.call("CreateAccessKey", UserName=demo.USER)["AccessKey"]
    place.make_folder("appserver/policy")
    place.write(f"appserver/{demo.POLICY_FILE}", demo.write_policy(BUCKET))
    config = demo.app_config(key["AccessKeyId"], key["AccessKeySecret"], place.account_id)
    place.write(f"appserver/{demo.CONFIG}", json.dumps(config, indent=2))
