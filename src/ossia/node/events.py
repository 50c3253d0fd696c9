"""What a command tells while it works: lines for people, or events as JSON lines."""

import json
from typing import Any

import click


def say(event: str, text: str, *, as_json: bool, **facts: Any) -> None:
    """Tell *text*, or the event with its facts."""
    click.echo(json.dumps({"event": event, **facts}) if as_json else text)
