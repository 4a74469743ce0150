"""`privacy-faces anonymize`: photos in, anonymized photos and receipts out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.command import wrong_usage
from privacy_faces.cli.options import assignments_of, flags_of, values_of
from privacy_faces.config.components import slots_of
from privacy_faces.config.options import Options, merge
from privacy_faces.config.plan import Layers, NoMethodError, read_layers
from privacy_faces.config.printable import printable
from privacy_faces.config.profiles import PROFILES
from privacy_faces.config.registry import METHODS
from privacy_faces.config.run import RunOptions


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
            raise click.UsageError(printable(str(error), keep="\n"), ctx) from None
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
        click.Option(
            ["--method"],
            metavar="NAME",
            help="what changes the faces; `privacy-faces methods` lists them",
            shell_complete=lambda ctx, param, begun: [name for name in METHODS.entries() if name.startswith(begun)],
        ),
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
            help="ray: the workers of a Ray cluster",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(min=1),
            help="photos that are done at a time, each in a process of its own  [default: from 8 photos on, one for "
            "each of the processor's threads as far as --max-memory allows, on a GPU one; with --engine ray one for "
            "each GPU, or CPU, that it has]",
        ),
        click.Option(["as_json", "--json"], is_flag=True, help="print one JSON object"),
        click.Option(["open_result", "--open"], is_flag=True, help="show the result with the system's viewer"),
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
    open_result: bool,
    **flags: Any,
) -> None:
    """Change every face in photos or folders of photos (INPUTS; a sample photo when none is given; - reads one from
    stdin and writes it to stdout).

    The options of a method are shown by: privacy-faces anonymize --method NAME --help
    """
    layers: Layers = ctx.meta[__name__].layers
    from privacy_faces.cli.outcomes import as_json_text, as_table, shown
    from privacy_faces.cli.stream import protect_stream
    from privacy_faces.cli.summary import colored, sentence
    from privacy_faces.pipeline.batch import run
    from privacy_faces.pipeline.inputs import collect, refuse_foreign
    from privacy_faces.pipeline.judges import settled
    from privacy_faces.pipeline.layouts.tree import masks_folder
    from privacy_faces.pipeline.ours import RUN_FILE
    from privacy_faces.pipeline.sharing import launched
    from privacy_faces.pipeline.sharing.choose import chosen_engine

    # Before the first photo: options or inputs that do not fit, or something that is missing.
    with wrong_usage():
        plan = layers.plan(values_of(layers.model, flags), values_of(RunOptions, flags))
        plan = settled(plan, partial(click.echo, err=True))
        if Path("-") in inputs:
            if len(inputs) > 1 or output or as_json or open_result or engine != "local" or launched.processes() > 1:
                raise click.UsageError(
                    "- reads one photo from stdin and writes it to stdout: it goes with no other input, and with "
                    "neither --output, --json, --open, --engine ray nor accelerate launch."
                )
            protect_stream(plan)
        output = output or Path("outputs") / plan.method
        collection = collect(inputs, output, plan.run.layout)
        refuse_foreign(collection, output)
        # Whatever a library has to say, Ray of a worker that died for instance: stdout carries the result.
        with redirect_stdout(sys.stderr), shown() as watcher:
            outcomes = run(
                plan, collection, output, chosen_engine(engine, workers, overwrite), watcher, overwrite=overwrite
            )
    if ignored := collection.ignored:
        see = f", see {output / RUN_FILE}" if plan.run.receipts == "full" else ""
        more = f" and {len(ignored) - 5} more{see}" if len(ignored) > 5 else ""
        click.echo(printable(f"ignored, not photos: {', '.join(ignored[:5])}{more}"), err=True)
    for folder in collection.left_out:
        click.echo(printable(f"left out: {folder}"), err=True)
    if plan.run.save_masks and plan.run.layout == "tree":
        click.echo(printable(f"masks and overlays, which are not for publication: {masks_folder(output)}"), err=True)
    if as_json:
        click.echo(as_json_text(plan, output, outcomes))
    else:
        click.echo(f"{sentence(outcomes)}\n\n{colored(as_table(outcomes, output))}")
    written = [outcome.job.target for outcome in outcomes if outcome.status != "failed"]
    if open_result and written and click.launch(str(written[0] if len(written) == 1 else output)):
        click.echo(f"--open: found no viewer; look into {printable(str(output))}", err=True)
    sys.exit(1 if any(outcome.status == "failed" for outcome in outcomes) else 0)
