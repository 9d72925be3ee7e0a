"""What an endpoint is: it is sent a request, and answers, or an error says why not."""

from typing import Protocol

from pipeline.endpoints.codec import Request, Response


class Endpoint(Protocol):
    """An endpoint, from this side of the network. `invoke` may be called by many threads."""

    @property
    def name(self) -> str:
        """What people call it: a name, or an address."""

    @property
    def limit(self) -> int:
        """Bytes of the largest body that it takes."""

    def invoke(self, request: Request) -> Response:
        """What the endpoint answers. It is asked once: who calls knows whether there is time for more.

        Raises EndpointNotFound, EndpointRefused, EndpointFailed, EndpointTimeout, EndpointUnavailable or, where the
        endpoint has a lower limit than it was believed to have, ImageTooLarge.
        """
