"""`doctor` and `check` tell what the site file says otherwise than the devices: a rating ten times off, a device that it does not have."""

from pathlib import Path

import pytest

from agent.cli import main
from agent.config_checks.ratings import contradiction, stated_rating
from agent.doctor import examine
from rackflow.process.doctor import Finding
from rackflow.recording.snmprec import read_snmprec
from rackflow.site import parse_site
from simulator.snmp import SnmpDevice
from tests.servers.ports import free_port

# A UPS of 18 kW by its own account, which carries 9.8 kW.
RECORDING = Path(__file__).resolve().parents[3] / "simulator" / "recordings" / "rfc1628-ups.snmprec"
SITE = """
site: s
electrical: {{continuous_load_factor: 1.0, volts: 230, frequency_hertz: 50}}
rooms: [{{id: r}}]
rows: [{{id: a, room: r}}]
racks: [{{id: a1, row: a, design_power_w: 10000}}]
feeds: [{{id: A}}]
ups: [{{id: ups-a, from: [A], rated_power_w: {rated}}}]
pdus: [{{id: pdu-1, rack: a1, from: ups-a, breaker_a: 32}}]
loops: [{{id: tcs, kind: secondary, coolant: pg25, volume_m3: 0.4, racks: [a1]}}]
cdus: [{{id: cdu-1, row: a, secondary: tcs, rated_cooling_w: 450}}]
"""
AGENT = """
agent: gw-1
labels: {{site: s}}
broker: {{port: {broker}}}
site_file: site.yaml
credentials: {{c: {{community: public}}}}
devices:
  - {{id: ups-a, host: 127.0.0.2, port: {port}, credential: c}}
"""


async def examined(folder: Path, rated: str) -> Finding:
    device = SnmpDevice(read_snmprec(RECORDING), host="127.0.0.2", port=free_port())
    port = await device.start()
    try:
        (folder / "site.yaml").write_text(SITE.format(rated=rated), encoding="utf-8")
        (folder / "agent.yaml").write_text(AGENT.format(broker=free_port(), port=port), encoding="utf-8")
        findings = await examine(folder / "agent.yaml", devices=True)
    finally:
        await device.stop()
    return next(each for each in findings if each.check == "device ups-a")


@pytest.mark.parametrize("rated", ["100", "18 MW"])
async def test_a_rating_ten_times_off_that_of_the_device_is_told_by_doctor(rated: str, tmp_path: Path) -> None:
    found = await examined(tmp_path, rated)
    assert found.status == "warning"
    assert "ups.rated_power_w is" in found.found
    assert found.found.endswith("in the site file, the device says 18,000 W")
    assert found.remedy.startswith("correct the site file")


async def test_a_rating_near_that_of_the_device_is_well(tmp_path: Path) -> None:
    assert (await examined(tmp_path, "15 kW")).status == "ok"


@pytest.mark.parametrize(
    ("device", "values", "says"),
    [
        (
            "ups-a",
            {f"dcim_ups_output_power_watts{{phase=L{each}}}": 600.0 for each in (1, 2)},
            "ups.rated_power_w is 100 W in the site file, and it carries 1,200 W",
        ),
        ("ups-a", {"dcim_ups_output_total_power_watts": 900.0}, ""),
        (
            "cdu-1",
            {"dcim_cdu_heat_removed_watts{loop=secondary}": 225_000.0},
            "cdus.rated_cooling_w is 450 W in the site file, and it carries 225,000 W",
        ),
        ("cdu-1", {"dcim_cdu_heat_removed_watts{loop=primary}": 225_000.0}, ""),
        (
            "pdu-1",
            {"dcim_pdu_phase_current_amperes{phase=L1}": 330.0},
            "pdus.breaker_a is 32 A in the site file, and it carries 330 A",
        ),
        ("pdu-1", {f"dcim_pdu_phase_current_amperes{{phase=L{each}}}": 110.0 for each in (1, 2, 3)}, ""),
        ("ups-a", {"dcim_ups_output_total_power_watts": 1000.0}, ""),
        ("ups-a", {"dcim_ups_rated_power_watts": 0.0}, ""),
        ("ups-a", {}, ""),
    ],
)
def test_a_load_of_more_than_ten_times_the_rating_is_told(device: str, values: dict[str, float], says: str) -> None:
    stated = stated_rating(parse_site(SITE.format(rated=100), "site.yaml"), device)
    assert stated is not None
    assert contradiction(*stated, values) == says


def test_a_device_that_the_site_file_does_not_have_is_told_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text(SITE.format(rated="18 kW"), encoding="utf-8")
    text = AGENT.format(broker=1883, port=161)
    (tmp_path / "agent.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path / "agent.yaml")]) == 0
    assert "not in the site file" not in "".join(capsys.readouterr())
    text += "  - {id: pdu-9, host: 127.0.0.9, credential: c}\n"
    (tmp_path / "agent.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path / "agent.yaml")]) == 0
    assert "1 device is not in the site file: pdu-9; it has no place" in "".join(capsys.readouterr())
