"""Documents as an agent would publish them, for the collector's tests."""

import time
from collections.abc import Mapping

from rackflow import Batch, DeviceDocument, Event, Status
from rackflow.documents import DeviceFault

LABELS = {"site": "cas1", "room": "dh1", "row": "b", "rack": "b07"}
FLOW = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"
SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"
PUMP = "dcim_cdu_pump_state{pump=1}"


def now_ms() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def batch(
    device: str = "cdu-07",
    *,
    seq: int = 1,
    time_ms: int | None = None,
    values: Mapping[str, float] | None = None,
    states: Mapping[str, str] | None = None,
    interval_s: float = 1.0,
    error: DeviceFault | None = None,
) -> Batch:
    """One poll of a CDU; failed when there is an `error`."""
    return Batch(
        agent="gw-3",
        epoch="01JD5Z",
        seq=seq,
        time=now_ms() if time_ms is None else time_ms,
        device=device,
        device_class="cdu",
        poll="safety",
        interval_s=interval_s,
        duration_s=0.031,
        up=error is None,
        error=error,
        labels=LABELS,
        values=dict({SUPPLY: 32.125} if values is None else values),
        states=dict(states or {}),
    )


def agent_batch(values: Mapping[str, float]) -> Batch:
    """An agent's report on itself."""
    return Batch(
        agent="gw-3",
        epoch="01JD5Z",
        seq=1,
        time=now_ms(),
        device="gw-3",
        device_class="agent",
        poll="normal",
        interval_s=10.0,
        duration_s=0.0,
        up=True,
        labels={"site": "cas1"},
        values=dict(values),
    )


def document(device: str = "cdu-07", **identity: str) -> DeviceDocument:
    """Identity of a CDU."""
    return DeviceDocument(
        agent="gw-3",
        device=device,
        device_class="cdu",
        time=now_ms(),
        vendor=identity.get("vendor", "Acme"),
        model=identity.get("model", "L2L 100"),
        serial="42",
        protocol="modbus",
        profile="aalc-rpu",
        evidence="recorded device",
        labels=LABELS,
    )


def status(*devices: str, online: bool = True, epoch: str = "01JD5Z") -> Status:
    """An agent's status."""
    return Status(
        agent="gw-3",
        site="cas1",
        status="online" if online else "offline",
        epoch=epoch,
        version="0.1.0",
        python="3.11",
        hostname="gw",
        devices=list(devices),
    )


def event(series: str, old: str, new: str) -> Event:
    """A state of the CDU that changed."""
    return Event(
        agent="gw-3",
        epoch="01JD5Z",
        seq=2,
        time=now_ms(),
        device="cdu-07",
        device_class="cdu",
        kind="state",
        labels=LABELS,
        series=series,
        old=old,
        new=new,
    )
