"""The files of the page: kept by browsers for a year, gone with their version, and allowed to run nothing but themselves."""

import gzip
import re
from importlib.resources import files
from pathlib import Path

from tests.collector.web.serving import Content, ask, serving

STATIC = Path(str(files("collector.web").joinpath("static")))


async def test_a_file_is_kept_for_ever_under_an_address_of_its_version_and_is_gone_under_another() -> None:
    async with serving() as served:
        version = served.server.assets.version
        status, headers, body = await ask(served.port, f"/static/{version}/app.js", {"Accept-Encoding": "gzip"})
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert gzip.decompress(body) == (STATIC / "app.js").read_bytes()
        assert "immutable" in headers["Cache-Control"]
        again = {"If-None-Match": headers["ETag"]}
        status, headers, body = await ask(served.port, f"/static/{version}/app.js", again)
        assert (status, body, headers["Vary"]) == (304, b"", "Accept-Encoding")
        # What a browser keeps is renewed with the answer (RFC 9111, 4.3.4).
        assert "immutable" in headers["Cache-Control"]
        assert headers["ETag"] == again["If-None-Match"]
        for path in ("0123456789abcdef/app.js", f"{version}/none.js", f"{version}/..%2Fpage.html", f"{version}/"):
            status, headers, _ = await ask(served.port, f"/static/{path}")
            assert status == 404, path
        assert (await ask(served.port, "/static/0123456789abcdef/app.js"))[1]["Cache-Control"] == "no-store"


async def test_every_answer_forbids_scripts_and_styles_that_are_not_files_of_the_collector() -> None:
    content = Content()
    async with serving(content) as served:
        for path in ("/", "/plain", f"/static/{served.server.assets.version}/icon.svg"):
            headers = (await ask(served.port, path))[1]
            policy = headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "*" not in policy
            assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= {
                each.strip() for each in policy.split(";")
            }
            assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_file_names_another_host_or_puts_text_into_the_page_as_markup() -> None:
    """Addresses of standards in comments are told from those that a browser would ask by what is around them."""
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("//", "/*", "*")))
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)\w", code), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code), (
            file.name
        )
        assert not re.search(r"@import|url\(", code), file.name


def test_a_module_has_at_most_500_lines() -> None:
    """As for Python (scripts/check-size)."""
    assert {file.name for file in STATIC.iterdir() if file.read_text(encoding="utf-8").count("\n") > 500} == set()
