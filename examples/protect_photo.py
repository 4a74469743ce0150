"""Protect a photo: python examples/protect_photo.py PHOTO OUTPUT [METHOD]

Writes the photo and its receipt into the folder OUTPUT, and says who still recognizes each face.
"""

import sys

from privacy_faces import anonymize


def main(photo: str, output: str, method: str = "inpaint-gradcam") -> None:
    result = anonymize(photo, method=method, output=output)
    for face in result.receipt.faces:
        for name, verdict in face.recognizers.items():
            state = "NOT PROTECTED" if verdict.matched else "no longer matched"
            scores = f"similarity {verdict.similarity:.3f}, threshold {verdict.threshold:.3f}"
            print(f"face {face.index + 1}: {state} by {name} ({scores})")
    print(f"written to {result.output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
