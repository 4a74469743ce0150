"""`privacy-faces references`: which makeup the method makeup can transfer."""

from __future__ import annotations

import json

import click

from privacy_faces.plugin import table
from privacy_faces_makeup.face.references import shipped_references


@click.command(name="references")
@click.option("as_json", "--json", is_flag=True, help="print one JSON object")
def command(as_json: bool) -> None:
    """List the makeup references."""
    found = [
        {"name": item.name, "source": item.source, "summary": item.summary} for item in shipped_references().values()
    ]
    if as_json:
        click.echo(json.dumps({"schema": 1, "references": found}, indent=2))
    else:
        click.echo(
            table(["reference", "from", "what"], [[item["name"], item["source"], item["summary"]] for item in found])
        )
