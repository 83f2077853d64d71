"""Transfer switches in the layout of PowerNet-MIB's automaticXferSwitch subtree."""

from collections.abc import Iterator
from typing import Final, Literal

from rackflow.series import series_key
from simulator.wire.cells import Cell, Layout, constant_records, serial_number, system_group
from simulator.world.instruments import LINES, key

_ATS: Final = "1.3.6.1.4.1.318.1.1.8"
_SOURCES: Final = {"a": 1, "b": 2}


def apc_ats(name: str, phases: int, preferred: Literal["a", "b"]) -> Layout:
    """A rack transfer switch of APC's AP4400 series: whole volts and hertz, tenths of amperes."""
    constants: dict[str, int | str] = {
        f"{_ATS}.1.2.0": "4.1.9",
        f"{_ATS}.1.5.0": "AP4423-SIM",
        f"{_ATS}.1.6.0": serial_number(name),
        f"{_ATS}.4.2.0": _SOURCES[preferred],
        f"{_ATS}.5.1.1.0": 2,  # commsEstablished: the card reaches its switch
        f"{_ATS}.5.1.10.0": 2,  # switch ok
        f"{_ATS}.5.1.14.0": 1,  # sources in phase
    }
    descr = "APC Web/SNMP Management Card (simulated)"
    return Layout(
        tuple(_cells(phases)), (*system_group(descr, "1.3.6.1.4.1.318.1.3.32", name), *constant_records(constants))
    )


def _cells(phases: int) -> Iterator[Cell]:
    yield Cell(f"{_ATS}.5.1.2.0", key("ats_selected_source"), codes=_SOURCES)
    # Two-valued objects of this MIB count from 1: false or "fail" is 1, true or "ok" is 2. Overload is the other way round.
    yield Cell(f"{_ATS}.5.1.3.0", key("ats_redundant"), offset=1)
    yield Cell(f"{_ATS}.5.1.4.0", key("ats_overload"), -1, offset=2)
    yield Cell(f"{_ATS}.5.4.2.1.4.1", key("ats_output_frequency_hertz"))
    for source, row in _SOURCES.items():
        yield Cell(f"{_ATS}.5.1.{11 + row}.0", key("ats_source_usable", "source", source), offset=1)
        yield Cell(f"{_ATS}.5.3.2.1.4.{row}", key("ats_source_frequency_hertz", "source", source))
        for phase, line in enumerate(LINES[:phases], 1):
            volts = series_key("dcim_ats_source_voltage_volts", {"source": source, "phase": line})
            yield Cell(f"{_ATS}.5.3.3.1.3.{row}.1.{phase}", volts)
    for phase, line in enumerate(LINES[:phases], 1):
        for column, metric, step in (
            (3, "ats_output_voltage_volts", 1.0),
            (4, "ats_output_current_amperes", 0.1),
            (7, "ats_output_apparent_power_voltamperes", 1.0),
            (10, "ats_output_load_ratio", 0.01),
        ):
            yield Cell(f"{_ATS}.5.4.3.1.{column}.1.1.{phase}", key(metric, "phase", line), step)
