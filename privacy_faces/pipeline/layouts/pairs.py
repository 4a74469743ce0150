"""Which protected photo belongs to which original: by a table, or by the names of a layout."""

from __future__ import annotations

from pathlib import Path

from privacy_faces.datasets.folder import photos_below
from privacy_faces.datasets.pairs import Pair, PairsError, read_table
from privacy_faces.pipeline.layouts import ppd, tree


def find_pairs(originals: Path, protected: Path, table: Path | None = None) -> list[Pair]:
    """Every original with its protected version.

    - With `table`, a CSV file with the columns original and protected (paths below the two folders), and if wanted
      person, target and groups. A photo may be the original of several rows.
    - Where `originals` holds PrivacyPreservingDiffusion's `original/` and `protected` its `results/` (or they are these
      folders): by image and class id.
    - Otherwise by the path below the folders, whatever the file's ending. A person is a folder, or a file where all lie
      in one folder; a metadata.csv beside the originals (ImageFolder's convention) may name the person in a column
      identity, and groups.

    Raises:
        PairsError: when no original has a protected version, or the table is malformed.
        DatasetError: for a folder without photos.
    """
    if table is not None:
        pairs = read_table(table, originals, protected)
    else:
        ours = originals / ppd.ORIGINALS if (originals / ppd.ORIGINALS).is_dir() else originals
        theirs = protected / ppd.RESULTS if (protected / ppd.RESULTS).is_dir() else protected
        before, after = photos_below(ours), photos_below(theirs)
        pairs = ppd.pairs(before, after) if ppd.holds(before) else tree.pairs(ours, before, theirs, after)
    if not any(pair.protected for pair in pairs):
        raise PairsError(
            f"Expected protected photos in {protected} with the paths of those in {originals} (the ending may differ), "
            "or the names IMAGE-img-label-CLASS and IMAGE-generated-label-CLASS, found no pair among "
            f"{len(pairs)} originals. Name them in a table: --pairs FILE with the columns original,protected."
        )
    return pairs
