"""Devices in a list: searched, filtered and in pages. Pure."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.api.documents import DeviceList, DeviceSummary
from collector.api.numbers import coarse_age
from collector.api.scene import Scene, is_awaited

StateWord = Literal["up", "down", "unknown"]
STATES: tuple[StateWord, ...] = ("up", "down", "unknown")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: `limit` items after the one named `cursor`."""

    limit: int
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices are asked for; an empty text asks for all."""

    text: str = ""
    """Part of id, class, vendor or model, in any case."""
    agent: str = ""
    rack: str = ""
    room: str = ""
    state: str = ""


def device_list(scene: Scene, wanted: Wanted, page: Page) -> Generator[None, None, DeviceList]:
    """One page of the devices of a site, those of the site file that were never heard of included. Yields after each device.

    Devices that were never heard of are left out if nobody waits for them; see `is_awaited`.
    """
    items: list[DeviceSummary] = []
    total, more = 0, False
    for name in sorted(scene.layout.places):
        yield
        summary = _matching(scene, name, wanted)
        if summary is None:
            continue
        total += 1
        if name <= page.cursor:
            continue
        if len(items) < page.limit:
            items.append(summary)
        else:
            more = True
    return DeviceList(items=items, next=items[-1].id if more and items else None, total=total)


def state_of(scene: Scene, name: str) -> StateWord:
    """How a device is, as far as anybody can tell."""
    device = scene.device(name)
    if device is None or scene.unobserved(name) is not None or device.up is None:
        return "unknown"
    return "up" if device.up else "down"


def _matching(scene: Scene, name: str, wanted: Wanted) -> DeviceSummary | None:
    """The summary of a device; None if it is not among the wanted ones."""
    return _summary(scene, name) if _is_wanted(scene, name, wanted) else None


def _is_wanted(scene: Scene, name: str, wanted: Wanted) -> bool:
    place, device = scene.layout.places[name], scene.device(name)
    if device is None and not is_awaited(scene.layout.file, name):
        return False
    if (wanted.rack and place.get("rack") != wanted.rack) or (wanted.room and place.get("room") != wanted.room):
        return False
    if wanted.agent and wanted.agent != (device.agent if device is not None else ""):
        return False
    if wanted.state and wanted.state != state_of(scene, name):
        return False
    return not wanted.text or _has(wanted.text, (name, *_kind(scene, name)))


def _kind(scene: Scene, name: str) -> tuple[str, str, str]:
    """Class, vendor and model of a device."""
    device = scene.device(name)
    if device is None:
        return "unknown", "", ""
    document = device.document
    vendor, model = (document.vendor, document.model) if document is not None else ("", "")
    return device.device_class, vendor, model


def _summary(scene: Scene, name: str) -> DeviceSummary:
    place, device = scene.layout.places[name], scene.device(name)
    device_class, vendor, model = _kind(scene, name)
    return DeviceSummary(
        id=name,
        device_class=device_class,
        room=place.get("room", ""),
        row=place.get("row", ""),
        rack=place.get("rack", ""),
        feed=place.get("feed", ""),
        agent=device.agent if device is not None else "",
        vendor=vendor,
        model=model,
        state=state_of(scene, name),
        unobserved=scene.unobserved(name),
        error=device.error if device is not None and device.up is False else None,
        age_seconds=coarse_age(scene.age_s(name)),
        problem=scene.device_marks.get(name),
    )


def _has(text: str, fields: Sequence[str]) -> bool:
    return any(text.casefold() in each.casefold() for each in fields)
