"""A web server without a collector behind it, and clients that misbehave."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector.api import Api, Sources, Surroundings
from collector.config import HttpConfig
from collector.derive import Explanation, Inputs
from collector.latest import Latest
from collector.problems import load_table
from collector.web import PagePart, View, WebServer
from rackflow.process.bulkhead import Failures


def api_of(latest: Latest) -> Api:
    """The API over readings alone: no site file, no figures, no problems."""
    around = Surroundings([], None, 0, None)
    return Api(
        Sources(
            latest,
            site=lambda: None,
            figures=lambda _, __: (),
            problems=list,
            beginning=lambda _: (),
            are_problems_complete=lambda: True,
            around=lambda: around,
            table=load_table(),
            ended=lambda _, __: (),
            explain=lambda _, __, ___: nothing(),
            distrusted=lambda _: {},
        )
    )


def nothing() -> Generator[None, None, Explanation]:
    """What no figure rests on."""
    yield
    return Explanation("readings", Inputs())


@dataclass
class Content:
    """What the pages say, and how often each was rendered."""

    text: str = "dcim_up 1\n"
    failing: frozenset[str] = frozenset()
    ledger_page: bytes = b"{}"
    renders: list[str] = field(default_factory=list)
    api: Api = field(default_factory=lambda: api_of(Latest(1000)))

    async def page(self, name: str) -> str:
        """A page whose rendering raises if it is to fail."""
        self.renders.append(name)
        await asyncio.sleep(0)
        if name in self.failing:
            raise ZeroDivisionError(name)
        return self.text

    async def parts(self, name: str) -> list[PagePart]:
        """As `page`, in parts."""
        text = await self.page(name)
        middle = len(text) // 2
        return [("first", text[:middle]), ("second", text[middle:])]

    def view(self) -> View:
        """What the server shows."""
        return View(
            metrics=lambda: self.parts("metrics"),
            safety=lambda: self.parts("safety"),
            page=lambda shell: self.page(f"page {shell.outlets_of}" if shell.with_readings else "home"),
            knows=lambda name: name.startswith("cas1/"),
            faults=dict,
            ledger=lambda: self.ledger_page,
            api=self.api,
        )


@dataclass(frozen=True)
class Served:
    """A server that listens."""

    server: WebServer
    port: int
    failures: Failures


@asynccontextmanager
async def serving(content: Content | None = None, **http: object) -> AsyncIterator[Served]:
    """A web server on a free port of loopback; `http` is that section of the configuration."""
    failures = Failures()
    config = HttpConfig.model_validate({"share_s": 0, **http})
    server = WebServer((content or Content()).view(), "127.0.0.1", 0, config, failures)
    url = await server.start()
    try:
        yield Served(server, int(url.rpartition(":")[2]), failures)
    finally:
        await server.stop()


async def ask(
    port: int, path: str = "/metrics", headers: Mapping[str, str] | None = None, context: ssl.SSLContext | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """One request on a connection of its own: status, headers and body."""
    sent = {"Host": "127.0.0.1", "Connection": "close", **(headers or {})}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


def openssl(folder: Path, *arguments: str) -> None:
    """Run the openssl command."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def certificate(folder: Path, name: str, ca: str | None = None) -> None:
    """NAME.pem and NAME.key for 127.0.0.1, signed by a CA or by themselves."""
    common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
    signed = ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key"] if ca else []
    openssl(
        folder,
        "req",
        "-x509",
        *common,
        *alternative,
        *signed,
        "-days",
        "2",
        "-keyout",
        f"{name}.key",
        "-out",
        f"{name}.pem",
    )
