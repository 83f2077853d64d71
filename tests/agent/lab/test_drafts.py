"""Drafts: registers in all types and word orders, and points from a MIB that load as they stand."""

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from agent.cli import main
from agent.lab.draft import Column, columns_of, draft, guesses
from agent.lab.draft_mib import unit_and_scale
from agent.lab.draft_modbus import likely_order
from agent.lab.mib import read_mibs
from agent.profile import DEVICE_CLASSES, parse_profile
from rackflow.errors import ConfigError
from rackflow.process.yaml import load_yaml_text
from rackflow.recording import Record

MIB = Path(__file__).with_name("ACME-PDU-MIB.txt")
SHUFFLED = {"big": "ABCD", "little-swapped": "CDAB", "big-swapped": "BADC", "little": "DCBA"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    status = main([*map(str, arguments)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return printed.out


def registers(at: int, order: str, *numbers: float) -> dict[int, int]:
    found: dict[int, int] = {}
    for place, number in enumerate(numbers):
        packed = struct.pack(">f", number)
        shuffled = bytes(packed["ABCD".index(letter)] for letter in SHUFFLED[order])
        found |= dict(enumerate(struct.unpack(">HH", shuffled), at + 2 * place))
    return found


@pytest.mark.parametrize("name", ["10", "null", "0x10", "2026-11-26"])
def test_the_name_of_a_draft_is_a_text_whatever_the_recording_is_called(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"{name}.snmprec").write_text("1.3.6.1.4.1.99999.1.0|2|230\n")
    (tmp_path / f"{name}.mbrec").write_text("1|3|0|230\n")
    for ending in ("snmprec", "mbrec"):
        drafted = load_yaml_text(run(capsys, "profiles", "draft", tmp_path / f"{name}.{ending}"), "draft")
        assert drafted["profile"] == name


@pytest.mark.parametrize("order", SHUFFLED)
def test_the_word_order_is_the_one_in_which_most_numbers_are_plausible(order: str) -> None:
    found, votes = likely_order([registers(5000, order, 25.5, 30.25, 0.0, 150.0, 41.5, 8.25, 400.0)])
    assert found == order
    assert votes[found] == 6
    assert all(count < 6 for other, count in votes.items() if other != order)


def test_registers_are_shown_in_every_order_and_guesses_are_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = registers(5000, "little-swapped", 25.5, 150.0) | {270: 0, 271: 59, 300: 65531}
    words |= dict(enumerate(struct.unpack(">4H", b"ACME-150"), 400))
    path = tmp_path / "Coolant Unit.mbrec"
    path.write_text(
        "".join(f"1|3|{at}|{value}\n" for at, value in words.items()) + "1|2|7|1\n1|2|8|0\n", encoding="utf-8"
    )
    text = run(capsys, "profiles", "draft", path, "--class", "cdu")
    assert "profile: coolant-unit\nclass: cdu" in text
    assert "modbus: {table: holding, order: little-swapped, unit: 1}" in text
    (line,) = [line for line in text.splitlines() if line.split()[1:3] == ["5000", "0000"]]
    assert "25.5*" in line
    assert line.count("*") == 2, "as a float in this order, or as a whole number; the others make none of it"
    assert "#   - {metric: ?, register: 5000, type: float32, unit: ?} # might be a temperature in celsius" in text
    assert "#   - {metric: ?, register: 270, type: uint32, order: big, unit: ?}" in text
    assert "#   - {metric: ?, register: 300, type: int16, unit: ?}" in text
    assert "400  text 'ACME-150': {register: 400, words: 4}" in text
    assert "# discrete 7 to 8, 2 bits; set are 7" in text
    point = "\n  - {metric: dcim_cdu_power_watts, register: 5000, type: float32, unit: watt}"
    assert parse_profile(text.replace("points: []", f"points:{point}"), "draft.yaml").points


def test_a_mib_gives_points_with_units_and_codes_and_the_draft_loads(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "profiles", "draft", "--mib", MIB, "--class", "pdu")
    profile = parse_profile(text, "draft.yaml")
    points = {f"{table.name if table else ''}:{point.metric}": point for table, point in profile.all_points()}
    assert points[":dcim_pdu_input_power_watts"].oid == "1.3.6.1.4.1.99999.1.1.0"
    current = points["acme-phase:dcim_pdu_phase_current_amperes"]
    assert (current.unit, current.scale) == ("ampere", "0.1"), "tenths of Amps, from the description"
    voltage = points["acme-phase:dcim_pdu_phase_voltage_volts"]
    assert (voltage.unit, voltage.scale) == ("volt", "0.1"), "0.1 Volts, from UNITS"
    state = points["acme-phase:dcim_pdu_load_state"]
    assert state.states == {1: "normal", 2: "low", 3: "low_critical", 4: "near_overload", 5: "overload"}
    assert state.labels == {"scope": "phase"}
    assert points["acme-outlet:dcim_pdu_outlet_on"].numbers == {0: 0.0, 1: 1.0}
    assert points["acme-outlet:dcim_pdu_outlet_energy_joules_total"].unit == "kilowatt_hour"
    live = [line for line in text.splitlines() if line.lstrip().startswith("- {metric")]
    assert len(live) == 6
    assert all("# guess: acme" in line for line in live)
    assert "# - {metric: ?, oid: 1.3.6.1.4.1.99999.1.3.1.5} # acmePhaseBlink" in text


def test_a_guess_that_would_not_load_is_a_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "SENSOR-MIB.txt"
    path.write_text(
        "SENSOR-MIB DEFINITIONS ::= BEGIN\nacme OBJECT IDENTIFIER ::= { enterprises 99999 }\n"
        'sensorVoltage OBJECT-TYPE SYNTAX INTEGER UNITS "0.1 Volts" MAX-ACCESS read-only STATUS current\n'
        '  DESCRIPTION "Any voltage." ::= { acme 1 }\nEND\n',
        encoding="utf-8",
    )
    text = run(capsys, "profiles", "draft", "--mib", path, "--class", "env")
    assert "points: []\n  # - {metric: ?, oid: 1.3.6.1.4.1.99999.1.0, unit: volt, scale: 0.1} # sensorVoltage" in text
    assert "might be dcim_env_voltage_volts" in text, "which needs `expect`, so that it is not taken ten times too high"


def test_with_a_recording_only_what_the_device_has_is_drafted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pdu.snmprec"
    path.write_bytes(
        b"1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.7\n1.3.6.1.4.1.99999.1.1.0|66|1200\n1.3.6.1.4.1.99999.1.4.1.2.1.1|2|1\n"
    )
    text = run(capsys, "profiles", "draft", path, "--mib", MIB)
    assert "sysobjectid: [1.3.6.1.4.1.99999.7]" in text
    assert "# guess: acmePduTotalPower = 1200; Total power." in text
    assert "dcim_pdu_outlet_on" in text
    assert "acmePhase" not in text


@pytest.mark.parametrize("device_class", DEVICE_CLASSES)
def test_a_draft_is_of_the_class_that_was_given_whatever_it_is_made_of(
    device_class: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.snmprec").write_bytes(b"1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.7\n1.3.6.1.4.1.99999.1.1.0|66|1200\n")
    (tmp_path / "a.mbrec").write_text("1|3|0|230\n", encoding="utf-8")
    for made_of in (tmp_path / "a.snmprec",), (tmp_path / "a.mbrec",), ("--mib", MIB):
        text = run(capsys, "profiles", "draft", *made_of, "--class", device_class)
        assert f"\nclass: {device_class} #" in text


def vendor(module: str, number: int, codes: str) -> str:
    """A MIB with names that another one may have as well."""
    return (
        f"{module} DEFINITIONS ::= BEGIN\nOnOff ::= INTEGER {{ {codes} }}\n"
        f"system OBJECT IDENTIFIER ::= {{ enterprises {number} }}\n"
        "outletTable OBJECT-TYPE SYNTAX SEQUENCE OF OutletEntry ACCESS not-accessible STATUS mandatory ::= { system 4 }\n"
        "outletEntry OBJECT-TYPE SYNTAX OutletEntry ACCESS not-accessible STATUS mandatory"
        " INDEX { outletIndex } ::= { outletTable 1 }\n"
        "outletState OBJECT-TYPE SYNTAX OnOff ACCESS read-only STATUS mandatory ::= { outletEntry 2 }\nEND\n"
    )


@pytest.mark.parametrize("files", [1, 2])
def test_each_of_two_modules_has_its_own_names(files: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nodes, types and tables, whether they are in one file or in two."""
    texts = [vendor("A-MIB", 88888, "off(0), on(1)"), vendor("B-MIB", 99999, "on(1), off(2)")]
    given: list[str | Path] = []
    for number, text in enumerate(texts if files == 2 else ["".join(texts)]):
        path = tmp_path / f"{number}.mib"
        path.write_text(text, encoding="utf-8")
        given += ["--mib", path]
    profile = parse_profile(run(capsys, "profiles", "draft", *given), "draft.yaml")
    assert [(table.name, point.oid, point.numbers) for table in profile.tables for point in table.points] == [
        ("a-mib-outlet", "1.3.6.1.4.1.88888.4.1.2", {0: 0.0, 1: 1.0}),
        ("b-mib-outlet", "1.3.6.1.4.1.99999.4.1.2", {1: 1.0, 2: 0.0}),
    ]


def test_a_name_is_looked_for_in_the_module_from_which_it_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "all.mib"
    path.write_text(
        "ACME-SMI DEFINITIONS ::= BEGIN\nacme OBJECT IDENTIFIER ::= { enterprises 2 }\nEND\n"
        "OLD-SMI DEFINITIONS ::= BEGIN\nacme OBJECT IDENTIFIER ::= { enterprises 1 }\nEND\n"
        "A-MIB DEFINITIONS ::= BEGIN IMPORTS acme FROM ACME-SMI;\n"
        "inputVoltage OBJECT-TYPE SYNTAX INTEGER ACCESS read-only STATUS mandatory ::= { acme 1 }\nEND\n",
        encoding="utf-8",
    )
    assert [each.oid for each in read_mibs([path])] == ["1.3.6.1.4.1.2.1.0"]


def test_a_parent_that_is_defined_elsewhere_is_named_with_its_module(tmp_path: Path) -> None:
    path = tmp_path / "PART-MIB.txt"
    path.write_text(
        "PART-MIB DEFINITIONS ::= BEGIN IMPORTS acmeProducts FROM ACME-SMI;\n"
        "partLoad OBJECT-TYPE SYNTAX INTEGER ACCESS read-only STATUS mandatory ::= { acmeProducts 1 }\nEND\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"'acmeProducts' is defined in none of the files \(it comes from ACME-SMI\)"):
        read_mibs([path])


@pytest.mark.parametrize("text", ["", "no mib", "x OBJECT-TYPE ::= { x 1 }", "a OBJECT IDENTIFIER ::= {", '"' * 999])
def test_what_is_no_mib_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="--mib: no objects are defined there"):
        read_mibs([path])


MODULE = """A-MIB DEFINITIONS ::= BEGIN
acme OBJECT IDENTIFIER ::= {{ enterprises 99999 }}
{name} OBJECT-TYPE SYNTAX {syntax} {units} ACCESS read-only STATUS mandatory DESCRIPTION "{said}" ::= {{ {place} }}
END
"""


def module(
    folder: Path, said: str, *, units: str = "", syntax: str = "INTEGER", place: str = "acme 1", name: str = ""
) -> Path:
    """A MIB of one object."""
    name = name or ("batteryState" if syntax.startswith("BITS") else "inputVoltage")
    path = folder / "a.mib"
    path.write_text(MODULE.format(name=name, syntax=syntax, units=units, said=said, place=place))
    return path


@pytest.mark.parametrize(
    ("said", "units", "expected"),
    [
        ("Input voltage of phase, nominal 110 VAC", "", ("", "1")),
        ("Input voltage in V, 100 V to 240 V", "", ("volt", "1")),
        ("Output current of phase in A. The breaker trips at 100 A", "", ("ampere", "1")),
        ("Input voltage of 230.1 V", "", ("", "1")),
        ("Input voltage in 10 mV", "", ("millivolt", "10")),
        ("Input voltage in units of 10 mV", "", ("millivolt", "10")),
        ("Input voltage", 'UNITS "100 mV"', ("millivolt", "100")),
        ("Input voltage, 1/10 V", "", ("volt", "1/10")),
        ("Input voltage, 0.01 V", "", ("volt", "0.01")),
        ("Input voltage, .1 V", "", ("volt", "0.1")),
    ],
)
def test_a_rating_in_a_description_is_no_scale(
    said: str, units: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    [found] = read_mibs([module(tmp_path, said, units=units)])
    assert unit_and_scale(found) == expected


@pytest.mark.parametrize(
    ("codes", "numbers"),
    [
        ("inactive(0), active(1)", "{0: 0, 1: 1}"),
        ("notActive(1), active(2)", "{1: 0, 2: 1}"),
        ("normal(1), abnormal(2)", "{1: 0, 2: 1}"),
        ("ok(1), notOk(2)", "{1: 0, 2: 1}"),
        ("no-alarm(1), alarm(2)", "{1: 0, 2: 1}"),
        ("noalarm(1), inAlarm(2), unknown(3)", "{1: 0, 2: 1}"),
        ("notInAlarm(1), inAlarm(2)", "{1: 0, 2: 1}"),
        ("closed(1), unclosed(2)", "{1: 1, 2: 0}"),
        ("normalOff(1), nominalOn(2)", "{1: 0, 2: 1}"),
        # Which of these two is meant the names do not say, and codes that all mean the same say nothing.
        ("open(1), closed(2)", ""),
        ("off(1), switchedOff(2)", ""),
    ],
)
def test_a_word_that_negates_another_means_its_opposite(
    codes: str, numbers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`abnormal` ends as normal does: the contact would never have been active, and `noAlarm` always."""
    path = module(tmp_path, "An input", syntax=f"INTEGER {{ {codes} }}", name="contactActive")
    text = run(capsys, "profiles", "draft", "--mib", path, "--class", "env")
    live = [line for line in text.splitlines() if line.startswith("  - {metric: dcim_env_contact_active")]
    assert [f"numbers: {numbers}}}" in line for line in live] == [True] * bool(numbers)


def test_bits_are_no_codes_of_a_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = module(tmp_path, "State", syntax="BITS { normal(0), low(1) }")
    assert "batteryState" not in run(capsys, "profiles", "draft", "--mib", path, "--class", "ups")


def test_an_object_without_a_place_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.mib: 'inputVoltage' has no place"):
        read_mibs([module(tmp_path, "", place="")])


def columns_in(oids: Iterable[str], texts: Iterable[str] = ()) -> list[str]:
    """The columns that a draft takes these instances for, without the vendor's OID. `texts` are those of `oids` that hold no number."""
    root = "1.3.6.1.4.1.99999."
    records = [Record(root + oid, *(("4", b"text") if oid in texts else ("2", 230))) for oid in oids]
    return [column.oid.removeprefix(root) for column in columns_of(records)]


def test_the_column_of_a_table_is_found_whatever_its_index_has() -> None:
    """The part behind the entry, which is always 1: an index may be a number, several, or a text."""
    assert columns_in(["2.1.2.1", "2.1.2.2", "2.1.3.1", "2.1.3.2"]) == ["2.1.2", "2.1.3"]
    of_a_chain = [f"2.1.{column}.{unit}.{outlet}" for column in (1, 2) for unit in (1, 2) for outlet in (1, 2, 3)]
    assert columns_in(of_a_chain) == ["2.1.1", "2.1.2"]
    assert columns_in([f"2.1.{column}.3.65.66.67" for column in (1, 2, 3)]) == ["2.1.1", "2.1.2", "2.1.3"]
    # With holes, and a column of one cell.
    assert columns_in(["2.1.1.1.7", "2.1.2.1.7", "2.1.2.2.7", "2.1.9.2.7"]) == ["2.1.1", "2.1.2", "2.1.9"]


def test_tables_of_one_shape_beside_each_other_are_no_columns() -> None:
    """Input and output of a UPS, with a line each."""
    beside = [f"1.{table}.4.1.{column}.1" for table in (3, 4) for column in (2, 3)]
    assert columns_in(beside) == ["1.3.4.1.2", "1.3.4.1.3", "1.4.4.1.2", "1.4.4.1.3"]


def test_objects_that_stand_alone_are_no_rows() -> None:
    assert columns_in(["1.1.0", "1.2.0", "1.3.1.0"]) == ["1.1", "1.2", "1.3.1"]


def test_groups_without_a_row_in_common_are_no_table() -> None:
    assert columns_in(["1.5.7.3", "1.6.8.4"]) == ["1.5.7", "1.6.8"]


def test_of_a_column_all_cells_are_numbers_or_none_is() -> None:
    """Two groups that begin alike, each with a number and a text."""
    oids = ["2.1.1.5.1", "2.1.1.6.1", "2.1.2.5.1", "2.1.2.6.1"]
    assert columns_in(oids) == ["2.1.1", "2.1.2"]
    assert columns_in(oids, texts=["2.1.1.6.1", "2.1.2.6.1"]) == ["2.1.1.5", "2.1.1.6", "2.1.2.5", "2.1.2.6"]


def test_what_devices_send_for_no_reading_says_nothing_of_the_unit() -> None:
    column = Column("1.1", [Record(f"1.1.{row}", "2", value) for row, value in enumerate((2301, 65535, 2297, -1, 0))])
    assert guesses(column)[0] == "a voltage in 0.1 volt"


def test_a_guess_fits_all_numbers_of_a_column() -> None:
    column = Column("1.1", [Record(f"1.1.{row}", "2", value) for row, value in enumerate((2301, 120))])
    assert not [each for each in guesses(column) if "voltage" in each]


def test_a_description_of_several_lines_stays_behind_its_mark() -> None:
    """What a device says of itself would be keys of the profile."""
    records = [
        Record("1.3.6.1.2.1.1.1.0", "4", b"ACME\nprofile: other\r\n1.2"),
        Record("1.3.6.1.4.1.99999.1.0", "2", 230),
    ]
    text = draft(records, "mine", "pdu")
    assert "# sysDescr: ACME profile: other 1.2\n" in text
    assert load_yaml_text(text, "mine.yaml")["profile"] == "mine"
