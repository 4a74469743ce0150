"""`privacy-faces benchmark`: methods x photos x recognizers, one judge."""

from __future__ import annotations

from pathlib import Path

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.progress import Steps
from privacy_faces.cli.results import command_line, conclude, results_json
from privacy_faces.evaluation.options import BenchmarkOptions
from privacy_faces.evaluation.verbs import benchmark
from privacy_faces.pipeline.sharing import launched


def _run(options: BenchmarkOptions, as_json: bool) -> None:
    engine = launched.run if launched.processes() > 1 else None
    values = given(options)
    with Steps() as steps:
        results = benchmark(**values, engine=engine, command=command_line(), progress=steps.report)
    conclude(results, values["output"], as_json)


command = ModelCommand(
    "benchmark",
    "Judge methods on the same photos, at FAR 0.1, 0.01, 0.001 and that of the leaderboard (--far): results.json and "
    "report.html in the output folder.",
    BenchmarkOptions,
    _run,
    defaults={"output": Path("outputs/benchmark")},
    extra=[results_json()],
)
