"""A registry as text or JSON; imports the light specs, never the things themselves."""

from __future__ import annotations

import json

from privacy_faces.cli.table import table
from privacy_faces.registry import Registry
from privacy_faces.weights.store import is_present


def listing(registry: Registry, as_json: bool) -> str:
    """Every installed name with its summary, distribution and weights, and every known name whose plugin is missing."""
    rows = []
    for name, entry in registry.entries().items():
        spec = entry.spec()
        missing = [weight for weight in spec.weights if not is_present(weight)]
        rows.append({"name": name, "installed": True, "summary": spec.summary, "distribution": entry.distribution, "missing_weights": missing})
    for name, (distribution, _) in registry.plugins.items():
        if name not in registry.entries():
            rows.append({"name": name, "installed": False, "summary": registry.install_command(name), "distribution": distribution, "missing_weights": []})
    if as_json:
        return json.dumps({"schema": 1, f"{registry.kind}s": rows}, indent=2)
    return table(
        [registry.kind, "from", "what"],
        [
            [
                str(row["name"]),
                str(row["distribution"]),
                f"{row['summary']}" + (f"  [weights missing: {', '.join(row['missing_weights'])}]" if row["missing_weights"] else "")
                if row["installed"]
                else f"not installed: {row['summary']}",
            ]
            for row in rows
        ],
    )
