"""Thresholds for photos like yours: python examples/calibrate_thresholds.py PEOPLE [OUTPUT]

PEOPLE holds a folder of photos for each of 46 people or more. `evaluate(..., thresholds=OUTPUT)` and
`--thresholds OUTPUT` read what is written to the file OUTPUT.
"""

import sys

from privacy_faces import calibrate


def main(people: str, output: str | None = None) -> None:
    file = calibrate(people, recognizers=["dlib-resnet"], output=output)
    for point in file.calibrated["dlib-resnet"].points:
        low, high = point.interval
        print(f"FAR {point.far:g}: a match is a similarity above {point.threshold:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
