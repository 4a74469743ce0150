"""How the report says things: numbers with their interval and n, and each measure in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from privacy_faces.evaluation.results import MethodResults, Results
from privacy_faces.evaluation.rows import Number
from privacy_faces.judge.receipt import Evidence, Role

_MINUS = "\N{MINUS SIGN}"
_UNSAID = "results.json gives no reason"


@dataclass(frozen=True)
class Measured:
    """What `Measure` names: the heading of a column, and what it means."""

    title: str
    definition: str


MEASURES: Mapping[str, Measured] = {
    "dodging": Measured(
        "Dodging, same photo", "The protected photo no longer matches the very photo that it was made from."
    ),
    "dodging-other-photo": Measured(
        "Dodging, other photo", "The protected photo matches no other, unprotected photo of the person."
    ),
    "dodging-protected": Measured(
        "Dodging, protected photo",
        "The protected photo matches no other photo of the person that was protected in the same way.",
    ),
    "rank-1": Measured(
        "Not rank 1, other photo",
        "In a search of the gallery, which holds other photos of the person, the person is not the first answer.",
    ),
    "rank-5": Measured(
        "Not in rank 5, other photo", "In the same search, the person is not among the first five answers."
    ),
    "rank-1-same-photo": Measured(
        "Not rank 1, same photo",
        "In a search of a gallery that holds the very photo before, the person is not the first answer.",
    ),
    "rank-5-same-photo": Measured(
        "Not in rank 5, same photo", "In the same search, the person is not among the first five answers."
    ),
    "impersonation": Measured(
        "Impersonation",
        "The protected photo matches the target's test image, which the method never saw. It says nothing about "
        "whether the person is still recognized.",
    ),
    "dodging-and-impersonation": Measured(
        "Both at once",
        "The protected photo no longer matches the same photo before, and matches the target's test image.",
    ),
    "targeted-rank-1": Measured("Target is rank 1", "In a search of the gallery, the target is the first answer."),
    "targeted-rank-5": Measured(
        "Target in rank 5", "In a search of the gallery, the target is among the first five answers."
    ),
    "misclassification": Measured(
        "Misclassified", "A closed-set classifier names somebody else; its accuracy is one less this share."
    ),
    "fooling": Measured(
        "Fooling rate",
        "A closed-set classifier was right before and is wrong after; a share of the photos that it was right about "
        "before.",
    ),
}

ROLES: Mapping[Role, str] = {
    "held-out": "held out: took no part in making the change",
    "unknown": "role unknown: nothing says whether it helped to make the change",
    "surrogate": "surrogate: helped to make the change (white-box)",
}

EVIDENCE: Mapping[Evidence, str] = {
    "held-out": "held-out: a recognizer judged that had not helped to make the change",
    "surrogate-only": (
        "surrogate-only: every recognizer that judged had helped to make the change; protection against others was not "
        "measured"
    ),
    "unknown": "unknown: nothing says which recognizers helped to make the change, so none is called held out",
}


def hundredths(share: float) -> str:
    """A share as a whole number of percent; 0 and 100 are kept for exactly none and all."""
    text = f"{100 * share:.0f}"
    if text.lstrip("-") not in {"0", "100"} or share in {-1, 0, 1}:
        return text.replace("-", _MINUS)
    finer = f"{100 * share:.1f}".replace("-", _MINUS)
    return {"0.0": "<0.1", f"{_MINUS}0.0": f">{_MINUS}0.1", "100.0": ">99.9", f"{_MINUS}100.0": f"<{_MINUS}99.9"}.get(
        finer, finer
    )


def percent(share: float) -> str:
    """A share as text, such as "97 %"."""
    return f"{hundredths(share)} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"+{hundredths(difference)}" if difference > 0 else hundredths(difference)


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", _MINUS)


def decimals(value: float, digits: int) -> str:
    """A number with so many decimals."""
    return f"{value:.{digits}f}".replace("-", _MINUS)


def rate(far: float) -> str:
    """A false accept rate, never in powers of ten."""
    return f"{far:.9f}".rstrip("0").rstrip(".")


def three_figures(value: float) -> str:
    """Seconds and the like, from a hundred-thousandth up: three significant figures, never in powers of ten."""
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+" in text else f"{value:.5f}" if "e-" in text else text


@dataclass(frozen=True)
class _Kind:
    text: Callable[[float], str]
    unit: str = ""


_KINDS: Mapping[str, _Kind] = {
    "share": _Kind(hundredths, " %"),
    "points": _Kind(points),
    "seconds": _Kind(three_figures),
    **{f"decimals-{digits}": _Kind(partial(decimals, digits=digits)) for digits in range(5)},
}


@dataclass(frozen=True)
class Column:
    """A column about quality or cost: the field, its heading, the kind of number, and the order that puts the best
    first."""

    name: str
    title: str
    kind: str
    first: str = "ascending"


QUALITY = (
    Column("detected", "Still a face", "share", "descending"),
    Column("psnr", "PSNR, dB", "decimals-1", "descending"),
    Column("ssim", "SSIM", "decimals-3", "descending"),
    Column("detectability", "Detectability", "decimals-2"),
    Column("lpips", "LPIPS", "decimals-3"),
    Column("fid", "FID", "decimals-1"),
    Column("kid", "KID", "decimals-4"),
)
USEFUL = (
    Column("landmark_shift", "Landmark shift", "decimals-3"),
    Column("pose_shift", "Pose, degrees", "decimals-1"),
    Column("gaze_shift", "Gaze, eye widths", "decimals-2"),
    Column("mouth_kept", "Mouth kept", "share", "descending"),
    Column("eyes_kept", "Eyes kept", "share", "descending"),
    Column("sex_kept", "Sex kept", "share", "descending"),
    Column("age_kept", "Age group kept", "share", "descending"),
    Column("glasses_kept", "Glasses kept", "share", "descending"),
    Column("tone_shift", "Skin tone shift", "decimals-1"),
    Column("color_shift", "Color shift", "decimals-3"),
    Column("coarse_similarity", "Coarse picture, SSIM", "decimals-3", "descending"),
)
COST = (Column("seconds", "Seconds a face", "seconds"), Column("peak_memory", "Peak memory, MiB", "decimals-0"))


def value(number: Number, kind: str = "share") -> str:
    """The number itself, such as "97 %"; "n/a" where there is none."""
    return "n/a" if number.value is None else _KINDS[kind].text(number.value) + _KINDS[kind].unit


def interval(number: Number, kind: str = "share") -> str:
    """Its interval, such as "91 to 99"; empty where none was computed."""
    if number.low is None or number.high is None:
        return ""
    return f"{_KINDS[kind].text(number.low)} to {_KINDS[kind].text(number.high)}"


def brackets(number: Number, kind: str = "share") -> str:
    """Interval and n, such as "(91 to 99, n = 60)"."""
    return f"({', '.join(part for part in (interval(number, kind), f'n = {number.n}') if part)})"


def spelled(number: Number, kind: str = "share") -> str:
    """A number in full, such as "97 % (91 to 99, n = 60)"; the reason where there is none."""
    return f"n/a ({reason(number)})" if number.value is None else f"{value(number, kind)} {brackets(number, kind)}"


def reason(number: Number) -> str:
    """Why there is no value."""
    return number.missing or _UNSAID


def useful(method: MethodResults, column: Column) -> Number | None:
    """A number of what stays useful; None where it was not measured."""
    part = method.quality if column.name in type(method.quality).model_fields else method.utility
    number: Number | None = getattr(part, column.name, None)
    return number


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, singular: str, plural: str) -> str:
    """ "1 photo", "2 photos"."""
    return f"{count} {singular if count == 1 else plural}"


def reasons(results: Results) -> dict[str, int]:
    """Why numbers of this report are missing -> the footnote's number, in reading order."""
    found: dict[str, int] = {}
    for method in results.methods:
        for number in numbers(method):
            if number.value is None:
                found.setdefault(reason(number), len(found) + 1)
    return found


def numbers(method: MethodResults) -> list[Number]:
    """All numbers of a method."""
    parts = [
        *method.success,
        method.quality,
        *([method.utility] if method.utility else []),
        *([method.cost] if method.cost else []),
        *method.robustness,
        *method.attacks,
        *method.services,
    ]
    return [item for part in parts for _, item in part if isinstance(item, Number)]
