"""`privacy-faces weights`: what lies on this machine, and how to get the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from privacy_faces.cli.table import table
from privacy_faces.weights import store
from privacy_faces.weights.manifest import UnknownWeightError, manifest


@click.group(name="weights")
def command() -> None:
    """List, download or add model weights."""


@command.command(name="list")
@click.option("as_json", "--json", is_flag=True, help="print one JSON object")
def list_weights(as_json: bool) -> None:
    """Every known set of weights: license, size, and whether it is on this machine."""
    items = [
        {**asdict(item), "bytes": item.bytes, "present": store.is_present(item.id), "command": item.command}
        for item in manifest().values()
    ]
    if as_json:
        click.echo(json.dumps({"schema": 1, "cache": str(store.cache_folder()), "weights": items}, indent=2))
        return
    rows = [
        [
            item["id"],
            f"{item['bytes'] / 1e6:.1f} MB",
            "here" if item["present"] else f"missing: {item['command']}",
            item["summary"],
            item["license"],
        ]
        for item in items
    ]
    click.echo(table(["id", "size", "status", "what", "license"], rows))


@command.command()
@click.argument("weight", metavar="ID[@REVISION]")
def pull(weight: str) -> None:
    """Download weights from their origin; a download that was interrupted goes on.

    REVISION is a branch, tag or commit of a repository of the model hub, of which the newest version is taken
    otherwise.
    """
    weight_id, _, revision = weight.partition("@")
    try:
        store.pull(weight_id, revision)
    except UnknownWeightError as error:
        raise click.UsageError(str(error)) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{weight}: here")


@command.command()
@click.argument("weight_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
def add(weight_id: str, file: Path) -> None:
    """Put a file that you have into the cache, converted to safetensors."""
    try:
        target = store.add(weight_id, file)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{weight_id}: {target}")
