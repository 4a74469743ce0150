"""Which faces a photo shows: also those that stand in its alpha plane, or only in front of some background."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from privacy_faces.photos import transparency
from privacy_faces.photos.faces import Face, Image, same_face
from privacy_faces.photos.photo import Photo, PhotoError

BACKGROUNDS = {"white": transparency.WHITE, "black": transparency.BLACK}


def faces_shown(photo: Photo, find: Callable[[Image], list[Face]]) -> tuple[Photo, list[Face], list[str]]:
    """The faces to change, in the photo to change, which is made opaque where its transparency shows a face.

    Colors that alpha hides are not brought to light: the photo is put in front of the background on which more faces
    are found.

    Args:
        photo: as it was read.
        find: finds the faces of a picture (H, W, 3).

    Returns:
        The photo or its opaque copy, the faces in it, and what the user must be told.

    Raises:
        PhotoError: when the transparency shows a face, and no background does.
    """
    faces = find(photo.rgb)
    if not transparency.translucent(photo):
        return photo, faces, []
    others = islice(transparency.shown(photo), 1, None)
    hidden = any(same_face(face, faces) is None for picture in others for face in find(picture))
    if not hidden and not any(transparency.alpha_shows(photo, face) for face in faces):
        return photo, faces, []
    opaque = {name: transparency.flattened(photo, level) for name, level in BACKGROUNDS.items()}
    found = {name: find(copy.rgb) for name, copy in opaque.items()}
    chosen = max(BACKGROUNDS, key=lambda name: len(found[name]))
    if not found[chosen]:
        raise PhotoError(
            "expected a face that shows in front of black or white, found one in the colors or the transparency alone; "
            "save the photo without transparency first"
        )
    told = f"the transparency shows a face: the photo was put in front of {chosen}, and is opaque now"
    return opaque[chosen], found[chosen], [told]
