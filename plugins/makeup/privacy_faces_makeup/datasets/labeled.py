"""A data set of faces with label maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_faces.plugin import DataSet, DatasetError
from privacy_faces_makeup.datasets.labelings import LabelError, Labeling, Labels, Mask, regions_from_labels


@dataclass(frozen=True)
class LabeledDataSet(DataSet):
    """Photos, who is in them, and where known which part of a face each pixel is.

    Attributes:
        labeling: what the numbers of the label maps mean; None for a data set without.
        label_map: photo -> its label map (H, W), read when asked for.
        without_masks: photo -> what is missing of its masks; no region of these can be asked for.
    """

    labeling: Labeling | None = None
    label_map: Callable[[Path], Labels] | None = None
    without_masks: Mapping[Path, str] = field(default_factory=dict)

    def labels(self, photo: Path, size: int | None = None) -> Labels:
        """The label map (S, S) of a photo of `parts`, 8-bit numbers of `labeling`.

        Args:
            photo: its path, as in `parts`.
            size: side S in pixels that the map is brought to, by the nearest label; None leaves it in its own.

        Raises:
            DatasetError: for a photo without masks, or a mask that cannot be read or does not fit.
        """
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
        """The makeup regions (S, S) of a photo: `regions_from_labels` of its `labels`; the same arguments and
        errors."""
        labels = self.labels(photo, size)
        assert self.labeling is not None  # wherever there are label maps
        try:
            return regions_from_labels(labels, self.labeling)
        except LabelError as error:
            raise DatasetError(f"{photo}: {error}") from None
