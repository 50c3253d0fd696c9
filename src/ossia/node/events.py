"""What a command tells while it works: lines for people, or events as JSON lines."""

import json
from typing import Any

import click


def say(event: str, text: str, /, *, as_json: bool, **facts: Any) -> None:
    """Tell *text*, or the event with its facts."""
    click.echo(json.dumps({"event": event, **facts}) if as_json else text)


def shown(size: int) -> str:
    """So many bytes, for people."""
    return f"{size / 1e9:.2f} GB" if size >= 10**8 else f"{size / 1e6:.2f} MB"
