"""The sample set: the synthetic faces that ship, two photos of each."""

from __future__ import annotations

from privacy_faces.config.files import resource
from privacy_faces.datasets.folder import LabeledPhoto

# The methods' default target: nobody can be protected by resembling themself.
_TARGET = "000"


def sample_photos() -> list[LabeledPhoto]:
    """Both photos of every synthetic face but the default target, person by person."""
    folder = resource("assets/faces")
    people = sorted(path.stem for path in folder.glob("*.png") if path.stem != _TARGET)
    return [
        LabeledPhoto(place / f"{person}.png", f"synthetic face {person}")
        for person in people
        for place in (folder, folder / "second")
    ]
