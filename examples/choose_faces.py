"""Change all faces but those of one person: python examples/choose_faces.py PHOTOS OUTPUT [METHOD]

The person is whoever is in most of the photos in the folder PHOTOS.
"""

import json
import sys
from pathlib import Path

from privacy_faces import anonymize, find_faces


def main(photos: str, output: str, method: str = "inpaint-gradcam") -> None:
    listed = find_faces([photos])
    # The list is JSON: any program may edit it. Person 1 is in most photos.
    content = json.loads(listed.faces.dump())
    for face in (face for photo in content["photos"] for face in photo["faces"]):
        face["decision"] = "keep" if face["person"] == 1 else "change"
    path = Path(output, "faces.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    for photo in content["photos"]:
        result = anonymize(Path(photos, photo["photo"]), method, output=output, faces=path)
        kept = sum(face.decision == "kept" for face in result.receipt.faces)
        print(f"{photo['photo']}: {kept} kept, {len(result.receipt.faces) - kept} changed")


if __name__ == "__main__":
    main(*sys.argv[1:])
