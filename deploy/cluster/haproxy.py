"""HAProxy: the one address.  It asks each gateway twice a second whether it is ready."""

from collections.abc import Mapping

from cluster import gateways
from cluster.place import Place
from cluster.processes import Daemon


def configuration(public: str, servers: Mapping[str, str], source: str, more: str = "") -> str:
    """Balances *servers*, addresses by name, at the address *public*; *more* stands behind it.

    It asks them from the address *source*, which they are to believe (``--proxies``).
    """
    listed = "\n".join(f"    server {name} {address}" for name, address in servers.items())
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
    bind {public}
    # Keys may have any bytes; the gateway is the one to judge.
    option accept-invalid-http-request
    # Who the client is. What he says of it himself is thrown away.
    http-request del-header X-Forwarded-For
    option forwardfor
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
    # Where none is ready, an engine is down: a gateway says so as OSS does, with Retry-After.
    use_backend unready if {{ nbsrv(gateways) eq 0 }}
    default_backend gateways

backend gateways
    source {source}
    balance leastconn
    option httpchk GET /-/ready
    http-check expect status 200
    # Two failures, half a second apart, take a gateway out; what it has begun it may finish.
    default-server check inter 500ms fall 2 rise 1
{listed}

backend unready
    source {source}
    balance leastconn
    option httpchk GET /-/health
    default-server check inter 500ms fall 2 rise 1
{listed}
{more}"""


def _statistics(place: Place) -> str:
    return f"""
frontend statistics
    bind {place.address("host", "haproxy")}
    stats enable
    stats uri /
"""


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


def daemon(group: gateways.Group, name: str = "haproxy") -> Daemon:
    """The balancer of a group."""
    config = str(group.place.folder / f"{name}.cfg")
    return group.place.daemon(name, "host", ["haproxy", "-db", "-f", config])


def start(group: gateways.Group, name: str = "haproxy") -> None:
    """Start it and wait until a gateway answers through it."""
    place = group.place
    more = _statistics(place) + _callbacks(place) if group.public == place.listen else ""
    servers = {each.name: each.address for each in group.gateways}
    place.write(f"{name}.cfg", configuration(group.public, servers, place.balancer, more))
    balancer = daemon(group, name)
    balancer.start()
    url = f"http://{group.public}/-/ready"
    balancer.wait_until(lambda: gateways.answers_ok(url), 20, "reaches no gateway")


def statistics_url(place: Place) -> str:
    """A page about the gateways, and as ``/;csv`` for programs."""
    return f"http://{place.address('host', 'haproxy')}/"
