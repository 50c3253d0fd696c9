"""Options that several commands have in common."""

from pathlib import Path
from typing import Final

import click

events_as_json: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print events as JSON lines."
)
work_folder: Final = click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder for copies of the metadata while this runs.  [default: the system's]",
)
