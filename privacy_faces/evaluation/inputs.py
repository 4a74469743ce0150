"""What the options of a verb name: photos, recognizers, services, rates. Light: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.config.registry import RECOGNIZERS, VERIFIERS
from privacy_faces.datasets.folder import metadata_of, photos_below
from privacy_faces.datasets.samples import sample_photos
from privacy_faces.weights.store import is_present

if TYPE_CHECKING:
    from privacy_faces.config.run import RunOptions
    from privacy_faces.datasets.pairs import Pair
    from privacy_faces.evaluation.probes import Probe
    from privacy_faces.evaluation.verifiers import Verifier


def chosen_recognizers(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The recognizers to ask, and notes about those that "all" leaves out.

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    if list(names) != ["all"]:
        for name in names:
            RECOGNIZERS.spec(name)
        return list(names), []
    # The first weights that a recognizer names are those of its default options.
    missing = {
        name: [item for item in entry.spec().weights[:1] if not is_present(item)]
        for name, entry in RECOGNIZERS.entries().items()
    }
    notes = [
        f"{name} did not judge: the weights {', '.join(items)} are missing (privacy-faces weights list)."
        for name, items in missing.items()
        if items
    ]
    return [name for name, items in missing.items() if not items], notes


def chosen_services(names: Sequence[str], allow_upload: bool) -> list[Verifier]:
    """The services, ready to be asked.

    Raises:
        UnknownNameError, UploadNotAllowedError, MissingKeyError.
    """
    return [VERIFIERS.build(name, {"allow_upload": allow_upload}, None) for name in names]


def far_levels(main: float) -> list[float]:
    """The false accept rates of an evaluation: the leaderboard's, then the calibrated ones."""
    from privacy_faces.evaluation.calibration import FAR_LEVELS

    return [main, *sorted(set(FAR_LEVELS) - {main})]


def judged_as_samples(run: RunOptions) -> tuple[RunOptions, list[str]]:
    """The run that judges the synthetic faces that ship, and notes about them."""
    from privacy_faces.judge.thresholds import SYNTHETIC

    notes = [
        "The faces are synthetic, drawn by the generator with which face-gan fills; measure on photos like yours: "
        "--data DIR."
    ]
    if run.thresholds is None:
        run = run.model_copy(update={"thresholds": SYNTHETIC})
        notes.append(
            "The judge goes by the thresholds of generated faces, which recognizers find more alike than people; the "
            "methods by those of photographs, as they do for users (--thresholds)."
        )
    return run, notes


def probes_of(data: Path | None) -> list[Probe]:
    """The photos to judge on, with the groups that the folder's metadata.csv names; of the synthetic faces that ship,
    where `data` is None.

    Raises:
        DatasetError: for a folder without photos.
    """
    from privacy_faces.evaluation.probes import Probe

    if data is None:
        photos = sample_photos()
        return [Probe(f"{photo.path.parent.name}/{photo.path.name}", photo.identity, photo.path) for photo in photos]
    metadata = metadata_of(data)
    probes = []
    for photo in photos_below(data):
        groups = dict(metadata.get(photo.path, {}))
        person = groups.pop("identity", photo.identity)
        probes.append(Probe(str(photo.path.relative_to(data)), person, photo.path, groups))
    return probes


def unpaired(pairs: Sequence[Pair], protected: Path) -> list[str]:
    """The photos among the protected ones that belong to no original, by their path below the folder."""
    from privacy_faces.pipeline.layouts import ppd

    results = protected / ppd.RESULTS
    folder = results if results.is_dir() else protected
    known = {pair.protected for pair in pairs}
    return [str(photo.path.relative_to(folder)) for photo in photos_below(folder) if photo.path not in known]
