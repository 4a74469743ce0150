"""Compare two methods on your photos: python examples/compare_methods.py PHOTOS OUTPUT

PHOTOS holds a folder for each person. OUTPUT/report.html shows the same, and more.
"""

import sys

from privacy_faces import benchmark


def main(photos: str, output: str) -> None:
    results = benchmark(["pixelate", "fill"], photos, output=output, robustness=False, attackers=False)
    for method in results.methods:
        dodged = next(row for row in method.success if row.measure == "dodging" and row.far == 0.001)
        quality = method.quality
        print(f"{method.label}: {100 * dodged.protected.value:.0f} % dodged, SSIM {quality.ssim.value:.3f}")


if __name__ == "__main__":  # each method runs in a process of its own, which imports this file
    main(*sys.argv[1:])
