"""Computes the numbers of an evaluation again, from its per-photo tables, with numpy alone.

    python tests/evaluation/recompute.py outputs/benchmark

Nothing of privacy_faces is imported: definitions and intervals are written anew, from the papers. It says what
disagrees, and how many numbers were compared.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

Z = 1.959963984540054  # the normal distribution's 97.5 % quantile
SAME_SHOT = 0.99
TOLERANCE = 2e-6
#: What is no share or similarity of faces: it comes from networks, clocks and counters.
NOT_OURS = {"lpips", "fid", "kid", "detectability", "seconds", "peak_memory", "confidence"}
#: Measures that are shares of faces, whoever judges -> the column that says so.
OF_FACES = {"detected": "still_a_face"} | {
    name: name for name in ("mouth_kept", "eyes_kept", "sex_kept", "age_kept", "glasses_kept")
}
Row = dict[str, str]


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t: with x = sqrt(d) tan(a) its density is that of cos(a) ** (d - 1)."""
    angle = np.linspace(0, np.pi / 2, 400_001)
    density = np.cos(angle) ** (degrees - 1)
    area = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(np.sqrt(degrees) * np.tan(np.interp(0.95, area / area[-1], angle)))


def wilson(p: float, n: float) -> tuple[float, float]:
    middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + Z**2 / n)), min(1.0, (middle + half) / (1 + Z**2 / n))


def effective(values: np.ndarray, people: np.ndarray) -> float:
    n, names, p = len(values), np.unique(people), float(values.mean())
    k = len(names)
    if k == n:
        return n
    if p in (0, 1) or k == 1:
        return k
    sums = np.array([(values[people == name] - p).sum() for name in names])
    variance = k / (k - 1) * (sums**2).sum() / n**2
    return (min(n, p * (1 - p) / variance) if variance else n) * (student(n - 1) / student(k - 1)) ** 2


def share(values: np.ndarray, people: np.ndarray) -> tuple[float, ...]:
    p = float(values.mean())
    return (p, *wilson(p, effective(values, people)))


def difference(first: np.ndarray, second: np.ndarray, people: np.ndarray) -> tuple[float, ...]:
    p, q = float(first.mean()), float(second.mean())
    (a, b), (c, d) = wilson(p, effective(first, people)), wilson(q, effective(second, people))
    one, two = (
        np.array([(side[people == name] - side.mean()).sum() for name in np.unique(people)]) for side in (first, second)
    )
    length = math.sqrt((one**2).sum() * (two**2).sum())
    r = (one * two).sum() / length if length else 0.0
    low = math.sqrt(max(0.0, (p - a) ** 2 - 2 * r * (p - a) * (d - q) + (d - q) ** 2))
    high = math.sqrt(max(0.0, (b - p) ** 2 - 2 * r * (b - p) * (q - c) + (q - c) ** 2))
    return p - q, p - q - low, p - q + high


def mean(values: np.ndarray, people: np.ndarray) -> tuple[float, ...]:
    names = np.unique(people)
    sums = np.array([values[people == name].sum() for name in names])
    counts = np.array([(people == name).sum() for name in names])
    if len(names) == 1:
        return (float(values.mean()),)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=1000)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def accepted(above: np.ndarray, strangers: np.ndarray, people: np.ndarray, others: np.ndarray) -> tuple[float, ...]:
    """The false accept rate, by the jackknife over people."""
    names = np.unique(np.concatenate([people, others]))
    p, rates = above[strangers].mean(), []
    for name in names:
        left = strangers & (people != name)[:, None] & (others != name)[None]
        if left.any():
            rates.append(above[left].mean())
    variance = (len(names) - 1) / len(names) * ((np.array(rates) - np.mean(rates)) ** 2).sum()
    n = min(strangers.sum(), p * (1 - p) / variance) if variance > 0 and 0 < p < 1 else len(names)
    return (float(p), *wilson(float(p), float(n)))


def area(genuine: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """The placement of each genuine score among the impostors': their mean is the area under the ROC curve."""
    return np.array([(impostor < one).mean() + (impostor == one).mean() / 2 for one in genuine])


def equal_error_rate(genuine: np.ndarray, impostor: np.ndarray) -> float:
    steps = np.concatenate([[np.inf], np.unique(np.concatenate([genuine, impostor]))[::-1]])
    accepts = np.array([(impostor >= step).mean() for step in steps])
    rejects = np.array([(genuine < step).mean() for step in steps])
    place = int(np.argmin(np.abs(accepts - rejects).round(9)))
    return float((accepts[place] + rejects[place]) / 2)


def mcnemar(first: np.ndarray, second: np.ndarray, people: np.ndarray) -> float:
    balance = [np.sum(first[people == name]) - np.sum(second[people == name]) for name in np.unique(people)]
    ahead, behind = sum(item > 0 for item in balance), sum(item < 0 for item in balance)
    n = ahead + behind
    tail = sum(math.comb(n, k) for k in range(min(ahead, behind) + 1)) / 2**n
    return min(1.0, 2 * tail) if n else 1.0


class Tables:
    """The tables of one folder."""

    def __init__(self, folder: Path) -> None:
        self.results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        self.far = self.results["far"]
        self.thresholds = {
            (info["name"], point["far"]): point["threshold"]
            for info in self.results["recognizers"]
            for point in info["thresholds"]
        }
        self.photos: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in _read(folder / "photos.csv"):
            self.photos[row["method"], row["version"], row["recognizer"], row["condition"]].append(row)
        # Of a face with several candidates, a row for each.
        self.between: dict[tuple[str, ...], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in _read(folder / "similarities.csv"):
            key = tuple(row.pop(name) for name in ("method", "version", "recognizer", "condition", "against"))
            self.between[key][row.pop("photo")].append(row)
        self.person = {_label(row): row["person"] for rows in self.photos.values() for row in rows}
        self.methods = [method["label"] for method in self.results["methods"]]
        self.recognizers = sorted({key[2] for key in self.photos})

    def rows(self, method: str, version: str, recognizer: str, condition: str) -> list[Row]:
        return self.photos[method, version, recognizer, condition]

    def column(self, rows: list[Row], name: str) -> np.ndarray:
        return np.array([float(row[name]) if row[name] else np.nan for row in rows])

    def matrix(self, *key: str) -> tuple[np.ndarray, list[str], list[str]]:
        """Similarities by the best candidate, labels of the probes, labels of the enrolled."""
        probes = list(self.between[key])
        several, enrolled = self.candidates(*key)
        return np.array([rows.max(0) for rows in several]), probes, enrolled

    def candidates(self, *key: str) -> tuple[list[np.ndarray], list[str]]:
        """Similarities of every candidate of each probe, and labels of the enrolled."""
        probes = self.between[key].values()
        enrolled = [name for name, value in next(iter(probes))[0].items() if value]
        return [np.array([[float(row[name]) for name in enrolled] for row in rows]) for rows in probes], enrolled

    def people(self, labels: list[str]) -> np.ndarray:
        """Of the gallery's other people, the folder of the photo, or the photo itself where it lies in none."""
        return np.array(
            [
                self.person.get(label) or (label.rpartition("/")[0] if label.count("/") > 1 else label)
                for label in labels
            ]
        )

    def same_shot(self, method: str, probes: list[str], enrolled: list[str]) -> np.ndarray:
        """Which pairs show one shot of one person, by any recognizer."""
        alike = np.zeros((len(probes), len(enrolled)), dtype=bool)
        for recognizer in self.recognizers:
            values, rows, columns = self.matrix(method, "original", recognizer, "written", "originals")
            there = values[np.ix_([rows.index(name) for name in probes], [columns.index(name) for name in enrolled])]
            alike |= there > SAME_SHOT
        alike |= np.array(probes)[:, None] == np.array(enrolled)[None]
        return alike & (self.people(probes)[:, None] == self.people(enrolled)[None])


def ranks(tables: Tables, method: str, version: str, recognizer: str, own: bool) -> dict[str, float]:
    """Photo -> rank of its person; NaN where no other shot is enrolled."""
    _, probes, enrolled = tables.matrix(method, version, recognizer, "written", "originals")
    several, _ = tables.candidates(method, version, recognizer, "written", "originals")
    people, others = tables.people(probes), tables.people(enrolled)
    shot = tables.same_shot(method, probes, enrolled)
    found = {}
    for place, name in enumerate(probes):
        counts = np.ones(len(enrolled), dtype=bool) if own else ~shot[place]
        mine = counts & (others == people[place])
        if not mine.any():
            found[name] = np.nan
            continue
        strangers = counts & (others != people[place])
        found[name] = min(1.0 + len(set(others[strangers & (row > row[mine].max())])) for row in several[place])
    return found


def best(tables: Tables, method: str, version: str, recognizer: str, against: str) -> dict[str, float]:
    """Photo -> best similarity to a photo of another shot of the person."""
    values, probes, enrolled = tables.matrix(method, version, recognizer, "written", against)
    known = tables.people(probes)[:, None] == tables.people(enrolled)[None]
    known &= ~tables.same_shot(method, probes, enrolled)
    return {
        name: float(values[place, known[place]].max()) if known[place].any() else np.nan
        for place, name in enumerate(probes)
    }


def flags_of(tables: Tables, row: Row, version: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What a measure says of each face: flags, people, labels."""
    rows = tables.rows(row["method"], version, row["recognizer"], row["condition"])
    if row["group"]:
        rows = [item for item in rows if row["group"] in item["groups"].split("; ")]
    measure, names = row["measure"], [_label(item) for item in rows]
    threshold = tables.thresholds.get((row["recognizer"], float(row["far"]))) if row["far"] else None
    call = row["method"], version, row["recognizer"]
    if row["condition"] in ("protected-gallery", "linear-probe", "fine-tuned-recognizer"):
        values = 1 - tables.column(rows, "matched")
    elif measure == "detected":
        values = tables.column(rows, "still_a_face")
    elif measure == "impersonation":
        values = (tables.column(rows, "target") > threshold) * 1.0
    elif measure == "dodging-and-impersonation":
        dodged = ~(tables.column(rows, "similarity") > threshold)
        values = (dodged & (tables.column(rows, "target") > threshold)) * 1.0
    elif measure.startswith("rank-"):
        where = ranks(tables, *call, own=measure.endswith("same-photo"))
        known = np.array([where.get(name, np.nan) for name in names])
        written = tables.column(rows, "rank_same_photo" if measure.endswith("same-photo") else "rank")
        assert np.array_equal(written, known, equal_nan=True), f"ranks of {call} are others"
        values = np.where(np.isnan(known), np.nan, (known > int(measure.split("-")[1])) * 1.0)
    elif measure.startswith("targeted-rank-"):
        values = (tables.column(rows, "target_rank") <= int(measure.split("-")[2])) * 1.0
    elif measure in ("dodging-other-photo", "dodging-protected"):
        against = "originals" if measure == "dodging-other-photo" else "itself"
        where = best(tables, *call, against)
        scores = np.array([where.get(name, np.nan) for name in names])
        written = tables.column(rows, "other_photo" if against == "originals" else "other_version")
        assert np.allclose(written, scores, atol=1e-7, equal_nan=True), f"{measure} of {call} has other similarities"
        values = np.where(np.isnan(scores), np.nan, (scores <= threshold) * 1.0)
    else:
        values = (tables.column(rows, "similarity") <= threshold) * 1.0
    known = ~np.isnan(values)
    people = np.array([item["person"] for item in rows])
    return values[known], people[known], [name for name, inside in zip(names, known, strict=True) if inside]


def separation(tables: Tables, row: Row) -> tuple[float, ...]:
    """False accepts, area or equal error rate of one condition."""
    method, version, recognizer, condition = (row[name] for name in ("method", "version", "recognizer", "condition"))
    measure = row["measure"]
    against = "itself" if measure == "dodging-protected" else "originals"
    values, probes, enrolled = tables.matrix(method, version, recognizer, condition, against)
    inside = [place for place, name in enumerate(enrolled) if name in tables.person]
    values, enrolled = values[:, inside], [enrolled[place] for place in inside]
    people, others = tables.people(probes), tables.people(enrolled)
    strangers = people[:, None] != others[None]
    if row["statistic"] == "false accepts":
        return accepted(values > tables.thresholds[recognizer, float(row["far"])], strangers, people, others)
    if measure == "dodging":
        rows = {_label(item): item for item in tables.rows(method, version, recognizer, condition)}
        # Whose photo a gallery begins with is not asked for.
        genuine = np.array([float(rows[name]["similarity"]) if name in rows else np.nan for name in probes])
    else:
        genuine = np.array(list(best(tables, method, version, recognizer, against).values()))
    known = ~np.isnan(genuine)
    if row["statistic"] == "auc":
        return share(area(genuine[known], values[strangers]), people[known])
    return (equal_error_rate(genuine[known], values[strangers]),)


def computed(tables: Tables, row: Row) -> tuple[float, ...]:
    """Value and, where there is one, the interval of a row of results.csv."""
    if row["statistic"] == "lift":
        (before, people, _), (after, _, _) = (flags_of(tables, row, side) for side in ("unprotected", "protected"))
        return difference(after, before, people)
    if row["statistic"] == "deviation over seeds":
        labels = [name for name in tables.methods if name.partition("-seed-")[0] == row["method"]]
        shares = [share(*flags_of(tables, row | {"method": name}, "protected")[:2])[0] for name in labels]
        assert len(shares) == int(row["n"])
        return float(np.std(shares, ddof=1)), min(shares), max(shares)
    if row["statistic"] == "difference":
        first, second = row["method"].split(" less ")
        sides = [flags_of(tables, row | {"method": name}, "protected") for name in (first, second)]
        return difference(*_common(sides))
    if row["statistic"] in ("false accepts", "auc", "eer"):
        return separation(tables, row)
    if row["statistic"] == "mean" or row["measure"] in OF_FACES:
        recognizer = row["recognizer"] or tables.recognizers[0]
        rows = tables.rows(row["method"], "protected", recognizer, row["condition"])
        column = OF_FACES.get(row["measure"], row["measure"])
        values, people = tables.column(rows, column), np.array([item["person"] for item in rows])
        known = np.isfinite(values)
        return (share if row["measure"] in OF_FACES else mean)(values[known], people[known])
    return share(*flags_of(tables, row, row["version"])[:2])


def disagreements(folder: Path) -> tuple[list[str], int]:
    """What is not what it says, and how many numbers were compared."""
    tables = Tables(folder)
    wrong, compared = [], 0
    for row in _read(folder / "results.csv"):
        if not row["value"] or row["measure"] in NOT_OURS:
            continue
        said = [float(row[name]) for name in ("value", "low", "high") if row[name]]
        found = computed(tables, row)
        compared += len(said)
        if len(said) != len(found) or max(abs(a - b) for a, b in zip(said, found, strict=True)) > TOLERANCE:
            wrong.append(f"{ {name: value for name, value in row.items() if value} } is {found}")
    for item in tables.results["differences"]:
        row = dict.fromkeys(("group", "statistic", "version"), "") | {"condition": "written", "far": str(item["far"])}
        row |= {"measure": item["measure"], "recognizer": item["recognizer"]}
        sides = [flags_of(tables, row | {"method": item[name]}, "protected") for name in ("first", "second")]
        compared += 1
        if abs(mcnemar(*_common(sides)) - item["p"]) > TOLERANCE:
            wrong.append(f"{item} has p = {mcnemar(*_common(sides))}")
    return wrong, compared


def _common(sides: list[tuple[np.ndarray, np.ndarray, list[str]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two methods' flags of the faces that both have, and the people in them."""
    (one, people, names), (two, _, others) = sides
    both = [name for name in names if name in others]
    here, there = [names.index(name) for name in both], [others.index(name) for name in both]
    return one[here], two[there], people[here]


def _label(row: Row) -> str:
    return row["photo"] if row["face"] == "1" else f"{row['photo']}#{row['face']}"


def _read(path: Path) -> list[Any]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    lines, count = disagreements(Path(sys.argv[1]))
    sys.stdout.write("\n".join([*lines, f"{len(lines)} of {count} numbers disagree", ""]))
    sys.exit(bool(lines))
