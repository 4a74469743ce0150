"""The rows of a benchmark's leaderboard: methods, each with the recognizer that is kept from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from privacy_faces.config.options import Choice
from privacy_faces.config.plan import Plan
from privacy_faces.config.registry import RECOGNIZERS
from privacy_faces.weights.manifest import weight
from privacy_faces.weights.places import absent

_ADD = "privacy-faces weights add ID FILE (privacy-faces weights list)"


@dataclass(frozen=True)
class Entry:
    """One row of the leaderboard: a method with its options.

    Attributes:
        plan: what is done.
        label: for the reader; also the folder of its results.
        held_out: the recognizer that was kept from the method, if any.
        repeats: label of the row that this one repeats with another seed, if any.
    """

    plan: Plan
    label: str
    held_out: str | None = None
    repeats: str | None = None


def judges(names: Sequence[str], configured: Sequence[Choice]) -> list[Choice]:
    """The recognizers that judge, each with the options that it is configured with, otherwise with its defaults.

    Args:
        names: of those that judge.
        configured: recognizers as profile and config file name them; those that do not judge are left out.
    """
    given = {choice.name: choice for choice in configured}
    return [given.get(name, Choice(name=name)) for name in names]


def held_out_entries(
    plans: Mapping[str, Callable[[dict[str, Any]], Plan]], recognizers: Sequence[str], held_out: str | None
) -> list[Entry]:
    """One entry for each method, or one for each method and recognizer that is held out.

    Args:
        plans: method -> makes its plan with options laid over the others.
        recognizers: names of those that judge.
        held_out: the recognizer that methods may not use; "rotate" holds out each in turn; None leaves every method its
            own surrogates.

    Raises:
        ValueError: for a recognizer that does not judge, or when none would be left.
    """
    if held_out is None:
        return [Entry(make({}), name) for name, make in plans.items()]
    names = list(recognizers) if held_out == "rotate" else [held_out]
    if unknown := [name for name in names if name not in recognizers]:
        raise ValueError(
            f"Expected --held-out to name a recognizer that judges ({', '.join(recognizers)}) or rotate, got "
            f"{unknown[0]!r}. {_more(recognizers)}"
        )
    if len(recognizers) < 2:
        raise ValueError(
            f"--held-out {held_out} leaves no surrogate: {recognizers[0]} is the only recognizer. {_more(recognizers)}"
        )
    entries: list[Entry] = []
    for method, make in plans.items():
        plan = make({})
        for name in names:
            others = [other for other in recognizers if other != name]
            named = "surrogates" in type(plan.options).model_fields
            apart = make({"surrogates": others}) if named else plan
            # Components have surrogates of their own.
            apart = replace(apart, options=apart.options.without(name, others))
            if not named and apart.options == plan.options:
                entries.append(Entry(plan, method))
                break
            entries.append(Entry(apart, f"{method}-without-{name}", name))
    return entries


def seeded(entries: Sequence[Entry], seeds: int) -> list[Entry]:
    """The entries, and each again with the `seeds` - 1 seeds after its own."""
    return [*entries, *(_with_seed(entry, later) for entry in entries for later in range(1, seeds))]


def _with_seed(entry: Entry, later: int) -> Entry:
    seed = entry.plan.run.seed + later
    plan = replace(entry.plan, run=entry.plan.run.model_copy(update={"seed": seed}))
    return replace(entry, plan=plan, label=f"{entry.label}-seed-{seed}", repeats=entry.label)


def _more(recognizers: Sequence[str]) -> str:
    """What lets others judge than these: the weights that can be pulled, smallest first."""
    others = [entry.spec() for name, entry in RECOGNIZERS.entries().items() if name not in recognizers]
    lacking = [weight(name) for spec in others for name in absent(spec.weights[:1])]
    pulls = [
        f"{item.command} ({item.bytes / 1e6:.1f} MB)"
        for item in sorted(lacking, key=lambda item: item.bytes)
        if not item.install
    ]
    return f"More judge with --recognizers all, where their weights are: {', or '.join([*pulls, _ADD])}."
