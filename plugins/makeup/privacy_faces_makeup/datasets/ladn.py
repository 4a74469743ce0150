"""The LADN data set (Gu et al., ICCV 2019): unpaired photos without and with makeup; many of the styles are dramatic.

    before/NAME.jpg              after/NAME.jpg            as the published code of LADN reads it
    images/non-makeup/NAME.jpg   images/makeup/NAME.jpg    in the layout of the Makeup Transfer data set, also without
    images/

The archive also has blend/, made-up faces that were pasted together, which is not read, and landmarks as a pickle,
which is never read, because reading one runs whatever code is in it. It has no masks. Label maps in the form of the
Makeup Transfer data set, segs/makeup/NAME.png and segs/non-makeup/NAME.png, are read where someone has made them.
"""

from __future__ import annotations

from pathlib import Path

from privacy_faces.plugin import DatasetError, LabeledPhoto, find_in_data_set, first_few, photos_of
from privacy_faces_makeup.datasets.labeled import LabeledDataSet
from privacy_faces_makeup.datasets.makeup_transfer import KINDS, with_label_maps

_ORIGIN = (
    "The LADN data set is linked from https://github.com/wangguanzhi/LADN (before/ and after/ in one folder, makeup/)."
)
# Of KINDS.
_LAYOUTS = (("after", "before"), ("makeup", "non-makeup"), ("images/makeup", "images/non-makeup"))


def read_ladn(root: Path) -> LabeledDataSet:
    """The LADN data set in `root`. Parts: "makeup" and "non-makeup".

    Raises:
        DatasetError: when photos are missing, or lie there in more than one layout.
    """
    present = [layout for layout in _LAYOUTS if any((root / folder).is_dir() for folder in layout)]
    if len(present) > 1:
        raise DatasetError(
            f"Expected one pair of folders in {root}, found {first_few([' and '.join(layout) for layout in present])}. "
            "Keep one of them."
        )
    photos = {}
    for kind, folder in zip(KINDS, present[0] if present else _LAYOUTS[0], strict=True):
        photos[kind] = photos_of(
            find_in_data_set(root, [folder], f"the photos {kind}", _ORIGIN), f"photos {kind}", _ORIGIN
        )
    data = LabeledDataSet(
        "LADN", {kind: [LabeledPhoto(path, path.stem) for path in photos[kind].values()] for kind in KINDS}
    )
    return with_label_maps(data, root, photos)
