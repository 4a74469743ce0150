"""`privacy-faces anonymize`: photos in, anonymised photos and receipts out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.options import assignments_of, flags_of, values_of
from privacy_faces.cli.progress import bar
from privacy_faces.cli.table import table
from privacy_faces.config.components import slots_of
from privacy_faces.config.options import Options, merge
from privacy_faces.config.plan import PROFILES, Layers, NoMethodError, Plan, RunOptions, read_layers
from privacy_faces.config.registry import METHODS
from privacy_faces.weights.places import require

if TYPE_CHECKING:
    from privacy_faces.pipeline.batch import Outcome
    from privacy_faces.pipeline.inputs import Collection
    from privacy_faces.pipeline.job import Job
    from privacy_faces.pipeline.sharing import Engine


@dataclass(frozen=True)
class _Known:
    """What the arguments tell before they are parsed: the layers below the flags (None: no method is named), and the
    flags."""

    layers: Layers | None
    of_run: Sequence[click.Option]
    of_method: Sequence[click.Option]


class _Anonymize(click.Command):
    """Its flags depend on the method, and on the components that the method is given: these are read first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the flags, then parse."""
        missing = None
        try:
            ctx.meta[__name__] = self._known(args)
        except NoMethodError as error:
            missing = error
            ctx.meta[__name__] = _Known(None, list(flags_of(RunOptions)), [])
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None
        try:
            rest = super().parse_args(ctx, args)  # ends here for --help
        except click.NoSuchOption as error:
            if hint := _whose(error.option_name, ctx.meta[__name__].layers):
                raise click.UsageError(hint, ctx) from None
            raise
        if missing and not ctx.resilient_parsing:
            raise click.UsageError(str(missing), ctx)
        return rest

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those of every run, then those of the method."""
        known = ctx.meta.get(__name__, _Known(None, [], []))
        return [*super().get_params(ctx), *known.of_run, *known.of_method]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The method's options come first, in a section of their own."""
        known: _Known = ctx.meta[__name__]
        of_method = known.of_method
        others = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and param not in of_method]
        for title, options in (
            (f"Options of {known.layers.method}" if known.layers else "", of_method),
            ("Options", others),
        ):
            if options:
                with formatter.section(title):
                    formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])

    def _known(self, args: list[str]) -> _Known:
        found = _peek(
            args, [param for param in self.params if param.name in ("method", "profile", "config", "assignments")]
        )
        layers = read_layers(
            found["method"],
            profile=found["profile"] or PROFILES[0],
            config=found["config"],
            assignments=assignments_of(found["assignments"] or ()),
        )
        typed = _peek(args, [click.Option([name, f"--{name.replace('_', '-')}"]) for name in slots_of(layers.model)])
        chosen = merge(layers.of_method, {name: value for name, value in typed.items() if value})
        return _Known(layers, list(flags_of(RunOptions, layers.of_run)), list(flags_of(layers.model, chosen)))


def _peek(args: list[str], options: Sequence[click.Parameter]) -> dict[str, Any]:
    """The values of some options; whatever else stands among the arguments is passed over, mistakes included."""
    command = click.Command("peek", params=list(options), add_help_option=False)
    return command.make_context(
        "peek", list(args), resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True
    ).params


def _whose(flag: str, layers: Layers | None) -> str | None:
    """What to tell about a flag that is unknown here, if another component or method has it."""
    if layers and (choices := _components_with(layers.model, flag)):
        return f"{flag} goes with {' or '.join(choices)}."
    owners = []
    for name in METHODS.entries():
        try:
            model = METHODS.spec(name).option_model()
            if _components_with(model, flag) or _has_flag(model, flag, {}):
                owners.append(name)
        except ValueError:  # a broken plugin is reported when it is used
            continue
    if not owners:
        return None
    return f"{flag} is an option of {', '.join(owners)}" + (
        f", not of {layers.method}." if layers else ". Add --method NAME."
    )


def _components_with(model: type[Options], flag: str) -> list[str]:
    """The choices of a component that bring `flag`, such as "--inpainter classical"."""
    found = []
    for field, slot in slots_of(model).items():
        chooses = f"--{field.replace('_', '-')}"
        if flag.startswith(f"{chooses}-"):
            found += [f"{chooses} {name}" for name in slot.registry.entries() if _has_flag(model, flag, {field: name})]
    return found


def _has_flag(model: type[Options], flag: str, values: dict[str, Any]) -> bool:
    return any(flag in (*option.opts, *option.secondary_opts) for option in flags_of(model, values))


@click.command(
    cls=_Anonymize,
    name="anonymize",
    params=[
        click.Argument(["inputs"], nargs=-1, type=click.Path(path_type=Path)),
        click.Option(["--method"], metavar="NAME", help="what changes the faces; `privacy-faces methods` lists them"),
        click.Option(
            ["--output"],
            type=click.Path(path_type=Path, file_okay=False),
            help="output folder  [default: outputs/NAME]",
        ),
        click.Option(
            ["--profile"],
            type=click.Choice(PROFILES),
            default=PROFILES[0],
            show_default=True,
            help="embedded: any machine; full: GPU and model hub",
        ),
        click.Option(["--config"], type=click.Path(path_type=Path), metavar="FILE", help="YAML file with options"),
        click.Option(
            ["assignments", "--set"],
            multiple=True,
            metavar="KEY=VALUE",
            help="set one option, for instance inpainter.steps=20",
        ),
        click.Option(["--overwrite"], is_flag=True, help="redo photos that are done already"),
        click.Option(
            ["--engine"],
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="ray: workers on one machine or many",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(min=1),
            help="with --engine ray: processes  [default: one for each GPU, or CPU, that Ray has]",
        ),
        click.Option(["as_json", "--json"], is_flag=True, help="print one JSON object"),
    ],
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    inputs: tuple[Path, ...],
    output: Path | None,
    overwrite: bool,
    engine: str,
    workers: int | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Change every face in photos or folders of photos (INPUTS; a sample photo when none is given).

    The options of a method are shown by: privacy-faces anonymize --method NAME --help
    """
    layers: Layers = ctx.meta[__name__].layers
    try:
        plan = layers.plan(values_of(layers.model, flags), values_of(RunOptions, flags))
        output = output or Path("outputs") / plan.method
        collection, outcomes = _do(plan, inputs, output, overwrite, _engine(engine, workers, overwrite))
    except (
        ValueError
    ) as error:  # raised before the first photo: options or inputs that do not fit, or something that is missing
        raise click.UsageError(str(error), ctx) from None
    written = _write_run(plan, collection, outcomes, output)
    if ignored := collection.ignored:
        more = f" and {len(ignored) - 5} more, see {output / 'run.json'}" if len(ignored) > 5 else ""
        click.echo(f"ignored, not photos: {', '.join(ignored[:5])}{more}", err=True)
    click.echo(json.dumps(_as_json(plan, output, outcomes), indent=2) if as_json else _as_table(outcomes, output))
    sys.exit(0 if written and all(outcome.status != "failed" for outcome in outcomes) else 1)


def _engine(name: str, workers: int | None, overwrite: bool) -> Engine:
    """The engine that was asked for.

    Raises:
        InputError: for options that do not go together.
    """
    from privacy_faces.pipeline.inputs import InputError
    from privacy_faces.pipeline.sharing import launched, local

    here = launched.run if launched.processes() > 1 else local.run
    if name == "local":
        if workers:
            raise InputError(
                "--workers goes with --engine ray. Without Ray: accelerate launch --multi_gpu --num_processes N -m "
                "privacy_faces anonymize ..."
            )
        return here
    if here is launched.run:
        raise InputError("--engine ray starts its own workers: run it without accelerate launch.")
    from privacy_faces.pipeline.sharing import ray

    return partial(ray.run, workers=workers, overwrite=overwrite)


def _do(
    plan: Plan, inputs: tuple[Path, ...], output: Path, overwrite: bool, engine: Engine
) -> tuple[Collection, list[Outcome]]:
    """Do every photo, telling failures and warnings as they come."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    from privacy_faces.pipeline.batch import Outcome, run
    from privacy_faces.pipeline.inputs import collect, refuse_foreign

    collection = collect(inputs, output, plan.run.layout)
    if not overwrite:
        refuse_foreign(collection, output)
    outcomes = []
    # Whatever a library has to say, Ray of a worker that died for instance: stdout carries the result.
    with redirect_stdout(sys.stderr), _stages() as stages:

        def start(jobs: list[Job]) -> Iterator[Outcome]:
            stages.say("loading")
            # Wrong inputs and missing weights are refused, and finished photos skipped, before torch is imported.
            require(plan.weights())
            return engine(jobs, plan, stages.say)

        def loaded(found: Iterator[Outcome], count: int) -> Iterable[Outcome]:
            # Before the first photo: should the run be killed, the folder still says what was meant to happen in it.
            _write_run(plan, collection, [Outcome(job, "pending") for job in collection.jobs], output)
            return stages.photos(found, count)

        for outcome in run(start, collection, plan.fingerprint(), loaded, overwrite=overwrite):
            outcomes.append(outcome)
            stages.outcome(outcome)
    # Engines give them as they come; the table and run.json have the order of the photos.
    by_job = {outcome.job: outcome for outcome in outcomes}
    return collection, [by_job[job] for job in collection.jobs]


def _write_run(plan: Plan, collection: Collection, outcomes: list[Outcome], output: Path) -> bool:
    """Write run.json; false when it cannot be written."""
    from privacy_faces.pipeline.batch import write_run
    from privacy_faces.pipeline.inputs import RUN_FILE

    try:
        write_run(output / RUN_FILE, plan.described(), outcomes, collection.ignored)
    except (ValueError, OSError) as error:
        click.echo(f"run.json: FAILED: {error}", err=True)
        return False
    return True


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

    def photos(self, outcomes: Iterator[Outcome], count: int) -> Iterable[Outcome]:
        """The outcomes, behind a bar."""
        self._bar = bar(outcomes, total=count)
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
    photos = [
        outcome.described() | {"receipt": outcome.receipt and outcome.receipt.model_dump(mode="json", by_alias=True)}
        for outcome in outcomes
    ]
    return {"schema": 1, **plan.described(), "output": str(output), **counts, "photos": photos}


def _as_table(outcomes: list[Outcome], output: Path) -> str:
    rows = []
    for outcome in outcomes:
        name = outcome.job.name
        if outcome.status == "failed":
            rows.append([name, "", "", "", "", "", f"FAILED: {outcome.reason}"])
        for face in outcome.receipt.faces if outcome.receipt else ():
            for recognizer, result in face.recognizers.items():
                verdict = "NOT PROTECTED" if result.matched else "no longer matched"
                before = "" if result.similarity_before is None else f"{result.similarity_before:.3f}"
                scores = [before, f"{result.similarity:.3f}", f"{result.threshold:.3f}"]
                rows.append([name, str(face.index + 1), f"{recognizer} ({result.role})", *scores, verdict])
        if outcome.receipt and not outcome.receipt.faces:
            rows.append([name, "", "", "", "", "", "copied: no face found"])
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    text = table(["photo", "face", "recognizer", "before", "after", "threshold", "result"], rows)
    return f"{text}\n\nwritten to {output}" + (
        f" ({skipped} {'was' if skipped == 1 else 'were'} done already)" if skipped else ""
    )
