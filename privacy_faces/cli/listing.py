"""A registry as text or JSON; imports the light specs, never the things themselves."""

from __future__ import annotations

import json
from typing import Any

import click

from privacy_faces.cli.table import table
from privacy_faces.config.registry import Registry
from privacy_faces.weights.store import is_present


def listing_command(registry: Registry, summary: str) -> click.Command:
    """The verb that lists `registry`."""

    @click.command(name=f"{registry.kind}s", help=summary)
    @click.option("as_json", "--json", is_flag=True, help="print one JSON object")
    def command(as_json: bool) -> None:
        try:
            found = rows(registry)
        except ValueError as error:  # two distributions with one name, or an entry point that leads nowhere
            raise click.UsageError(str(error)) from None
        if as_json:
            click.echo(json.dumps({"schema": 1, f"{registry.kind}s": found}, indent=2))
        else:
            click.echo(
                table(
                    [registry.kind, "from", "what"], [[row["name"], row["distribution"], _what(row)] for row in found]
                )
            )

    return command


def rows(registry: Registry) -> list[dict[str, Any]]:
    """Every installed name with its summary, distribution and missing weights; then every name of a plugin of this
    source checkout that is not installed, with how to get it."""
    found = []
    for name, entry in registry.entries().items():
        spec = entry.spec()
        missing = [weight for weight in spec.weights if not is_present(weight)]
        found.append(
            {
                "name": name,
                "installed": True,
                "summary": spec.summary,
                "distribution": entry.distribution,
                "missing_weights": missing,
            }
        )
    for name, plugin in registry.missing().items():
        found.append(
            {
                "name": name,
                "installed": False,
                "summary": plugin.install_command,
                "distribution": plugin.distribution,
                "missing_weights": [],
            }
        )
    return found


def _what(row: dict[str, Any]) -> str:
    if not row["installed"]:
        return f"not installed: {row['summary']}"
    missing = f"  [weights missing: {', '.join(row['missing_weights'])}]" if row["missing_weights"] else ""
    return f"{row['summary']}{missing}"
