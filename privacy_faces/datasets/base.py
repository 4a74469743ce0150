"""What every reader of a data set gives, and how it finds its files.

A reader is a function `read_NAME(root)` that returns a `DataSet` or raises `DatasetError`. Names that a list of the
data set gives are looked up among the files of its folders, and never opened as they stand, so that none of them leads
out of the root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.datasets.folder import DatasetError, LabelledPhoto, photos_in

if TYPE_CHECKING:
    from privacy_faces.datasets.labelings import Labeling, Labels, Mask

# Photos that a message names, of many.
_NAMED = 5
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz")


@dataclass(frozen=True)
class DataSet:
    """Photos, who is in them, and where known which part of a face each pixel is.

    Attributes:
        name: as people call it.
        parts: name -> photos, in order of name; a part may lie within another, such as "train" within "all".
        labeling: what the numbers of the label maps mean; None for a data set without.
        label_map: photo -> its label map (H, W), read when asked for.
        without_masks: photo -> what is missing of its masks; no region of these can be asked for.
        notes: what the reader noticed, for the user.
    """

    name: str
    parts: Mapping[str, Sequence[LabelledPhoto]]
    labeling: Labeling | None = None
    label_map: Callable[[Path], Labels] | None = None
    without_masks: Mapping[Path, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def labels(self, photo: Path, size: int | None = None) -> Labels:
        """The label map (S, S) of a photo of `parts`, 8-bit numbers of `labeling`.

        Args:
            photo: its path, as in `parts`.
            size: side S in pixels that the map is brought to, by the nearest label; None leaves it in its own.

        Raises:
            DatasetError: for a photo without masks, or a mask that cannot be read or does not fit.
        """
        import numpy as np
        from PIL import Image

        if self.label_map is None:
            raise DatasetError(f"{self.name} has no masks.")
        if photo in self.without_masks:
            raise DatasetError(
                f"Expected masks of {photo}, found {self.without_masks[photo]}. Leave the photos of `without_masks` "
                "out."
            )
        labels = self.label_map(photo)
        if labels.shape[0] != labels.shape[1]:
            raise DatasetError(f"Expected square masks of {photo}, found {labels.shape[1]} x {labels.shape[0]} pixels.")
        return (
            labels
            if size is None
            else np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
        )

    def regions(self, photo: Path, size: int | None = None) -> dict[str, Mask]:
        """The makeup regions (S, S) of a photo: `labelings.regions_from_labels` of its `labels`; the same arguments and
        errors."""
        from privacy_faces.datasets.labelings import LabelError, regions_from_labels

        labels = self.labels(photo, size)
        assert self.labeling is not None  # wherever there are label maps
        try:
            return regions_from_labels(labels, self.labeling)
        except LabelError as error:
            raise DatasetError(f"{photo}: {error}") from None


def find(root: Path, names: Sequence[str], what: str, origin: str) -> Path:
    """The first of `names` that is there below `root`.

    Args:
        root: of the data set.
        names: where it may lie, the usual place first.
        what: it is, for the message.
        origin: where to get the data set, for the message.

    Raises:
        DatasetError: when none is.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder with {what}, found no folder at {root}. {origin}")
    for name in names:
        if (root / name).exists():
            return root / name
    there = sorted(path.name for path in root.iterdir())
    packed = [name for name in there if name.lower().endswith(_ARCHIVES)]
    unpack = f" Unpack {', '.join(packed)} first." if packed else ""
    raise DatasetError(f"Expected {what} at {root / names[0]}, found {some(there)} in {root}.{unpack} {origin}")


def photos_of(folder: Path, what: str, origin: str) -> dict[str, Path]:
    """Name -> path of the photos directly in a folder, in order of name.

    Raises:
        DatasetError: when there is none.
    """
    photos = {path.name: path for path in photos_in(folder)} if folder.is_dir() else {}
    if not photos:
        raise DatasetError(f"Expected {what} in the folder {folder}, found none. {origin}")
    return photos


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Number and text of every line of a list that is not empty.

    Raises:
        DatasetError: when the file is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"Expected a text file at {path}, found other bytes. Copy or download it again.") from None
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def some(names: Sequence[str]) -> str:
    """The first few names of many, for a message."""
    if not names:
        return "nothing"
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
