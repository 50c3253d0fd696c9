"""HAProxy: the one address.  It asks each gateway twice a second whether it is ready."""

from cluster import gateways
from cluster.place import Place
from cluster.processes import Daemon


def _configuration(place: Place) -> str:
    servers = "\n".join(
        f"    server {node} {place.address(node, 'gateway')}" for node in gateways.nodes()
    )
    return f"""global
    maxconn 8192
    # A head of a request may have 32 KiB and 200 lines, as at a gateway.
    tune.bufsize 65536
    tune.http.maxhdr 256

defaults
    mode http
    timeout connect 2s
    timeout client 5m
    timeout server 5m
    timeout http-request 30s
    timeout check 2s
    # A gateway that takes no connection has begun nothing: another may.
    retries 3
    option redispatch 1
    retry-on conn-failure

frontend endpoint
    bind {place.listen}
    # Keys may have any bytes; the gateway is the one to judge.
    option accept-invalid-http-request
    default_backend gateways

backend gateways
    balance leastconn
    option httpchk GET /-/ready
    http-check expect status 200
    # Two failures, half a second apart, take a gateway out; what it has begun it may finish.
    default-server check inter 500ms fall 2 rise 1
{servers}

frontend statistics
    bind {place.address("host", "haproxy")}
    stats enable
    stats uri /
{_callbacks(place)}"""


def _callbacks(place: Place) -> str:
    """Where gateways in namespaces of their own reach what listens on the host's loopback."""
    if place.network.kind == "loopback":
        return ""
    return f"""
frontend callbacks
    bind {place.address("host", "callback")}
    default_backend appserver

backend appserver
    server appserver {place.appserver}
"""


def daemon(place: Place) -> Daemon:
    """The balancer."""
    config = str(place.folder / "haproxy.cfg")
    return place.daemon("haproxy", "host", ["haproxy", "-db", "-f", config])


def start(place: Place) -> None:
    """Start it and wait until a gateway answers through it."""
    place.write("haproxy.cfg", _configuration(place))
    balancer = daemon(place)
    balancer.start()
    url = f"{place.endpoint}/-/ready"
    balancer.wait_until(lambda: gateways.answers_ok(url), 20, "reaches no gateway")


def statistics_url(place: Place) -> str:
    """A page about the gateways, and as ``/;csv`` for programs."""
    return f"http://{place.address('host', 'haproxy')}/"
