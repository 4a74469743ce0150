"""`privacy-faces methods`: what can change a face."""

from __future__ import annotations

import click

from privacy_faces.cli.listing import listing
from privacy_faces.registry import METHODS


@click.command(name="methods")
@click.option("as_json", "--json", is_flag=True, help="print one JSON object")
def command(as_json: bool) -> None:
    """List the methods: installed ones, and known ones with the command that installs them."""
    click.echo(listing(METHODS, as_json))
