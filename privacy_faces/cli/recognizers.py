"""`privacy-faces recognizers`: who can judge, or help."""

from __future__ import annotations

import click

from privacy_faces.cli.listing import listing
from privacy_faces.registry import RECOGNIZERS


@click.command(name="recognizers")
@click.option("as_json", "--json", is_flag=True, help="print one JSON object")
def command(as_json: bool) -> None:
    """List the recognizers."""
    click.echo(listing(RECOGNIZERS, as_json))
