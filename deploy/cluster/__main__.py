"""``python -m cluster up|down|status|kill|start|freeze|thaw|cut|heal|clock``."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import click

from cluster import gateways, haproxy, postgres
from cluster.demonstration import REGION
from cluster.errors import ClusterError
from cluster.network import KINDS, NUMBERS
from cluster.place import CHECKOUT, Place
from cluster.processes import Process
from cluster.whole import Cluster, check_addresses, check_machine

_FOLDER: Final = CHECKOUT / ".cluster"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=_FOLDER,
    show_default=".cluster in the checkout",
    help="Where everything of the cluster is.",
)
@click.pass_context
def cluster(context: click.Context, folder: Path) -> None:
    """An Ossia of many machines on this one: three gateways, PostgreSQL, Ceph, HAProxy."""
    context.obj = folder


@cluster.command()
@click.option("--listen", default="127.0.0.1:9000", show_default=True, help="The endpoint.")
@click.option(
    "--appserver",
    default="127.0.0.1:7080",
    show_default=True,
    help="Address of the demonstration's application server.",
)
@click.option(
    "--network",
    "network_kind",
    type=click.Choice(list(KINDS)),
    default="loopback",
    show_default=True,
    help="With namespaces (root only) nodes can be cut off.",
)
@click.option(
    "--disks",
    "has_disks",
    is_flag=True,
    help="PostgreSQL and gateways have disks of their own, which can be filled (root only).",
)
@click.pass_obj
def up(folder: Path, listen: str, appserver: str, network_kind: str, has_disks: bool) -> None:
    """Start everything, and say how to use it.  What runs already is left alone."""
    check_machine(folder)
    place = Place.open(folder)
    if place is not None and Cluster(place).is_up():
        click.echo("The cluster runs already.")
        _tell(place)
        return
    if place is None:
        if folder.exists() and any(folder.iterdir()):
            raise ClusterError(f"{folder} holds something else: remove it, or choose --folder.")
        place = Place.make(
            folder,
            network_kind=network_kind,
            listen=listen,
            appserver=appserver,
            has_disks=has_disks,
        )
        try:
            check_addresses(place)
        except ClusterError:
            shutil.rmtree(folder)
            raise
    Cluster(place).up(click.echo)
    _tell(place)


@cluster.command()
@click.pass_obj
def down(folder: Path) -> None:
    """Stop everything and remove the folder.  What was stored is gone."""
    place = Place.open(folder)
    if place is None:
        click.echo("No cluster runs here.")
        return
    Cluster(place).down()
    click.echo("The cluster is gone, and what it stored.")


@cluster.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_obj
def status(folder: Path, *, as_json: bool) -> None:
    """Say what runs, what stands still, and who is the primary."""
    place = _place(folder)
    state: dict[str, Any] = {
        "endpoint": place.endpoint,
        "processes": {each.name: _state(each) for each in Cluster(place).processes()},
        "cut": [node for node in NUMBERS if place.network.is_cut(node)],
        "primary": postgres.primary(place),
        "members": {name: each["role"] for name, each in postgres.members(place).items()},
    }
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    for name, text in state["processes"].items():
        click.echo(f"{name:<12} {text}")
    click.echo(f"\nprimary      {state['primary'] or 'none'}")
    click.echo(f"cut off      {', '.join(state['cut']) or 'nobody'}")


def _place(folder: Path) -> Place:
    place = Place.open(folder)
    if place is None:
        raise ClusterError("No cluster runs here: make up-cluster")
    return place


def _state(process: Process) -> str:
    if not process.is_running():
        return "does not run"
    return "is frozen" if process.is_frozen() else "runs"


@cluster.command()
@click.argument("name")
@click.pass_obj
def kill(folder: Path, name: str) -> None:
    """SIGKILL a process and its children."""
    Cluster(_place(folder)).find(name).kill()


@cluster.command()
@click.argument("name")
@click.pass_obj
def stop(folder: Path, name: str) -> None:
    """Ask a process to end (SIGTERM), and wait until it has."""
    Cluster(_place(folder)).stop(name)


@cluster.command()
@click.argument("name")
@click.pass_obj
def start(folder: Path, name: str) -> None:
    """Start again what was killed or stopped."""
    Cluster(_place(folder)).restart(name)


@cluster.command()
@click.argument("name")
@click.pass_obj
def freeze(folder: Path, name: str) -> None:
    """SIGSTOP a process and its children."""
    Cluster(_place(folder)).find(name).freeze()


@cluster.command()
@click.argument("name")
@click.pass_obj
def thaw(folder: Path, name: str) -> None:
    """Let a process and its children go on."""
    Cluster(_place(folder)).find(name).thaw()


@cluster.command()
@click.argument("name")
@click.pass_obj
def cut(folder: Path, name: str) -> None:
    """Cut the node of a process off the network."""
    whole = Cluster(_place(folder))
    whole.place.network.cut(whole.node_of(name))


@cluster.command()
@click.argument("name")
@click.pass_obj
def heal(folder: Path, name: str) -> None:
    """Connect the node of a process again."""
    whole = Cluster(_place(folder))
    whole.place.network.heal(whole.node_of(name))


@cluster.command()
@click.argument("name")
@click.argument("seconds", type=float)
@click.pass_obj
def clock(folder: Path, name: str, seconds: float) -> None:
    """Let a gateway see a time that is SECONDS ahead (behind, where negative)."""
    gateways.move_clock(_place(folder), name, seconds)


@cluster.command()
@click.argument("name")
@click.pass_obj
def fill(folder: Path, name: str) -> None:
    """Let the disk of a process run full: a PostgreSQL, a gateway, or Ceph (an OSD)."""
    Cluster(_place(folder)).fill(name)


@cluster.command()
@click.pass_obj
def empty(folder: Path) -> None:
    """Make room on every disk again."""
    Cluster(_place(folder)).empty()


@cluster.command()
@click.pass_obj
def mend(folder: Path) -> None:
    """Undo every fault and wait until all is well."""
    Cluster(_place(folder)).mend()


def _tell(place: Place) -> None:
    count = len(gateways.own(place).gateways)
    gateway_count = f"{count} gateway{'s' * (count > 1)}"
    endpoint, key, secret = place.endpoint, place.access_key_id, place.access_key_secret
    click.echo(f"""
Ossia runs on {gateway_count}, 3 PostgreSQL and Ceph.

  endpoint      {endpoint}
  region        {REGION}
  account       {place.account_id}
  access key    {key}
  secret        {secret}
  console       {endpoint}/-/console/
  balancer      {haproxy.statistics_url(place)}
  folder        {place.folder}

Python   auth = oss2.Auth('{key}', '{secret}')
         oss2.Bucket(auth, '{endpoint}', 'my-bucket').create_bucket()

curl     curl {endpoint}/-/ready

Break it   PYTHONPATH=deploy .venv/bin/python -m cluster status
           … cluster kill gateway2      cluster start gateway2
           … cluster freeze primary     cluster thaw primary
End it     make down-cluster

Open http://{place.appserver}/ and drop a photo on it.
""")


def main() -> None:
    """What somebody must act on is one line."""
    try:
        cluster.main(standalone_mode=True)
    except ClusterError as error:
        click.echo(f"cluster: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
