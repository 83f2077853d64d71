"""The documentation site: it builds without a warning, its links lead somewhere, and reading it fetches nothing from elsewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "srcset", "object": "data"}
"""What a browser fetches by itself when it shows a page."""
NAMED, LOADED = re.compile(r"https?://"), re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(DOCS, folder / "html")
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_reading_the_site_fetches_nothing_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        for tag, attributes in tags(page):
            fetched = attributes.get(FETCHED.get(tag, ""), "")
            assert not NAMED.match(fetched), f"{page.name}: {tag} {fetched}"
            assert not fetched.startswith("//"), f"{page.name}: {tag} {fetched}"
    for style in [*site.rglob("*.css"), *site.rglob("*.html")]:
        assert not LOADED.search(style.read_text(encoding="utf-8")), style.name


def test_every_page_is_built_and_every_local_link_leads_to_a_file(site: Path) -> None:
    built = {page.relative_to(site).with_suffix("") for page in site.rglob("*.html")}
    assert {page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md")} <= built
    for page in site.rglob("*.html"):
        for tag, attributes in tags(page):
            link = urlsplit(attributes.get("href", "") if tag in {"a", "link"} else attributes.get("src", ""))
            if link.path and not link.scheme and not link.netloc:
                assert (page.parent / unquote(link.path)).exists(), f"{page.name}: {link.path}"


def test_included_pages_are_on_the_site_in_full(site: Path) -> None:
    assert "dcim_ups_output_power_watts" in (site / "reference/metrics.html").read_text(encoding="utf-8")
    assert "schneider-iem3000" in (site / "reference/devices.html").read_text(encoding="utf-8")
    assert "DcimUpsOnBattery" in (site / "how-to/runbook.html").read_text(encoding="utf-8")
    assert "Where to change what" in (site / "explanation/architecture.html").read_text(encoding="utf-8")
    assert "systemctl" in (site / "how-to/install.html").read_text(encoding="utf-8")


def test_a_broken_link_fails_the_build_and_is_named_with_its_line(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_bytes((DOCS / "conf.py").read_bytes())
    links = ("other.md", "index.md#no-such-heading", "#no-such-heading")
    text = "\n\n".join(f"[leads nowhere]({link})" for link in links)
    (source / "index.md").write_text(f"# Index\n\n{text}\n", encoding="utf-8")
    built = build(source, tmp_path / "html")
    assert built.returncode != 0
    assert re.findall(r"index.md:(\d+): WARNING", built.stderr) == ["3", "5", "7"]


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """As scripts/docs does, but in the environment that the tests run in, whatever it was made from."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += ["-b", "html", str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def tags(page: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each tag of a page with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Reader().feed(page.read_text(encoding="utf-8"))
    yield from found
