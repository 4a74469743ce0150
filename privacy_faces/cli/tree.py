"""All commands by the words that are typed: the core's from one table, a plugin's by entry points of
`privacy_faces.commands`. Each has a card with its summary; its module is imported when it is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from privacy_faces.config.registry import (
    COMMANDS,
    CommandSpec,
    NotInstalledError,
    PluginError,
    duplicate,
    imported,
    not_installed,
)

#: Words joined by dots -> card.
BUILT_IN: Mapping[str, CommandSpec] = {
    "anonymize": CommandSpec(
        "Change the faces in photos so that face recognition no longer finds the people.",
        "privacy_faces.cli.anonymize:command",
    ),
    "benchmark": CommandSpec(
        "Judge methods on the same photos, by every recognizer.", "privacy_faces.cli.benchmark:command"
    ),
    "calibrate": CommandSpec(
        "Measure the thresholds at which recognizers declare a match.", "privacy_faces.cli.calibrate:command"
    ),
    "datasets.prepare.celeba": CommandSpec(
        "CelebA: its splits merged, and the photos of each person divided anew.", "privacy_faces.cli.datasets:celeba"
    ),
    "datasets.prepare.lfw": CommandSpec(
        "LFW: a list of pairs as the table that `evaluate --pairs` reads.", "privacy_faces.cli.datasets:lfw"
    ),
    "doctor": CommandSpec(
        "Say what is installed and what is missing, with the commands that mend it.", "privacy_faces.cli.doctor:command"
    ),
    "evaluate": CommandSpec("Judge protected photos of any tool.", "privacy_faces.cli.evaluate:command"),
    "faces": CommandSpec(
        "List every face in photos, and who they are, to choose which are changed.",
        "privacy_faces.cli.faces:command",
    ),
    "finetune.recognizer": CommandSpec(
        "Train a closed-set classifier on a frozen recognizer (PrivacyPreservingDiffusion).",
        "privacy_faces.cli.finetune_recognizer:command",
        launched=True,
    ),
    "methods": CommandSpec("List the methods.", "privacy_faces.cli.methods:command"),
    "models.face-bank": CommandSpec(
        "Draw the bank of generated faces that the inpainter face-gan chooses from.",
        "privacy_faces.cli.generator:face_bank",
    ),
    "models.faces": CommandSpec("Draw faces of nobody, two photos each.", "privacy_faces.cli.models:faces"),
    "models.synthetic-thresholds": CommandSpec(
        "Measure the thresholds of recognizers on generated faces.", "privacy_faces.cli.models:synthetic_thresholds"
    ),
    "models.train.face-attributes": CommandSpec(
        "Fit what tells sex and age group from a recognizer's embeddings.",
        "privacy_faces.cli.generator:face_attributes",
    ),
    "models.train.face-diffusion": CommandSpec(
        "Train the diffusion model that paints detail over the linear model's coarse faces.",
        "privacy_faces.cli.models:face_diffusion",
        launched=True,
    ),
    "models.train.face-prior": CommandSpec(
        "Fit the linear face model of the inpainter face-prior.", "privacy_faces.cli.models:face_prior"
    ),
    "recognizers": CommandSpec("List the recognizers.", "privacy_faces.cli.recognizers:command"),
    "report": CommandSpec("Make report.html from results.json.", "privacy_faces.cli.report:command"),
    "review": CommandSpec(
        "Choose the faces on a page of this machine, look, and write.", "privacy_faces.cli.review:command"
    ),
    "weights": CommandSpec("List, download or add model weights.", "privacy_faces.cli.weights:command"),
}

#: Groups of commands -> what they have in common.
GROUPS: Mapping[str, str] = {
    "datasets": "Bring face data sets into the form that the other commands read.",
    "datasets.prepare": "Divide a data set into folders of links (nothing is copied), or write its list of pairs as a "
    "table.",
    "finetune": "Fine-tune a model on a folder of photos.",
    "models": "Make what ships: models and pictures of nobody.",
    "models.train": "Train one of the models; every twentieth person is left out, to measure with.",
}


def names() -> list[str]:
    """Dotted names of all installed commands, in order.

    Raises:
        DuplicateNameError: a plugin claims a command of the core, or two plugins one command.
    """
    plugins = COMMANDS.entries()
    if taken := [name for name in plugins if name in BUILT_IN]:
        raise duplicate("command name", taken[0], "privacy-faces", plugins[taken[0]].distribution)
    return sorted([*BUILT_IN, *plugins])


def spec(name: str) -> CommandSpec:
    """The card of the command of that dotted name.

    Raises:
        NotInstalledError, UnknownNameError, PluginError: as `Names.spec`.
    """
    return BUILT_IN[name] if name in BUILT_IN else COMMANDS.spec(name)


def spec_of(words: Sequence[str]) -> tuple[str, CommandSpec | None]:
    """The dotted name that a line begins with, and its card; None where the line names no command."""
    for count in range(len(words), 0, -1):
        name = ".".join(words[:count])
        if name in names():
            return name, spec(name)
    return ".".join(words[:1]), None


@contextmanager
def _wrong_usage(ctx: click.Context) -> Iterator[None]:
    """Show a ValueError of the registry as wrong usage: two distributions with one name, an entry point that leads
    nowhere, a plugin that is not installed."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None


class CommandGroup(click.Group):
    """The commands whose names begin with the same words.

    Args:
        summary: for the help.
        prefix: these words, joined by dots; "" for all commands.
        settings: of `click.Group`.
    """

    def __init__(self, summary: str, prefix: str = "", **settings: Any) -> None:
        super().__init__(name=prefix.rpartition(".")[2] or "privacy-faces", help=summary, **settings)
        self.prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The words that may come next."""
        start = f"{self.prefix}." if self.prefix else ""
        with _wrong_usage(ctx):
            return sorted({name[len(start) :].partition(".")[0] for name in names() if name.startswith(start)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now, or the group of commands that begin with this word, too."""
        name = f"{self.prefix}.{cmd_name}" if self.prefix else cmd_name
        with _wrong_usage(ctx):
            if name in names():
                command: click.Command = imported(spec(name).command)
                return command
            if any(other.startswith(f"{name}.") for other in names()):
                return CommandGroup(GROUPS.get(name, ""), name)
            for other, plugin in COMMANDS.missing().items():
                if f"{other}.".startswith(f"{name}."):
                    raise NotInstalledError(not_installed("command", name.replace(".", " "), plugin))
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Words and summaries."""
        rows = []
        for word in self.list_commands(ctx):
            name = f"{self.prefix}.{word}" if self.prefix else word
            try:
                rows.append((word, spec(name).summary if name in names() else GROUPS.get(name, "")))
            except PluginError as error:  # the other commands work
                rows.append((word, f"cannot be loaded: {error}"))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
