"""Names, values and units of figures as the report's page shows them. The CSV file has the unrounded values."""

from typing import Final

from collector.report.rows import Row

NAMES: Final = {
    "energy_facility": "Energy of the facility",
    "energy_it": "Energy of IT",
    "energy_cooling": "Energy of cooling",
    "energy_other": "Other energy",
    "energy_pv": "Energy of PV on site",
    "energy_exported": "Energy given to the grid",
    "energy_generators": "Energy of generators",
    "pv_self_consumption": "PV energy used on site",
    "pue": "PUE",
    "carbon_location": "Emissions, location-based",
    "carbon_market": "Emissions, market-based",
    "carbon_intensity": "Carbon intensity of the grid",
    "carbon_free_energy": "Carbon-free energy score",
    "carbon_estimated_hours": "Hours with an estimated carbon factor",
    "cue": "CUE",
    "energy_contracted": "Contracted renewable energy",
    "ref": "REF",
    "water": "Water",
    "wue": "WUE",
    "heat_reused": "Heat reused",
    "erf": "ERF",
    "telemetry_available": "Polls answered, of those expected",
    "pue_category": "Where IT is metered",
    "polls_expected": "Polls expected",
    "polls_answered": "Polls answered",
    "polls_unanswered": "Polls that the device did not answer",
    "polls_not_received": "Polls not received",
}
# People compare PUE to two decimals, so it is shown with three; 99.999 % of polls must not read as 100 %.
_DECIMALS = {"pue": 3, "cue": 4, "wue": 3, "telemetry_available": 3}
# From this number on no decimals are shown.
_WHOLE = 1000


def display_value(row: Row | None, *, unit: bool = True) -> str:
    """The value for display, `unknown`, or `-` if there is no such row."""
    if row is None:
        return "-"
    if row.value is None:
        return "unknown"
    if row.unit == "category":
        return f"category {row.value:.0f}"
    if row.unit == "ratio" and row.figure != "pue":
        return f"{_floor(row)} %" if unit else _floor(row)
    decimals = _DECIMALS.get(row.figure, 0 if abs(row.value) >= _WHOLE or row.unit in {"polls", "messages"} else 1)
    return f"{row.value:,.{decimals}f}" + (f" {row.unit}" if unit and row.unit != "ratio" else "")


def _floor(row: Row) -> str:
    """Percent. A share below 1 is never rounded up to 100, which would hide the one poll that is missing."""
    decimals = _DECIMALS.get(row.figure, 1)
    percent = 100 * (row.value or 0.0)
    text = f"{percent:.{decimals}f}"
    if percent < 100 and float(text) == 100:  # noqa: PLR2004 - percent
        return f"{100 - 10**-decimals:.{decimals}f}"
    return text


def coverage(row: Row | None) -> str:
    """Share of the period's hours that a row is based on, in percent."""
    return "-" if row is None or row.coverage is None else f"{row.coverage:.1%}".replace(".0%", "%")
