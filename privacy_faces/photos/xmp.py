"""What of an XMP packet can be kept: nothing that shows the old face, and no promise of a part that is gone."""

from __future__ import annotations

import re

# JPEG, PNG, GIF and WebP pictures embedded in XMP, which has to write them in base64.
_PICTURE = re.compile(rb"(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR)(?:[A-Za-z0-9+/=\s]|&#x[aAdD];)*")
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[0-9]")
# Gain maps (Adobe, Apple), motion videos and the list of parts that follow the picture (Google), depth, further XMP.
_OF_PARTS = (
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"http://ns.apple.com/HDRGainMap/1.0/",
    b"http://ns.apple.com/pixeldatainfo/1.0/",
    b"http://ns.google.com/photos/1.0/camera/",
    b"http://ns.google.com/photos/1.0/container/",
    b"http://ns.google.com/photos/1.0/container/item/",
    b"http://ns.google.com/photos/1.0/depthmap/",
    b"http://ns.google.com/photos/1.0/image/",
    b"http://ns.google.com/photos/dd/1.0/device/",
    b"http://ns.adobe.com/xmp/note/",
)
_DECLARED = re.compile(rb"xmlns:([\w.-]+)\s*=\s*[\"'](?:" + b"|".join(map(re.escape, _OF_PARTS)) + rb")[\"']")
_VALUE = rb"""\s*=\s*(?:"[^"]*"|'[^']*')"""


def safe_xmp(xmp: bytes) -> bytes:
    """An XMP packet for the upright, protected photo: without embedded pictures, and without what says that a gain map,
    a video, a depth map or more XMP follows."""
    xmp = _ORIENTATION.sub(rb"\g<1>1", _PICTURE.sub(b"", xmp))
    for prefix in {re.escape(match) for match in _DECLARED.findall(xmp)}:
        name = prefix + rb":[\w.-]+"
        xmp = re.sub(rb"<(" + name + rb")(?:\s[^>]*)?(?:/>|>.*?</\1\s*>)", b"", xmp, flags=re.DOTALL)
        xmp = re.sub(rb"\s(?:xmlns:" + prefix + rb"|" + name + rb")" + _VALUE, b"", xmp)
    return xmp
