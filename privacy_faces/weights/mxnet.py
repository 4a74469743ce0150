"""MXNet's list of arrays (`.params`), read without MXNet and without running code.

Little-endian: uint64 0x112, uint64 0, uint64 count; each array: uint32 0xF993FAC9, int32 storage type 0, uint32 number
of dimensions, that many int64, int32 device type, int32 device id, int32 data type, the values; then uint64 count and
the names, each uint64 length and bytes, such as `arg:conv1_weight` or `aux:bn1_moving_mean`.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

SUFFIX = ".params"

_LIST, _ARRAY = 0x112, 0xF993FAC9
_DENSE, _FLOAT32 = 0, 0
# No array has more dimensions.
_DIMENSIONS = 8


class MxnetError(ValueError):
    """A file that is no MXNet list of named float32 arrays."""


class _Reader:
    """Values from the front of some bytes; never beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if not 0 <= count <= len(self._data) - self._place:
            raise MxnetError(f"it ends after {len(self._data)} bytes, where {count} more are announced")
        self._place += count
        return self._data[self._place - count : self._place]

    def number(self, form: str) -> int:
        """The next integer, in the form that `struct` gives it."""
        return int(struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0])

    def expect(self, form: str, wanted: int, what: str) -> None:
        """Refuse another integer than the wanted one."""
        if (found := self.number(form)) != wanted:
            raise MxnetError(f"expected {what} {wanted:#x}, found {found:#x}")


def read_params(path: Path) -> dict[str, Tensor]:
    """Name (without `arg:` and `aux:`) -> float32 tensor of a `.params` file.

    Raises:
        MxnetError: for another file.
    """
    import torch

    reader = _Reader(path.read_bytes())
    try:
        reader.expect("Q", _LIST, "the mark of a list")
        reader.expect("Q", 0, "the reserved word")
        arrays = [_array(reader) for _ in range(reader.number("Q"))]  # which ends where the file does
        reader.expect("Q", len(arrays), "as many names as arrays,")
        names = [reader.take(reader.number("Q")).decode().partition(":")[2] for _ in arrays]
    except (MxnetError, UnicodeDecodeError) as error:
        raise MxnetError(f"Expected MXNet's list of float32 arrays in {path}, found another file: {error}.") from error
    return {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)}


def _array(reader: _Reader) -> np.ndarray:
    import numpy as np

    reader.expect("I", _ARRAY, "the mark of an array")
    reader.expect("i", _DENSE, "storage type")
    dimensions = reader.number("I")
    if dimensions > _DIMENSIONS:
        raise MxnetError(f"expected at most {_DIMENSIONS} dimensions, found {dimensions}")
    shape = [reader.number("q") for _ in range(dimensions)]
    if min(shape, default=1) < 0:
        raise MxnetError(f"expected sizes of at least 0, found {shape}")
    reader.take(8)  # the device that wrote it
    reader.expect("i", _FLOAT32, "data type")
    # Python's own integers: a product of sizes cannot overflow.
    count = 1
    for size in shape:
        count *= size
    return np.frombuffer(reader.take(4 * count), dtype="<f4").reshape(shape).copy()
