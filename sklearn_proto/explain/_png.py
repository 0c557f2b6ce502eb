"""Pictures as PNG files in memory, without an imaging library."""

import struct
import zlib
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Bytes of a PNG file of pixels (height, width, 3) (ISO/IEC 15948)."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    # Every line starts with the number of its filter: 2, differences to the line above,
    # modulo 256, which are mostly 0 in enlarged images.
    lines = np.full((height, 1 + 3 * width), 2, dtype=np.uint8)
    above = np.zeros((1, 3 * width), dtype=np.uint8)
    lines[:, 1:] = np.diff(pixels.reshape(height, -1), axis=0, prepend=above)
    body = zlib.compress(lines.tobytes(), 9)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Address that holds a picture itself, for HTML."""
    return png_uri(png(pixels))


def png_uri(file: bytes) -> str:
    """Address that holds a PNG file itself."""
    return "data:image/png;base64," + b64encode(file).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
