"""Wrong decisions of `anonymize --keep` and `--only`: by each recognizer alone and by all together, at each false
accept rate.

    uv run python benchmarks/choosing.py PORTRAITS [--recognizers dlib-resnet,mobileface-v2] [--people 20]

PORTRAITS holds a folder for each person. Of those with two photos the people are taken whose photos are least alike as
pictures, since many second photos are other crops of the first; of the others as many strangers. The second photo says
who is meant; decided is on the first, on those of all others, and on group photos of three: a person, another one and a
stranger.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from composites import Portrait, Spot, compose, ground
from PIL import Image

from privacy_faces.config.options import Choice
from privacy_faces.config.run import RunOptions
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Embeddings, make_observer
from privacy_faces.judge.people import LENIENT_FAR, People, Rule
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import load_thresholds, threshold_for
from privacy_faces.judge.views import view_of
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import same_face

RATES: dict[Rule, tuple[float, ...]] = {"keep": (0.01, 0.001), "only": (LENIENT_FAR, 0.01, 0.001)}


def read(path: Path, finder: FaceFinder) -> Portrait | None:
    """A portrait; None where no face is found."""
    rgb = np.array(Image.open(path).convert("RGB"))
    face = finder.largest(rgb)
    return Portrait(rgb, face) if face else None


def picture_likeness(first: Portrait, second: Portrait) -> float:
    """The correlation of two faces as pictures: above 0.9 for two crops of one photo."""
    gray = [
        cv2.resize(cv2.cvtColor(item.face.frame(item.rgb, 128), cv2.COLOR_RGB2GRAY), (48, 48)).ravel()
        for item in (first, second)
    ]
    return float(np.corrcoef(*gray)[0, 1])


def chosen(folder: Path, count: int, finder: FaceFinder) -> tuple[list[tuple[Portrait, Portrait]], list[Portrait]]:
    """First and second photos of some people, and photos of strangers."""
    folders = sorted(place for place in folder.iterdir() if place.is_dir())
    photos = {place: sorted(place.glob("*.jpg"))[:2] for place in folders}
    pairs = []
    for paths in photos.values():
        if len(paths) == 2 and (first := read(paths[0], finder)) and (second := read(paths[1], finder)):
            pairs.append((picture_likeness(first, second), len(pairs), (first, second)))
            print(f"\r{len(pairs)} pairs", end="", file=sys.stderr)
    found = sorted(pairs)[:count]
    print(f"likeness as pictures: {found[0][0]:.2f} to {found[-1][0]:.2f}, of {len(pairs)} pairs")
    single = [paths[0] for paths in photos.values() if len(paths) == 1]
    strangers = [item for path in single[:: max(1, len(single) // count)] if (item := read(path, finder))]
    return [pair for *_, pair in found], strangers[:count]


def main() -> None:
    """Choose, compose, decide, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--recognizers", default="dlib-resnet,mobileface-v2")
    parser.add_argument("--people", type=int, default=20)
    options = parser.parse_args()
    names = options.recognizers.split(",")
    observer = make_observer(RunOptions(recognizers=[Choice(name=name) for name in names]), Store())
    pairs, strangers = chosen(options.portraits, options.people, observer.finder)
    enrolled = observer.embed(view_of(second.rgb, second.face) for _, second in pairs)
    # Each photo as the people in it, None for a stranger, and the embeddings of its faces.
    photos: dict[str, list[tuple[list[int | None], Embeddings]]] = {"portraits": [], "group photos": []}
    known: list[tuple[int | None, Portrait]] = [(index, first) for index, (first, _) in enumerate(pairs)]
    known += [(None, item) for item in strangers]
    for who, item in known:
        photos["portraits"].append(([who], observer.embed([view_of(item.rgb, item.face)])))
    for index in range(len(pairs)):
        rows = [known[index], known[(index + 7) % len(pairs)], known[len(pairs) + index % len(strangers)]]
        random = np.random.default_rng(index)
        spots = [Spot(item, (170 + 300 * place, 240), 140) for place, (_, item) in enumerate(random.permutation(rows))]
        order = [next(who for who, item in rows if item is spot.portrait) for spot in spots]
        rgb, placed = compose(ground(960, 480, random), spots)
        found = observer.faces(rgb)
        who_is = [next((who for who, face in zip(order, placed, strict=True) if same_face(face, [item])), None)
                  for item in found]  # fmt: skip
        photos["group photos"].append((who_is, observer.embed(view_of(rgb, face) for face in found)))
    file = load_thresholds()
    print("\n| rule | by | FAR | in | other faces taken for the person | the person's face taken for another |\n"
          "|---|---|---|---|---|---|")  # fmt: skip
    for rule, rates in RATES.items():
        for judges in [*([name] for name in names), names][: len(names) + (len(names) > 1)]:
            for far in rates:
                thresholds = {name: threshold_for(file, name, far) for name in judges}
                for kind, items in photos.items():
                    taken, others, lost, own = 0, 0, 0, 0
                    for index in range(len(pairs)):
                        rows = {name: Candidates.single(enrolled[name][index : index + 1]) for name in judges}
                        people = People(("one",), rows, thresholds)
                        for who, faces in items:
                            decisions = people.decide(rule, {name: faces[name] for name in judges})
                            for person, decision in zip(who, decisions, strict=True):
                                as_person = decision.change == (rule == "only")
                                taken += as_person and person != index
                                others += person != index
                                lost += not as_person and person == index
                                own += person == index
                    by = " and ".join(judges)
                    print(f"| --{rule} | {by} | {far:g} | {kind} | {taken} of {others} | {lost} of {own} |")


if __name__ == "__main__":
    main()
