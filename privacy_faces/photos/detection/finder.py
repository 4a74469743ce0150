"""Find every face in a photo and place 68 landmarks on it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection, Detector, LandmarkModel, Sizes
from privacy_faces.photos.detection.dlib_models import DlibDetector, DlibLandmarks
from privacy_faces.photos.detection.surroundings import Surroundings
from privacy_faces.photos.detection.turned import MOST_APART, PERHAPS, Placed, detect_turned, merged, same_place
from privacy_faces.photos.faces import Face, Image, is_part, lies_inside, to_uint8
from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, invert, transform

# Side of the frame in which landmarks are placed: large enough for the corners of the lips, small enough to be quick.
LANDMARK_FRAME = 256
# How far from a face others are sought, in its widths: whoever wears a badge is a few times as large as the face on it.
_BEHIND, _AROUND = 3.0, 2.0
# How far whoever wears a badge may be turned, in eighths.
_TILTS = (-1, 1)

DetectorName = Literal["auto", "mtcnn", "dlib"]


def make_finder(name: DetectorName = "auto", min_face: int = 0, device: str | torch.device = "cpu") -> FaceFinder:
    """A face finder.

    Args:
        name: "auto" takes MTCNN where facenet-pytorch is installed, and dlib's detector elsewhere;
            `finder.detector.name` says which it is.
        min_face: smallest face sought, in pixels; 0 lets the detector choose.

    Raises:
        ValueError: for "mtcnn" without facenet-pytorch, with the command that installs it.
    """
    installed = importlib.util.find_spec("facenet_pytorch") is not None
    if name == "mtcnn" and not installed:
        raise ValueError(
            "The detector 'mtcnn' needs facenet-pytorch, which is not installed. Install it: pip install --no-deps "
            "facenet-pytorch. Or use --detector dlib."
        )
    detector: Detector
    if name == "mtcnn" or (name == "auto" and installed):
        from privacy_faces.photos.detection.mtcnn import MtcnnDetector

        detector = MtcnnDetector(min_face, device)
    else:
        detector = DlibDetector(min_face)
    return FaceFinder(detector, DlibLandmarks())


class FaceFinder:
    """A detector and a landmark model: photo in, faces out, largest first.

    Detectors know upright faces. A face that lies on its side or upside down is sought in copies of the photo that are
    turned by eighths (see `detection.turned`). One that is hidden from the detector by another face, such as the wearer
    of a badge, is sought once more where that one is painted over.
    """

    def __init__(self, detector: Detector, landmark_model: LandmarkModel) -> None:
        self.detector = detector
        self.landmark_model = landmark_model

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the weights in use."""
        return (*self.detector.weights, *self.landmark_model.weights)

    def sizes(self, rgb: Image) -> Sizes:
        """The smallest faces that are sought in a photo (H, W, 3)."""
        return self.detector.sizes(*rgb.shape[:2])

    def find(self, rgb: Image) -> list[Face]:
        """Every face of an RGB photo (H, W, 3), by falling size of the box."""
        found = self.with_turned(rgb, self.upright(rgb))
        return largest_first([*found, *self.behind(rgb, found)])

    def largest(self, rgb: Image) -> Face | None:
        """The largest face, if any; turned copies are searched only where it is not certain to stand upright."""
        upright = max(self.upright(rgb), key=lambda item: _area(item.face.box), default=None)
        if upright is not None and upright.fit <= MOST_APART:
            return upright.face
        return next(iter(self.find(rgb)), None)

    def upright(self, rgb: Image) -> list[Placed]:
        """The faces that the detector finds in the photo as it stands. Where all faces are upright, these are all."""
        detections = self.detector.detect(to_uint8(rgb), self.sizes(rgb).upright)
        found = self._without_parts([self._placed(rgb, detection) for detection in detections])
        # Part of a face may look like a smaller one; that on a badge is as certain as any other.
        return [
            item
            for item in found
            if item.fit <= MOST_APART
            or item.face.score >= self.detector.least_turned_score
            or not any(lies_inside(item.face, other.face) for other in found)
        ]

    def with_turned(self, rgb: Image, upright: Sequence[Placed]) -> list[Placed]:
        """The `upright` faces, and those that are found in turned copies; each face once."""
        others = detect_turned(self.detector, to_uint8(rgb), self.sizes(rgb).turned)
        turned = [self._placed(rgb, detection, realign=True) for detection in others]
        return self._without_parts(merged(upright, turned))

    def behind(self, rgb: Image, found: Sequence[Placed]) -> list[Placed]:
        """Faces, upright or turned by an eighth, that are found when each of the `found` ones, in turn, is painted
        over; none of those."""
        new: list[Placed] = []
        for front in found:
            place = Surroundings(to_uint8(rgb), front.face, _BEHIND)
            painted = place.without_face()
            upright = self.detector.detect(painted, place.smallest)
            turned = detect_turned(self.detector, painted, place.smallest, _TILTS, whole=not place.centered)
            perhaps = (self._placed(rgb, place.in_photo(detection), realign=True) for detection in turned)
            for item in (
                # What stands before it spoils its landmarks: they tell nothing here.
                *(self._placed(rgb, place.in_photo(detection)) for detection in upright),
                *(item for item in perhaps if item.fit <= PERHAPS),
            ):
                if not any(same_place(item.face, old.face) for old in (*found, *new)):
                    new.append(item)
        return new

    def around(self, rgb: Image, face: Face) -> list[Placed]:
        """All that may be a face at the place of a face and around it, in any turn. A face may come several times,
        placed a little differently each time."""
        place = Surroundings(to_uint8(rgb), face, _AROUND)
        upright = self.detector.detect(place.rgb, place.smallest)
        turned = detect_turned(self.detector, place.rgb, place.smallest, whole=not place.centered)
        return [
            *(self._placed(rgb, place.in_photo(detection)) for detection in upright),
            *(self._placed(rgb, place.in_photo(detection), realign=True) for detection in turned),
        ]

    def misplaced(self, rgb: Image, landmarks: NDArray[np.float64]) -> float:
        """How far landmarks (68, 2) lie from the eyes, nose and mouth that the detector sees in a picture (H, W, 3) of
        one face, as a share of its side; 0 where it sees none. Of heads that are turned away it is large."""
        pixels = to_uint8(rgb)
        points = five_points(landmarks)
        apart = [
            float(np.abs(points - found.points).mean())
            for found in self.detector.detect(pixels, self.detector.sizes(*pixels.shape[:2]).upright)
        ]
        return min(apart, default=0.0) / float(max(pixels.shape[:2]))

    def _without_parts(self, found: Sequence[Placed]) -> list[Placed]:
        least = self.detector.least_inner_score
        return [
            item
            for item in found
            if item.face.score >= least or not any(is_part(item.face, other.face) for other in found)
        ]

    def _placed(self, rgb: Image, detection: Detection, realign: bool = False) -> Placed:
        # The detector's five points make the face upright; the landmarks found there place the final frame.
        landmarks = self._landmarks(rgb, detection.points)
        affine = frame_affine(detection.points, LANDMARK_FRAME)
        fit = float(np.abs(transform(affine, five_points(landmarks) - detection.points) - affine[:, 2]).mean())
        if realign:
            # A face between two quarter turns is still up to 45 degrees from upright for the detector.
            landmarks = self._landmarks(rgb, five_points(landmarks))
        return Placed(Face(detection.box, landmarks, detection.score), fit / LANDMARK_FRAME)

    def _landmarks(self, rgb: Image, points: NDArray[np.float64]) -> NDArray[np.float64]:
        affine = frame_affine(points, LANDMARK_FRAME)
        frame = (cut_frame(rgb, affine, LANDMARK_FRAME) * 255 + 0.5).astype(np.uint8)
        return transform(invert(affine), self.landmark_model.place(frame))


def largest_first(found: Sequence[Placed]) -> list[Face]:
    """The faces by falling size of the box."""
    return sorted((item.face for item in found), key=lambda face: -_area(face.box))


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
