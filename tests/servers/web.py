"""HTTP for tests: sends a request on loopback and returns status and body. Blocking; proxies in the environment are ignored."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# On loopback only a hang takes so long: a busy machine may keep the server, or this process, from running for seconds.
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `json()` is whatever the server says; the caller knows its shape."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


def request(
    url: str,
    params: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """GET, or POST when there is a body. Error statuses are answers; no connection raises `OSError`."""
    full = f"{url}?{urllib.parse.urlencode(params)}" if params else url
    asked = urllib.request.Request(full, data=body, method=method, headers=dict(headers or {}))  # noqa: S310 - loopback
    try:
        with OPENER.open(asked, timeout=TIMEOUT_S) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def answers(url: str, status: int = 200) -> bool:
    """Whether a GET of the URL gives this status; False when nobody is there."""
    try:
        return request(url).status == status
    except OSError:
        return False
