"""``ossia backup list``: the points of a repository."""

import json
from datetime import UTC, datetime

import click

from ossia.node.backup import points
from ossia.node.backup.repository import Repository
from ossia.node.events import shown
from ossia.node.migration.blobs import DamagedError


def list_points(repository: Repository, *, as_json: bool) -> None:
    """Print them, the oldest first."""
    with repository.reading():
        for name in points.names(repository):
            _print(repository, name, as_json=as_json)


def _print(repository: Repository, name: str, *, as_json: bool) -> None:
    try:
        point = points.get(repository, name)
    except DamagedError:
        click.echo(json.dumps({"point": name, "damaged": True}) if as_json else f"{name}  damaged")
        return
    taken = datetime.fromtimestamp(point.taken_at / 1000, UTC)
    facts = {
        "point": name,
        "taken_at": point.taken_at,
        "objects": point.objects,
        "blobs": point.blobs,
        "bytes": point.size,
        "master_key": bool(point.master_key),
        "version": point.version,
    }
    text = f"{name}  {taken:%Y-%m-%d %H:%M:%S} UTC  {point.objects:>9} objects  {shown(point.size)}"
    click.echo(json.dumps(facts) if as_json else text)
