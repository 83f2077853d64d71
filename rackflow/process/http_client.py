"""What commands that ask an HTTP server with a password or token have in common."""

import urllib.request
from typing import Final

REDIRECTS: Final = (301, 302, 303, 307, 308)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would send the password along, to wherever the answer says. The redirect is an HTTPError."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Called by urllib. As this makes no new request, the redirect becomes an HTTPError."""


def redirected(location: str | None) -> str:
    """The remedy in the error of an address that answered with a redirect to `location`."""
    return f"it is redirected to {location or 'elsewhere'}; give that address"
