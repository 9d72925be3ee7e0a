"""The file in a form (multipart/form-data, RFC 7578), as a browser sends it: one part, called `image`."""

from pipeline.contract import ModelContract
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import BaseCodec
from pipeline.endpoints.codecs.file import ANY_IMAGE
from pipeline.names import fingerprint

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""What a file's name may not have in a header (WHATWG HTML, "Multipart form data")."""


class FormCodec(BaseCodec):
    name = "multipart"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        name = image.name.translate(_ESCAPES)
        head = f'Content-Disposition: form-data; name="image"; filename="{name}"\r\n'
        head += f"Content-Type: {image.media_type or ANY_IMAGE}\r\n\r\n"
        start = head.encode("utf-8", "replace")
        boundary = _boundary(image.data, start)
        body = b"--%b\r\n%b%b\r\n--%b--\r\n" % (boundary, start, image.data, boundary)
        return Request(body, f"multipart/form-data; boundary={boundary.decode()}")


def _boundary(*parts: bytes) -> bytes:
    """A line that is in none of the parts; the same for the same parts."""
    attempt = 0
    while any((boundary := fingerprint("boundary", str(attempt)).encode()) in part for part in parts):
        attempt += 1
    return boundary
