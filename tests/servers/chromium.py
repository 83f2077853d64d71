"""Debian's Chromium for tests and for the pictures of the documentation, driven over a pipe by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/. Two hundred lines in place of playwright or selenium with a driver: the pipe needs
no port, no second program and no package, and gives what neither has, the accessibility tree as Chromium hands it to a screen reader.
Blocking: a page that is served by this very thread would wait for itself.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers.process import find_program
from tests.servers.waiting import Patience

# End a test that fails; a machine that is busy may take ten times what a free one takes.
START_TIMEOUT_S = 60.0
WAIT_S = 60.0
# Without any of Chromium's own requests, so that each request seen is the page's. The sandbox needs rights that containers lack; the pages
# are our own.
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-proxy-server",
    "--force-color-profile=srgb",
)


class BrowserError(AssertionError):
    """The browser refused a command, or a script in the page failed."""


@dataclass
class Seen:
    """What a page did: requests by address, answers that were refused, and whatever a console would show as an error."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    encoded_bytes: int = 0


class Browser:
    """One browser process. Pages of it share nothing: each has a profile of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._rest = b""
        self._seen: dict[str, Seen] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._to = self._from = -1

    @contextmanager
    def running(self) -> Iterator["Browser"]:
        """Start, and end with all its children."""
        program = find_program("chromium", "chromium")
        there, self._to = os.pipe()
        self._from, back = os.pipe()
        arguments = [program, *_FLAGS, f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{there} 4>&{back}', "bash", *arguments],
            pass_fds=(there, back),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        try:
            self.command("Browser.getVersion", timeout_s=START_TIMEOUT_S)
            yield self
        finally:
            with contextlib.suppress(BrowserError, TimeoutError, OSError):
                self.command("Browser.close", timeout_s=5.0)
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            os.close(self._to)
            os.close(self._from)

    def command(
        self, method: str, session: str = "", parameters: Mapping[str, object] | None = None, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        number = self._number
        message: dict[str, object] = {"id": number, "method": method, "params": dict(parameters or {})}
        if session:
            message["sessionId"] = session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._to, data) :]
        deadline = time.monotonic() + timeout_s
        while number not in self._answers:
            self._read(deadline, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def listen(self, seconds: float) -> None:
        """Receive the pages' events for `seconds`."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while True:
                self._read(deadline, "")

    def _read(self, deadline: float, what: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._from], [], [], left)[0]:
            raise TimeoutError(f"the browser did not answer in time: {what}")
        chunk = os.read(self._from, 1 << 16)
        if not chunk:
            raise BrowserError("the browser has ended")
        *messages, self._rest = (self._rest + chunk).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            elif (seen := self._seen.get(message.get("sessionId", ""))) is not None:
                _note(seen, message["method"], message["params"])

    @contextmanager
    def page(
        self,
        url: str,
        size: tuple[int, int] = (1440, 900),
        *,
        language: str = "en-GB",
        is_dark: bool = False,
        javascript: bool = True,
        zone: str = "Africa/Casablanca",
    ) -> Iterator["Page"]:
        """Open an address in a profile of its own."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        target = self.command("Target.createTarget", "", {"url": "about:blank", "browserContextId": context})[
            "targetId"
        ]
        session = self.command("Target.attachToTarget", "", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, self._seen.setdefault(session, Seen()))
        try:
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.command(f"{domain}.enable")
            page.resize(*size)
            page.command("Emulation.setTimezoneOverride", timezoneId=zone)
            page.command(
                "Emulation.setUserAgentOverride", userAgent="Mozilla/5.0 (tests) Chrome", acceptLanguage=language
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
            page.command("Emulation.setEmulatedMedia", features=[scheme])
            page.command("Emulation.setScriptExecutionDisabled", value=not javascript)
            page.open(url)
            yield page
        finally:
            self._seen.pop(session, None)
            with contextlib.suppress(BrowserError):
                self.command("Target.disposeBrowserContext", "", {"browserContextId": context})


@dataclass
class Page:
    """One open page."""

    browser: Browser
    session: str
    seen: Seen

    def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """A command to this page."""
        return self.browser.command(method, self.session, parameters)

    def open(self, url: str) -> None:
        """Go to an address and wait until its document is there."""
        self.command("Page.navigate", url=url)
        self.wait("document.readyState !== 'loading'", "the document")

    def resize(self, width: int, height: int) -> None:
        """The size of the window, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - whatever the script returns, as JSON
        """The value of an expression in the page, awaited if it is a promise."""
        answer = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails'].get('exception', answer)}")
        return answer["result"].get("value")

    def wait(self, expression: str, what: str, timeout_s: float = WAIT_S) -> Any:  # noqa: ANN401 - as `ask`
        """Ask until the value is true; also over a page that is loaded meanwhile."""
        patience = Patience(timeout_s)
        answer: Any = None
        while True:
            with contextlib.suppress(BrowserError):
                answer = self.ask(expression)
                if answer:
                    return answer
            if patience.is_over:
                shown = self.ask("document.body.innerText")
                raise TimeoutError(
                    f"not within {timeout_s:g} s: {what}; last answer {answer!r}; the page says {shown!r}"
                )
            self.browser.listen(0.05)

    def text(self, selector: str = "body") -> str:
        """What the first such element shows."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, **_KEYS.get(key, {}))

    def click(self, selector: str) -> None:
        """Click on the middle of an element."""
        script = f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});
            const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"""
        x, y = self.ask(script)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, kind: str = "png", *, whole: bool = False) -> bytes:
        """The window, or the whole page, as `png`, `jpeg` or `webp`."""
        more = {} if kind == "png" else {"quality": 85}
        answer = self.command("Page.captureScreenshot", format=kind, captureBeyondViewport=whole, **more)
        return base64.b64decode(answer["data"])

    def pdf(self, **paper: float) -> bytes:
        """The page as it is printed without backgrounds, as browsers do unless told otherwise. `paper` in inches, Letter at first."""
        return base64.b64decode(self.command("Page.printToPDF", **paper)["data"])

    def accessible(self) -> list[Mapping[str, Any]]:
        """The nodes of the accessibility tree that a screen reader is told of: role, name, and properties."""
        nodes = self.command("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node.get("role", {}).get("value", ""),
                "name": node.get("name", {}).get("value", ""),
                **{each["name"]: each["value"].get("value") for each in node.get("properties", [])},
            }
            for node in nodes
            if not node.get("ignored")
        ]


_KEYS: dict[str, dict[str, object]] = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13, "text": "\r"},
    "ArrowRight": {"windowsVirtualKeyCode": 39},
    "ArrowDown": {"windowsVirtualKeyCode": 40},
}


def _note(seen: Seen, method: str, params: dict[str, Any]) -> None:
    if method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        if urlsplit(url).scheme != "data":
            seen.requests.append(url)
    elif method == "Network.dataReceived":
        seen.encoded_bytes += params["encodedDataLength"]
    elif method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        seen.errors.append(details.get("exception", {}).get("description") or details.get("text", ""))
    elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
        seen.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
    elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "assert"}:
        seen.errors.append(" ".join(str(each.get("value", each.get("description", ""))) for each in params["args"]))
