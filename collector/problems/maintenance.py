"""Maintenance windows: which problems nobody is notified of for a time, because somebody is working there. Read from an operator's file.

A problem in a window is evaluated, shown and stored like any other; only webhooks and receivers of Alertmanager are not notified of it.
If it lasts longer than its window, they are notified when the window ends, as if it had begun then.
"""

import asyncio
import difflib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from collector.problems.table import load_table
from rackflow import catalogue
from rackflow.catalogue import BASE_LABELS
from rackflow.errors import ConfigError
from rackflow.nearest import did_you_mean
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.config import Name, StrictModel, check_config
from rackflow.process.files import is_absent, unreadable
from rackflow.process.yaml import load_yaml_text, read_text_file
from rackflow.site import Site

log = logging.getLogger(__name__)
MAINTENANCE_PART = "maintenance"
"""Name of the bulkhead of the file and of the silences that are made of it."""
# How often the file is looked at. An operator who has just written a window looks for it on the page within seconds.
LOOK_S = 2.0
# A window that somebody forgot must not hide a fault for ever.
LONGEST = timedelta(days=31)
# Windows in the file. A chosen value: each problem is compared with all of them.
MAX_WINDOWS = 1_000
# Names that the site file does not have, in the log. A window for another site file has as many as it has devices.
MAX_LOGGED = 20
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


@cache
def _labels() -> frozenset[str]:
    """Every label that a problem can have and that means the same to the collector and to Alertmanager.

    `severity` does not: in the collector it is that of a device's alarm, in an alert that of the problem. A silence of it would hide
    every problem of that severity, of all sites.
    """
    metrics = {label for metric in catalogue().values() for label in metric.labels}
    named = {label for problem in load_table().problems.values() for label in problem.words.labels}
    return frozenset({*BASE_LABELS, *metrics, *named} - {"severity"})


def _known_label(name: str) -> str:
    """A mistyped label would match no problem: its window would be listed as in force and hide nothing."""
    if name not in _labels():
        close = difflib.get_close_matches(name, _labels(), n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "use site, room, row, rack, feed, device or agent"
        raise ValueError(f"no problem can be matched by a label {name[:64]!r}; {remedy}")
    return name


LabelName = Annotated[str, AfterValidator(_known_label)]


def _known(pattern: str) -> str:
    """A problem's name, or the beginning of some with `*` behind it."""
    names = load_table().problems
    prefix = pattern.removesuffix("*")
    if not any(name.startswith(prefix) if pattern.endswith("*") else name == pattern for name in names):
        close = difflib.get_close_matches(prefix, names, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"{pattern}: no such problem; {meant}docs/reference/problems.md lists them")
    return pattern


def _without_wildcards(match: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse `device: cdu-*`, which would match nothing: names of places, devices and agents have no `*`."""
    for label, value in match.items():
        if label in BASE_LABELS and any("*" in each for each in values_of(value)):
            raise ValueError(f"has a * in {label}, which only `problems` understands; list the names: {label}: [a, b]")
    return match


def _no_number(value: object) -> object:
    """Refuse 20261126 and the like: pydantic takes a number for seconds since 1970, and the window would be over."""
    if isinstance(value, int | float):
        # pydantic collects only ValueError.
        raise ValueError("is a number; write a time with its offset from UTC, like 2026-11-26T08:00:00+01:00")  # noqa: TRY004
    return value


class Window(StrictModel):
    """One piece of work: where, which problems, from when until when, and why."""

    id: Name
    """Name of the window, as a ticket's number."""
    begins: Annotated[AwareDatetime | None, BeforeValidator(_no_number), Field(alias="from")] = None
    """When it begins, with its offset from UTC; at once when left out."""
    until: Annotated[AwareDatetime, BeforeValidator(_no_number)]
    """When it ends, with its offset from UTC; at most 31 days from its beginning."""
    match: Annotated[
        Mapping[LabelName, Text | Annotated[list[Text], Field(min_length=1)]], AfterValidator(_without_wildcards)
    ] = {}
    """Labels that a problem must have, each with one value or several: `{feed: A}`, `{device: [ups-1, ups-2]}`."""
    problems: list[Annotated[str, AfterValidator(_known)]] = []
    """Names of problems, or beginnings of names as `DcimUps*`; all when left out."""
    why: Text
    """What is being done; shown with each problem."""
    by: Annotated[str, StringConstraints(max_length=100)] = ""
    """Who does it."""

    @model_validator(mode="after")
    def _bounded(self) -> "Window":
        begins = self.begins or datetime.now(UTC)
        if self.begins is not None and self.until <= self.begins:
            raise ValueError("ends before it begins; correct `from` or `until`")
        if self.until - begins > LONGEST:
            raise ValueError(f"is longer than {LONGEST.days} days; write a window for each piece of work")
        if (not self.problems or self._names_all()) and set(self.match) <= {"site"}:
            raise ValueError("hides everything; write `match` with a narrower label than `site`, or `problems`")
        return self

    def _names_all(self) -> bool:
        return all(any(_names(pattern, name) for pattern in self.problems) for name in load_table().problems)

    def covers(self, problem: str, labels: Mapping[str, str], wall_s: float) -> bool:
        """Whether the problem is in the window now."""
        if wall_s >= self.until.timestamp() or (self.begins is not None and wall_s < self.begins.timestamp()):
            return False
        if self.problems and not any(_names(pattern, problem) for pattern in self.problems):
            return False
        return all(labels.get(name, "") in values_of(value) for name, value in self.match.items())

    def matchers(self) -> list[dict[str, str | bool]]:
        """The same as matchers of a silence (API v2 of Alertmanager)."""
        pairs = {name: values_of(value) for name, value in self.match.items()}
        found: list[dict[str, str | bool]] = [
            _matcher(name, "|".join(map(re.escape, values))) for name, values in sorted(pairs.items())
        ]
        if self.problems:
            names = (re.escape(each.removesuffix("*")) + (".*" if each.endswith("*") else "") for each in self.problems)
            found.append(_matcher("alertname", "|".join(names)))
        return found


class _File(StrictModel):
    """The file of maintenance windows."""

    version: Literal[1]
    windows: Annotated[list[Window], Field(max_length=MAX_WINDOWS)] = []

    @model_validator(mode="after")
    def _unique(self) -> "_File":
        ids = [window.id for window in self.windows]
        if twice := {each for each in ids if ids.count(each) > 1}:
            raise ValueError(f"two windows have the id {min(twice)!r}; rename one")
        return self


def values_of(value: str | Sequence[str]) -> Sequence[str]:
    """The values that a label may have."""
    return [value] if isinstance(value, str) else value


def _names(pattern: str, problem: str) -> bool:
    return problem.startswith(pattern[:-1]) if pattern.endswith("*") else problem == pattern


def _matcher(name: str, pattern: str) -> dict[str, str | bool]:
    return {"name": name, "value": pattern, "isRegex": True, "isEqual": True}


def parse_windows(text: str, where: str) -> list[Window]:
    """The windows of a file. Raises ConfigError, which names key and remedy."""
    return check_config(load_yaml_text(text, where), _File, where, text).windows


def load_windows(path: Path) -> list[Window]:
    """Read the file; without one there is no window. Raises ConfigError."""
    try:
        path.stat()
    except FileNotFoundError:
        return []
    except OSError as error:  # a link to itself, or a folder that the collector may not enter
        raise ConfigError(unreadable(path, error)) from error
    return parse_windows(read_text_file(path), str(path))


def strange_names(windows: Iterable[Window], site: Site | None) -> Iterator[str]:
    """A line for each place or device of a window that the site file does not have: mostly a slip, with which people are woken.

    It is no error, because devices and problems need no site file. Windows of other sites are left out.
    """
    if site is None:
        return
    known: dict[str, set[str]] = {
        "device": {*site.devices, *site.agents.values()},
        "feed": set(site.feeds),
        "rack": set(site.racks),
        "row": set(site.rows),
        "room": set(site.rooms),
    }
    for window in windows:
        if site.id not in values_of(window.match.get("site", site.id)):
            continue
        for label, names in known.items():
            for value in values_of(window.match.get(label, ())):
                if value not in names:
                    meant = did_you_mean(value, sorted(names)) or "; correct it, unless it is meant"
                    yield f"window {window.id!r}: {label} {value!r} is not in the site file{meant}"


def maintenance_notes(path: Path | None, site: Site | None, *, with_past: bool = False) -> list[str]:
    """What `check` and `doctor` say of the file beside mistakes: what is probably a slip. Raises ConfigError.

    `with_past`: also which windows are over, for who has just written one.
    """
    if path is None:
        return []
    if is_absent(path):
        # It may be written later, so this is no mistake; but a slip in its path would be found only when somebody is woken.
        return [f"{path} is not there, so there is no maintenance window"]
    windows, now = load_windows(path), datetime.now(UTC)
    past = [each for each in windows if with_past and each.until <= now]
    over = [f"window {each.id!r} ended at {each.until.isoformat()}; nothing is in it any more" for each in past]
    return [f"{path}: {line}" for line in (*strange_names(windows, site), *over)]


class Maintenance:
    """The windows as last read. An error in the file leaves them unchanged; it is logged and counted as a failing part, with an alert."""

    def __init__(self, path: Path | None, failures: Failures) -> None:
        self.windows: Sequence[Window] = ()
        self.site: Site | None = None
        """The site file whose names the windows should have, if there is one."""
        self._path = path
        self._failures = failures
        self._signature: tuple[int, int] | None = None
        self._fault: ConfigError | None = None
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever the file has been read again."""
        self._listeners.append(listener)

    def window_of(self, problem: str, labels: Iterable[tuple[str, str]], wall_s: float) -> Window | None:
        """The window that the problem is in now, if any: of several, the one that ends last."""
        if not self.windows:
            return None
        own = dict(labels)
        found = (window for window in self.windows if window.covers(problem, own, wall_s))
        return max(found, key=lambda window: window.until, default=None)

    async def run(self) -> None:
        """Read the file whenever it changes, until cancelled."""
        while self._path is not None:
            self._failures.progress(MAINTENANCE_PART, 3 * LOOK_S)
            await self._look(self._path)
            await asyncio.sleep(LOOK_S)
        await asyncio.Event().wait()  # without a file there is nothing to do

    async def _look(self, path: Path) -> None:
        try:
            signature = await in_own_thread(partial(_signature, path), "maintenance")
            if signature != self._signature:
                windows, strange = await in_own_thread(partial(_read, path, self.site), "maintenance")
                self._signature, self._fault = signature, None
                self.windows = windows
                log.info("maintenance windows read path=%s windows=%d", path, len(windows))
                for line in strange:
                    log.warning("maintenance path=%s %s", path, line)
                for listener in self._listeners:
                    listener()
        except (OSError, ConfigError) as error:
            fault = error if isinstance(error, ConfigError) else ConfigError(unreadable(path, error))
            if str(fault) != str(self._fault):
                log.error("maintenance windows not read, the former ones stay in force: %s", fault)  # noqa: TRY400 - one line
            self._fault = fault
        if self._fault is not None:
            self._failures.count(MAINTENANCE_PART, self._fault)


def _read(path: Path, site: Site | None) -> tuple[list[Window], list[str]]:
    """The windows, and what is strange of them. In a thread: a name that is like none of thousands takes a tenth of a second."""
    windows = load_windows(path)
    strange = list(islice(strange_names(windows, site), MAX_LOGGED + 1))
    if len(strange) > MAX_LOGGED:
        strange[-1] = "there are more such names; `rackflow-collector check` lists them"
    return windows, strange


def _signature(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
