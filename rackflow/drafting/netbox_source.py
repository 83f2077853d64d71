"""Reads an inventory from NetBox's API, or from files that were saved of it."""

import json
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rackflow.drafting.netbox import COOLING_ENDPOINTS, ENDPOINTS
from rackflow.errors import ConfigError
from rackflow.process.files import is_absent, mode_of
from rackflow.process.http_client import REDIRECTS, NoRedirect, redirected
from rackflow.process.progress import progress
from rackflow.process.yaml import read_text_file

# Objects of one page. NetBox answers at most MAX_PAGE_SIZE at once, 1,000 where it is not changed.
PAGE = 500
# Pages of one endpoint: five million objects. Ends the reading of a server that always names a next page.
MAX_PAGES = 10_000
# Chosen values: a page of 500 objects is far smaller, and a server that is silent for so long has failed.
MAX_PAGE_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 30.0
NOT_FOUND = 404
# v2 tokens begin so (NetBox 4.5) and are sent as Bearer; older ones as Token.
V2_TOKEN = "nbt_"  # noqa: S105 - the prefix that tells the kind


def read_netbox(source: str, token: str = "", site: str = "") -> dict[str, list[Any]]:
    """The objects by endpoint. `source` is the address of NetBox, a JSON file, or a folder of them. Raises ConfigError."""
    if source.startswith(("http://", "https://")):
        return _fetch(source.rstrip("/"), token, site)
    path = Path(source)
    names = [*ENDPOINTS, *COOLING_ENDPOINTS]
    if stat.S_ISDIR(mode_of(path)):
        files = {name: path / f"{name}.json" for name in names}
        found = {name: _objects(_loaded(file), str(file)) for name, file in files.items() if not is_absent(file)}
    else:
        whole = _loaded(path)
        if not isinstance(whole, dict):
            raise ConfigError(f"{path}: is not an object with an endpoint's name for each list; save it with --save")
        found = {name: _objects(whole[name], f"{path}: {name}") for name in names if name in whole}
    if not found:
        raise ConfigError(f"{path}: has none of {', '.join(names)}; save it with --save, or from /api/dcim/")
    return found


def _loaded(path: Path) -> Any:  # noqa: ANN401 - the shape is checked by the caller
    try:
        # PowerShell begins what it saves with a byte order mark.
        return json.loads(read_text_file(path).removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from error


def _objects(found: object, where: str) -> list[Any]:
    """A list of objects, or a page of the API (`results`)."""
    listed = found.get("results") if isinstance(found, dict) else found
    if not isinstance(listed, list) or not all(isinstance(each, dict) and "id" in each for each in listed):
        raise ConfigError(f"{where}: is not a list of NetBox's objects")
    return listed


def _fetch(base: str, token: str, site: str) -> dict[str, list[Any]]:
    base = base.removesuffix("/api/dcim").removesuffix("/api")
    found: dict[str, list[Any]] = {"sites": list(_pages(base, "sites", {"slug": site} if site else {}, token))}
    if site and not found["sites"]:
        found["sites"] = list(_pages(base, "sites", {}, token))
        return found
    # Asked for one site only where there is one: a company's NetBox may have a hundred others.
    of_site = {"site_id": str(found["sites"][0]["id"])} if len(found["sites"]) == 1 else {}
    if not of_site:
        return found
    names = [name for name in (*ENDPOINTS, *COOLING_ENDPOINTS) if name != "sites"]
    with progress("NetBox", len(names)) as done:
        for name in names:
            found[name] = list(_pages(base, name, of_site, token, optional=name in COOLING_ENDPOINTS))
            done()
    return found


def _pages(base: str, name: str, query: Mapping[str, str], token: str, *, optional: bool = False) -> Iterator[Any]:
    offset = 0
    first: set[object] = set()
    for _ in range(MAX_PAGES):
        # The next page is asked for by its number, not at the address that the answer names: a proxy often gives it the wrong
        # scheme or host, and the token would go there.
        asked = urllib.parse.urlencode({**query, "limit": str(PAGE), "offset": str(offset)})
        page = _get(f"{base}/api/dcim/{name}/?{asked}", token, optional=optional)
        if page is None:
            return
        objects = _objects(page, f"{base}/api/dcim/{name}/")
        if objects and objects[0]["id"] in first:
            raise ConfigError(
                f"{base}/api/dcim/{name}/: gives the same page again; something before NetBox ignores the query"
            )
        first |= {each["id"] for each in objects[:1]}
        yield from objects
        offset += len(objects)
        if not objects or not page.get("next"):
            return
    raise ConfigError(f"{base}/api/dcim/{name}/: has more than {MAX_PAGES} pages; name one site with --netbox-site")


_OPENER = urllib.request.build_opener(NoRedirect)


def _get(url: str, token: str, *, optional: bool) -> dict[str, Any] | None:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - http and https only, as checked
    if token:
        request.add_header("Authorization", f"{'Bearer' if token.startswith(V2_TOKEN) else 'Token'} {token}")
    where = url.partition("?")[0]
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            body = answer.read(MAX_PAGE_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            if optional and error.code == NOT_FOUND:
                return None
            _refuse(where, error)
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {getattr(error, 'reason', None) or error}") from error
    if len(body) > MAX_PAGE_BYTES:
        raise ConfigError(f"{where}: a page has more than {MAX_PAGE_BYTES} bytes")
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where}: the answer is not JSON; give the address of NetBox, as in https://netbox.example.org"
        ) from error
    if not isinstance(page, dict):
        raise ConfigError(f"{where}: the answer is not a page of NetBox's API")
    return page


def _refuse(where: str, error: urllib.error.HTTPError) -> NoReturn:
    moved = redirected(error.headers.get("Location"))
    remedies = {
        **dict.fromkeys(REDIRECTS, moved),
        401: "the token is not accepted; give one with --token env:NAME",
        403: "the token is missing, not accepted, or has no right to read this; give one with --token env:NAME",
        404: "there is no NetBox 4 at this address; give it as in https://netbox.example.org",
    }
    raise ConfigError(f"{where}: status {error.code}: {remedies.get(error.code, 'try again later')}") from error
