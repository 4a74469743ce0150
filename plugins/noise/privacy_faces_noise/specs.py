"""The plugin's cards, light to import."""

from privacy_faces.plugin import Spec

_OPTIONS = "privacy_faces_noise.options"


def _spec(summary: str, module: str, name: str) -> Spec:
    return Spec(summary, f"{_OPTIONS}:{name}Options", f"privacy_faces_noise.{module}:{name}", seeded=True)


FGSM = _spec("one step along the sign of the gradient (FGSM)", "fgsm", "Fgsm")
PGD = _spec("projected gradient descent from a random start (PGD)", "pgd", "Pgd")
MIFGSM = _spec("gradient steps with momentum (MI-FGSM)", "mifgsm", "Mifgsm")
TIDIM = _spec("momentum, diverse inputs and smoothed gradients (TI-DIM)", "tidim", "Tidim")
TIPIM = _spec("towards whichever of several targets is easiest, close to the photo (TIP-IM)", "tipim", "Tipim")
BSR = _spec("samples whose blocks are turned and shuffled (BSR)", "bsr", "Bsr")
MEF = _spec("the mean gradient of neighbors that climb, for a flat minimum (MEF)", "mef", "Mef")
DEM = _spec("samples resized and padded at several rates (DEM)", "dem", "Dem")
BPFA = _spec("against surrogates whose features defend themselves (BPFA)", "bpfa", "Bpfa")
