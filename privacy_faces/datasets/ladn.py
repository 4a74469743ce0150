"""The LADN data set (Gu et al., ICCV 2019): some 330 photos without makeup and as many with, unpaired; many of the styles are dramatic.

    before/NAME.jpg       after/NAME.jpg           as the archive unpacks, and as the published code of LADN reads it
    non-makeup/NAME.jpg   makeup/NAME.jpg          as work on makeup transfer renames them, also within images/

The archive brings landmarks as a pickle, which is never read, because reading one runs whatever code is in it, and no masks. Label maps in the form of the
Makeup Transfer data set, segs/makeup/NAME.png and segs/non-makeup/NAME.png, are read where someone has made them.
"""

from __future__ import annotations

from pathlib import Path

from privacy_faces.datasets.base import DataSet, find, photos_of, some
from privacy_faces.datasets.folder import DatasetError, LabelledPhoto
from privacy_faces.datasets.makeup_transfer import KINDS, with_label_maps

_ORIGIN = "The LADN data set is linked from https://github.com/wangguanzhi/LADN (before/ and after/ in one folder, makeup/)."
# Of KINDS.
_LAYOUTS = (("after", "before"), ("makeup", "non-makeup"), ("images/makeup", "images/non-makeup"))


def read_ladn(root: Path) -> DataSet:
    """The LADN data set in `root`. Parts: "makeup" and "non-makeup".

    Raises:
        DatasetError: when photos are missing, or lie there in more than one layout.
    """
    present = [layout for layout in _LAYOUTS if any((root / folder).is_dir() for folder in layout)]
    if len(present) > 1:
        raise DatasetError(f"Expected one pair of folders in {root}, found {some([' and '.join(layout) for layout in present])}. Keep one of them.")
    photos = {}
    for kind, folder in zip(KINDS, present[0] if present else _LAYOUTS[0], strict=True):
        photos[kind] = photos_of(find(root, [folder], f"the photos {kind}", _ORIGIN), f"photos {kind}", _ORIGIN)
    data = DataSet("LADN", {kind: [LabelledPhoto(path, path.stem) for path in photos[kind].values()] for kind in KINDS})
    return with_label_maps(data, root, photos)
