"""Judge protected photos of any tool, beside their originals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import beside
from privacy_faces.config.registry import METHODS
from privacy_faces.datasets.pairs import Pair
from privacy_faces.evaluation import assemble
from privacy_faces.evaluation.attackers.contract import Tools, Treat
from privacy_faces.evaluation.attackers.purification import purifier
from privacy_faces.evaluation.attackers.registry import NOT_ASKED
from privacy_faces.evaluation.attackers.reversal import REVERSIBLE, reversal
from privacy_faces.evaluation.exports.photos import Judged
from privacy_faces.evaluation.gallery import read_gallery
from privacy_faces.evaluation.intervals import lift, share
from privacy_faces.evaluation.measure import Scope, Seen, measure
from privacy_faces.evaluation.probes import Probe, by_photo, copy_of, find_probes, originals, seen_in
from privacy_faces.evaluation.results import MethodResults, Results
from privacy_faces.evaluation.rows import Success
from privacy_faces.evaluation.services import ask
from privacy_faces.evaluation.setting import Gallery, Setting
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.trained import told_once, with_trained_attackers
from privacy_faces.evaluation.verifiers import Verifier
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.receipt import Receipt, Role
from privacy_faces.judge.thresholds import ThresholdFile
from privacy_faces.judge.verdicts import fooled
from privacy_faces.methods.context import Context
from privacy_faces.methods.targets import scored_image
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.recognizers.closed_set import ClassifierError, ClosedSet

# What --surrogates says where no recognizer helped.
_NONE = "none"

Progress = Callable[[Sequence[int], str], Iterable[int]]


@dataclass(frozen=True)
class Request:
    """What to judge, and how.

    Attributes:
        name: of the protected photos, for the reader.
        surrogates: recognizers that helped to make the change; None asks the receipts beside the photos.
        targets: name -> test image of the people whom the pairs are to resemble.
        classifier: closed-set classifier whose fooling rate is asked for.
        far: false accept rates, the main one first.
        robustness, attackers, trained_attackers: whether to measure these.
        services: verification services to ask; photos are sent to them.
        gallery: folder of other people, whom searches look through too.
    """

    name: str
    surrogates: Sequence[str] | None = None
    targets: Mapping[str, Path] = field(default_factory=dict)
    classifier: ClosedSet | None = None
    far: Sequence[float] = (0.001, 0.01, 0.1)
    robustness: bool = True
    attackers: bool = True
    trained_attackers: bool = False
    services: Sequence[Verifier] = ()
    gallery: Path | None = None


def evaluate_pairs(
    pairs: Sequence[Pair],
    observer: Observer,
    thresholds: ThresholdFile,
    request: Request,
    *,
    data_name: str,
    command: str,
    progress: Progress,
) -> tuple[Results, list[Judged]]:
    """Judge pairs; those of each target are a row of their own.

    Args:
        pairs: of `datasets.pairs.find_pairs`.
        observer: finds and embeds faces.
        thresholds: of its recognizers.
        request: what to judge.
        data_name, command: for results.json.
        progress: wraps the photos of each pass, and is told its name.

    Returns:
        What was found, and what it was made of, target by target.

    Raises:
        ValueError: when no original has a face.
        ClassifierError: for a classifier over a recognizer that does not judge, or that knows none of the people.
    """
    by_name = {pair.name: pair for pair in pairs}
    usable, faces, unusable = find_probes(
        [Probe(pair.name, pair.person, pair.original, pair.groups) for pair in pairs], observer
    )
    if not usable:
        raise ValueError(f"Expected at least one original with a face, found none. {next(iter(unusable.values()), '')}")
    photos = [photo for photo, _ in by_photo(usable)]
    receipts = {photo.name: _receipt(by_name[photo.name]) for photo in photos}
    undo, notes = _undo(list(receipts.values())) if request.attackers else (None, [])
    scope = Scope(request.robustness, request.attackers, Tools(purifier(), undo) if request.attackers else Tools())
    clean = measure(
        usable,
        faces,
        {photo.name: partial(copy_of, photo.photo) for photo in photos},
        observer,
        scope,
        lambda rows: progress(rows, "unprotected"),
    )
    versions = {
        photo.name: partial(read_photo, path) for photo in photos if (path := by_name[photo.name].protected) is not None
    }
    failures = {photo.name: "no protected version" for photo in photos if photo.name not in versions}
    seen = measure(usable, faces, versions, observer, scope, lambda rows: progress(rows, "protected"), placed=False)
    original = originals(usable, faces, observer)
    others, told = read_gallery(request.gallery, observer, original) if request.gallery else (Gallery(), [])
    notes += told
    setting = Setting(usable, original, clean, thresholds, request.far, others)
    surrogates = _surrogates(request, [receipt for receipt in receipts.values() if receipt])
    roles = {name: _role(name, surrogates) for name in observer.ensemble.names}
    methods: list[MethodResults] = []
    judged: list[Judged] = []
    unasked: list[tuple[str, str]] = []
    for target, part in _by_target(
        seen, [by_name[probe.name].target or _target(receipts[probe.name]) for probe in usable]
    ).items():
        image = request.targets.get(target) or scored_image(target)
        result = Result(setting, part, roles, seen_in(image, observer) if image else None)
        label = f"{request.name} as {target}" if target else request.name
        if request.trained_attackers:
            result, told = with_trained_attackers(result, observer)
            unasked += [(label, note) for note in told]
        judged.append(Judged(label, result))
        missing = failures if not methods else {}
        readers = [_versions(by_name[usable[row].name]) for row in part.rows if usable[row].labeled]
        services = [
            ask(service, observer.store, readers, result.labeled.names, request.far[0]) for service in request.services
        ]
        found = assemble.method_results(
            result,
            name=request.name,
            label=label,
            device=observer.device,
            failures=missing,
            surrogates=surrogates or (),
            target=target or None,
            services=services,
            attackers=request.attackers,
        )
        methods.append(_with_classifier(found, result, request.classifier) if request.classifier else found)
    notes += told_once(unasked)
    if request.attackers and not request.trained_attackers:
        notes.append(NOT_ASKED)
    if surrogates is None:
        notes.append(
            "Nothing says which recognizers helped to protect these photos: their roles are unknown, none counts as "
            "held out. Name those that helped with --surrogates; --surrogates none if none did."
        )
    results = assemble.results(
        setting,
        methods,
        judged,
        observer.ensemble,
        kind="evaluate",
        data_name=data_name,
        unusable=unusable,
        command=command,
        seed=None,
        notes=notes,
    )
    return results, judged


def _versions(pair: Pair) -> tuple[Callable[[], Photo], ...]:
    """Readers of original, copy and protected photo."""
    assert pair.protected is not None  # only pairs that were seen are asked for
    return partial(read_photo, pair.original), partial(copy_of, pair.original), partial(read_photo, pair.protected)


def _by_target(seen: Seen, targets: Sequence[str | None]) -> dict[str, Seen]:
    """Target ("" for none) -> what was seen of its photos."""
    names = np.array([targets[row] or "" for row in seen.rows], dtype=str)
    return {str(name): seen.take(np.flatnonzero(names == name)) for name in np.unique(names)}


def _target(receipt: Receipt | None) -> str | None:
    targets = [face.target.name for face in receipt.faces if face.target] if receipt else []
    return targets[0] if targets else None


def _undo(receipts: Sequence[Receipt | None]) -> tuple[Treat | None, list[str]]:
    """What undoes the operation that all photos went through, as far as full receipts tell, and what to note."""
    told = [receipt for receipt in receipts if receipt]
    first = next((receipt for receipt in told if receipt.method in REVERSIBLE), None)
    if first is None:
        return None, []
    if len(told) < len(receipts) or any((item.method, item.options) != (first.method, first.options) for item in told):
        return None, [
            "The attacker reversal was not asked: not all photos have a receipt that tells the same operation. Judge "
            "those of one operation by themselves."
        ]
    if not first.options:
        return None, [
            "The attacker reversal was not asked: the receipts do not tell with which settings the photos were made. "
            "Make them with --receipts full."
        ]
    return reversal(METHODS.build(first.method, first.options, Context())), []


def _surrogates(request: Request, receipts: Sequence[Receipt]) -> list[str] | None:
    """The recognizers that helped, whether or not they judge; None where nothing says so."""
    if request.surrogates is not None:
        return [name for name in request.surrogates if name != _NONE]
    verdicts = [item for receipt in receipts for face in receipt.faces for item in face.recognizers.items()]
    named = [name for receipt in receipts for name in receipt.surrogates]
    helped = [name for name, verdict in verdicts if verdict.role == "surrogate"]
    return list(dict.fromkeys([*named, *helped])) if receipts else None


def _role(name: str, surrogates: Sequence[str] | None) -> Role:
    if surrogates is None:
        return "unknown"
    return "surrogate" if name in surrogates else "held-out"


def _receipt(pair: Pair) -> Receipt | None:
    """The receipt beside a protected photo; None where there is none.

    Raises:
        ReceiptError: for a file of that name that is no receipt.
    """
    if pair.protected is None:
        return None
    for name in (pair.protected.name, pair.protected.stem):
        path = pair.protected.with_name(beside(name, ".receipt.json"))
        if path.is_file():
            return Receipt.parse(path.read_bytes(), str(path))
    return None


def _named(classifier: ClosedSet, version: Candidates, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the classifier says of faces (N,): the truth where it says so of any of their candidates."""
    said = classifier.classes(version.embeddings)
    return np.where(version.best(said == truth[version.owner]), truth, said[version.first])


def _with_classifier(found: MethodResults, result: Result, classifier: ClosedSet) -> MethodResults:
    """The results with the closed-set classifier's rows: how often it errs, and the fooling rate."""
    if classifier.recognizer not in result.roles:
        raise ClassifierError(
            f"The classifier is built on {classifier.recognizer}, which does not judge. Add it: --recognizers "
            f"{classifier.recognizer}"
        )
    truth = classifier.class_of(result.names)
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise ClassifierError(
            f"The classifier knows {', '.join(classifier.people[:5])}, ... and none of the people in these photos "
            f"({result.names[0]}, ...)."
        )
    name = classifier.recognizer
    copies, protected = (version.take(known) for version in result.versions(name))
    before = classifier.classes(result.original[name][known])
    copied, after = (_named(classifier, version, truth[known]) for version in (copies, protected))
    truth, names = truth[known], np.array(result.names, dtype=str)[known]
    right = before == truth
    tables = (
        ("misclassification", copied != truth, after != truth, names),
        ("fooling", fooled(truth, before, copied), fooled(truth, before, after), names[right]),
    )
    added = [
        Success.model_validate(
            {
                "measure": measured,
                "recognizer": f"classifier on {name}",
                "role": result.roles[name],
                "far": None,
                "clean": share(clean, people.tolist()),
                "protected": share(protected, people.tolist()),
                "lift": lift(clean, protected, people.tolist()),
            }
        )
        for measured, clean, protected, people in tables
    ]
    return found.model_copy(update={"success": [*found.success, *added]})
