"""The decoders that may see the bytes of an upload.

    built in      AVIF, BMP, GIF, JPEG (and MPO, which is JPEG), PNG, TIFF, WebP: Pillow's, where it was built with them
    installed     HEIF (HEIC): pillow-heif's, where that package is installed
    plugged in    what `install` is told to call: DECODERS, an environment variable of ValidateImagesFunction

A plug-in is a `module:callable`. The callable takes nothing and registers decoders with Pillow (`Image.register_open`,
see Pillow, "Writing your own image plugin"). It may replace the decoder of a format, or bring one for a format of
limits.FORMATS that there is none for. A format of another name is not opened: no limit can name it.

No other decoder is ever loaded: Pillow has forty, and would try them all.
"""

import importlib
import importlib.util

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from pipeline.errors import InvalidSetting
from pipeline.limits import FORMATS

# Importing one of these modules registers its decoder.
_BUILT_IN = (
    AvifImagePlugin.AvifImageFile,
    BmpImagePlugin.BmpImageFile,
    GifImagePlugin.GifImageFile,
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    TiffImagePlugin.TiffImageFile,
    WebPImagePlugin.WebPImageFile,
)
# Pillow registers these also where it was built without the library that does the work.
_LIBRARIES = {"AVIF": "avif", "JPEG": "jpg", "PNG": "zlib", "WEBP": "webp"}
for _name, _library in _LIBRARIES.items():
    if not features.check(_library):
        Image.OPEN.pop(_name, None)

# libtiff reads every TIFF. Pillow's own reader, for the uncompressed ones, takes planes of 16 bits for planes of 8.
TiffImagePlugin.READ_LIBTIFF = True

if importlib.util.find_spec("pillow_heif"):
    importlib.import_module("pillow_heif").register_heif_opener()

# What to do about a format of limits.FORMATS that has no decoder here.
_WHERE_FROM = {"AVIF": "a Pillow that was built with libavif", "HEIF": "the package pillow-heif"}


def available() -> frozenset[str]:
    """The formats of limits.FORMATS that can be decoded here."""
    return FORMATS & Image.OPEN.keys()


def where_from(name: str) -> str:
    """What has to be installed for a format of limits.FORMATS that is not available."""
    return _WHERE_FROM.get(name, f"a Pillow that decodes {name}")


def install(plugins: str) -> None:
    """Calls the plug-ins, `module:callable` each, comma separated. To be done once, before the first image.

    Raises InvalidSetting for one that is not there or fails.
    """
    for plugin in filter(None, map(str.strip, plugins.split(","))):
        module, colon, name = plugin.partition(":")
        if not (module and colon and name):
            raise InvalidSetting(f"DECODERS: expected module:callable, got {plugin!r}.")
        try:
            getattr(importlib.import_module(module), name)()
        except Exception as error:
            raise InvalidSetting(
                f"DECODERS: {plugin} could not be installed: {type(error).__name__}: {error}. "
                f"Put the module into the function's package or a layer, or take it out of DECODERS."
            ) from error
