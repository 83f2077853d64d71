"""Which devices and series of a site have been seen so far, as planning needs them, and which changes call for a new plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.latest import DeviceState, Latest, has_other_series, is_other_unit

if TYPE_CHECKING:
    from collector.readings import Series
    from rackflow import DeviceDocument

# Series of one device that are remembered after they expired; twice as many as a large rack PDU has. A device whose labels change
# all the time would otherwise fill memory.
MAX_SILENT_SERIES = 1000


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What one step of an update found."""

    alters_plan: bool
    """A device came, went or moved, or has a new series that figures use."""
    forgotten: tuple[str, ...] = ()
    """Devices that are gone or were replaced by another unit. What figures learned of them, such as the resistance of a clean filter, says
    nothing about the new unit."""


class KnownDevices:
    """The devices of one site. Series are kept after they expire: a figure over one is unknown then, not absent."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.series: dict[str, dict[str, Series]] = {}
        """By device and series key."""
        self.labels: dict[str, dict[str, str]] = {}
        """By device, as its agent sends them."""
        self.classes: dict[str, str] = {}
        """By device."""
        self._documents: dict[str, DeviceDocument] = {}
        """The latest document of each device."""
        self._seen = -1
        """`Latest.changes` at the last update."""

    def of_class(self, device_class: str) -> list[str]:
        """The devices of this class, sorted."""
        return sorted(device for device, known in self.classes.items() if known == device_class)

    def update_steps(self, latest: Latest, metrics_used: set[str]) -> Iterator[DeviceChange]:
        """Take over which devices and series there are: first those that are gone, then one device in each step. Nothing if none changed.

        `metrics_used` are those of the present plan: a new series of any other metric does not alter it.
        """
        if latest.changes == self._seen:
            return
        # Noted first, so that changes during the update are seen the next time.
        self._seen = latest.changes
        present = {device.device: device for device in latest.devices_of(self._site)}
        gone = self.series.keys() - present.keys()
        for name in gone:
            del self.series[name], self.classes[name], self.labels[name]
            self._documents.pop(name, None)
        yield DeviceChange(bool(gone), tuple(gone))
        for device in present.values():
            yield self._update(device, metrics_used)

    def _update(self, device: DeviceState, metrics_used: set[str]) -> DeviceChange:
        name, document = device.device, device.stated
        before = self._documents.get(name)
        if document is not None:
            self._documents[name] = document
        alters = is_replaced = False
        if (
            document is not None
            and before is not None
            and document is not before
            and has_other_series(before, document)
        ):
            # The device was replaced or is read in another way: series that it has no more would be missing for ever.
            self.series.pop(name, None)
            alters, is_replaced = True, is_other_unit(before, document)
        known = self.series.setdefault(name, {})
        if len(known) > MAX_SILENT_SERIES + 2 * len(device.series):
            # Silent series cannot be remembered for ever.
            for key in known.keys() - device.series.keys():
                del known[key]
            alters = True
        for key in device.series.keys() - known.keys():
            series = known[key] = device.series[key].series
            alters = alters or series.metric.name in metrics_used
        if (self.classes.get(name), self.labels.get(name)) != (device.device_class, device.labels):
            self.classes[name], self.labels[name] = device.device_class, dict(device.labels)
            alters = True
        return DeviceChange(alters, (name,) if is_replaced else ())
