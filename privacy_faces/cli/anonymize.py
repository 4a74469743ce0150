"""`privacy-faces anonymize`: photos in, anonymised photos and receipts out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.options import assignments_of, flags_of, values_of
from privacy_faces.cli.table import table
from privacy_faces.options import slot_of
from privacy_faces.plan import PROFILES, Plan, RunOptions, load_config, load_profile, make_plan
from privacy_faces.registry import METHODS, UnknownNameError

if TYPE_CHECKING:
    from privacy_faces.runner import Job, Outcome


class _Anonymize(click.Command):
    """The flags of `anonymize` depend on the method, and on the components that it was given: they are read first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        early = _Early(args)
        try:
            ctx.meta["method_options"] = early.flags()
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            owners = [name for name in METHODS.entries() if _has_flag(name, error.option_name)] if early.method else []
            if owners:
                raise click.UsageError(f"{error.option_name} is an option of {', '.join(owners)}, not of {early.method}.", ctx) from None
            raise

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *ctx.meta.get("method_options", [])]


class _Early:
    """What decides the set of flags, found in the arguments before they are parsed."""

    def __init__(self, args: list[str]) -> None:
        self.args = args
        config_file = self._value("--config")
        self.config = load_config(Path(config_file)) if config_file and Path(config_file).is_file() else None
        self.method = self._value("--method") or (self.config.method if self.config else None)

    def flags(self) -> list[click.Option]:
        """The method's flags; none when no method is named yet."""
        if not self.method:
            return []
        model = METHODS.spec(self.method).option_model()
        slots = [name for name, field in model.model_fields.items() if slot_of(field.metadata)]
        return list(flags_of(model, {name: self._component(name, model.model_fields[name].default.name) for name in slots}))

    def _component(self, field: str, default: str) -> str:
        """The component that a field will hold: typed, set, configured, or the default."""
        if typed := self._value(f"--{field}"):
            return typed
        for index, item in enumerate(self.args):
            pair = self.args[index + 1] if item == "--set" and index + 1 < len(self.args) else item.removeprefix("--set=")
            for key in (f"{field}=", f"{field}.name="):
                if pair.startswith(key):
                    return pair.removeprefix(key)
        profile = self._value("--profile") or "embedded"
        for file in (self.config, load_profile(profile) if profile in PROFILES else None):
            value = file.methods.get(self.method or "", {}).get(field) if file else None
            if value:
                return str(value["name"] if isinstance(value, dict) else value)
        return default

    def _value(self, flag: str) -> str | None:
        for index, item in enumerate(self.args):
            if item == flag and index + 1 < len(self.args):
                return self.args[index + 1]
            if item.startswith(f"{flag}="):
                return item.partition("=")[2]
        return None


@click.command(
    cls=_Anonymize,
    name="anonymize",
    params=[
        click.Argument(["inputs"], nargs=-1, type=click.Path(path_type=Path)),
        click.Option(["--method"], metavar="NAME", help="what changes the faces; `privacy-faces methods` lists them"),
        click.Option(["--output"], type=click.Path(path_type=Path, file_okay=False), help="output folder  [default: outputs/NAME]"),
        click.Option(["--profile"], type=click.Choice(PROFILES), default="embedded", show_default=True, help="embedded: any machine; full: GPU and model hub"),
        click.Option(["--config"], type=click.Path(path_type=Path, dir_okay=False, exists=True), help="YAML file with options"),
        click.Option(["assignments", "--set"], multiple=True, metavar="KEY=VALUE", help="set one option, for instance inpainter.steps=20"),
        click.Option(["--overwrite"], is_flag=True, help="redo photos that are done already"),
        click.Option(["as_json", "--json"], is_flag=True, help="print one JSON object"),
        *flags_of(RunOptions),
    ],
)
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[Path, ...],
    method: str | None,
    output: Path | None,
    profile: str,
    config: Path | None,
    assignments: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Change every face in photos or folders of photos (INPUTS; a sample photo when none is given).

    The options of a method are shown by: privacy-faces anonymize --method NAME --help
    """
    try:
        plan = make_plan(
            method,
            profile=profile,
            config=config,
            assignments=assignments_of(assignments),
            options=values_of(METHODS.spec(method).option_model(), flags) if method else _config_flags(config, flags),
            run=values_of(RunOptions, flags),
        )
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    sys.exit(_run(ctx, plan, inputs, output or Path("outputs") / plan.method, overwrite, as_json))


def _run(ctx: click.Context, plan: Plan, inputs: tuple[Path, ...], output: Path, overwrite: bool, as_json: bool) -> int:
    """Do the plan, print the result; the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    with _stages() as stages:
        stages.say("loading")
        from privacy_faces.anonymizer import Anonymizer
        from privacy_faces.runner import InputError, collect, run, write_run

        try:
            collection = collect(inputs, output)
        except InputError as error:
            raise click.UsageError(str(error), ctx) from None
        outcomes = []
        try:
            for outcome in run(lambda: Anonymizer(plan, stages.say), collection, output, overwrite, plan.fingerprint(), stages.photos):
                outcomes.append(outcome)
                stages.outcome(outcome)
        except ValueError as error:  # raised while loading: no photo can be done without what is missing
            raise click.UsageError(str(error), ctx) from None
    if collection.ignored:
        click.echo(f"ignored {len(collection.ignored)} files that are not photos: {', '.join(collection.ignored[:5])}", err=True)
    write_run(output / "run.json", plan.described(), outcomes, collection.ignored)
    click.echo(json.dumps(_as_json(plan, output, outcomes), indent=2) if as_json else _as_table(outcomes, output))
    return 1 if any(outcome.status == "failed" for outcome in outcomes) else 0


class _Stages:
    """Progress on stderr: a bar over the photos, and the stage that runs."""

    def __init__(self) -> None:
        self._bar: Any = None

    def say(self, stage: str) -> None:
        """The stage that starts now."""
        if self._bar is not None:
            self._bar.set_postfix_str(stage)
        elif sys.stderr.isatty():
            click.echo(f"{stage} ...", err=True)

    def photos(self, jobs: list[Job]) -> Iterable[Job]:
        """The jobs, behind a bar."""
        from tqdm import tqdm

        self._bar = tqdm(jobs, unit="photo", file=sys.stderr, disable=False)
        return self._bar  # type: ignore[no-any-return]

    def outcome(self, outcome: Outcome) -> None:
        """Name a failure or a warning as soon as it is known."""
        from tqdm import tqdm

        lines = [f"FAILED: {outcome.reason}"] if outcome.status == "failed" else outcome.warnings
        for line in lines:
            tqdm.write(f"{outcome.job.name}: {line}", file=sys.stderr)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def _stages() -> Iterator[_Stages]:
    stages = _Stages()
    try:
        yield stages
    finally:
        stages.close()


def _as_json(plan: Plan, output: Path, outcomes: list[Outcome]) -> dict[str, Any]:
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in ("done", "skipped", "failed")}
    photos = [outcome.described() | {"receipt": outcome.receipt or None} for outcome in outcomes]
    return {"schema": 1, **plan.described(), "output": str(output), **counts, "photos": photos}


def _as_table(outcomes: list[Outcome], output: Path) -> str:
    rows = []
    for outcome in outcomes:
        name = outcome.job.name
        if outcome.status == "failed":
            rows.append([name, "", "", "", "", "", f"FAILED: {outcome.reason}"])
        for face in outcome.receipt.get("faces", ()):
            for recognizer, result in face["recognizers"].items():
                verdict = "NOT PROTECTED" if result["matched"] else "no longer matched"
                scores = [f"{result[key]:.3f}" for key in ("similarity_before", "similarity", "threshold")]
                rows.append([name, str(face["index"] + 1), f"{recognizer} ({result['role']})", *scores, verdict])
        if outcome.status != "failed" and not outcome.receipt.get("faces"):
            rows.append([name, "", "", "", "", "", "copied: no face found"])
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    text = table(["photo", "face", "recognizer", "before", "after", "threshold", "result"], rows)
    return f"{text}\n\nwritten to {output}" + (f" ({skipped} were done already)" if skipped else "")


def _config_flags(config: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The method's flags when its name stands in the config file."""
    name = load_config(config).method if config else None
    return values_of(METHODS.spec(name).option_model(), flags) if name else {}


def _has_flag(method: str, flag: str) -> bool:
    try:
        return any(flag in option.opts for option in flags_of(METHODS.spec(method).option_model()))
    except UnknownNameError:
        return False
