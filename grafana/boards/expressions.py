"""Expressions, limits and links that several boards use."""

from typing import Final

from grafana.boards.catalogued import Limits
from grafana.boards.panels import SITE, Scope, board_link, cell, label

LEAKS: Final = '{__name__=~"dcim_(cdu_|rack_)?leak_detected", site=~"$site"}'
ESTIMATE: Final = (
    "Facility over IT power of the last hour, or of the minutes since data came."
    " An estimate, because it counts power and not energy."
)
INLET: Final = 'position="inlet"'

# Ten minutes are what an orderly shutdown of a hall takes, and five are half of it.
AUTONOMY: Final = Limits(600, 300, falling=True)

# From a series, from a row of a table, and from a tile.
TO_RACK: Final = board_link("dcim-pdu", site=label("site"), rack=label("rack"))
TO_PDU: Final = board_link("dcim-pdu", site=label("site"), device=label("device"))
TO_UPS: Final = board_link("dcim-ups", site=label("site"), device=label("device"))
TO_CDU: Final = board_link("dcim-liquid", site=label("site"), device=label("device"))
ROW_TO_RACK: Final = board_link("dcim-pdu", site=cell("site"), rack=cell("rack"))
ROW_TO_PDU: Final = board_link("dcim-pdu", site=cell("site"), device=cell("device"))
ROW_TO_UPS: Final = board_link("dcim-ups", site=cell("site"), device=cell("device"))
ROW_TO_CDU: Final = board_link("dcim-liquid", site=cell("site"), device=cell("device"))
TILE_TO_RACK: Final = board_link("dcim-pdu", rack=cell("rack"))
# To the word on the page, not to an anchor: those are in small letters, and Grafana cannot write a field in such.
TO_RUNBOOK: Final = "${runbooks}deploy/RUNBOOK.md#:~:text=${__data.fields.alertname}"


def ups_power(scope: Scope, side: str, by: str) -> str:
    """Power at the `input` or `output` of UPSs, W: the sum of the phases, or the total where a UPS reports no phases."""
    return f"sum by ({by}) ({_power_of_each(scope, side)})"


def ups_load(scope: Scope, by: str) -> str:
    """Output power over rated power of UPSs together. Only those count that report both: most families have no rating."""
    power = _power_of_each(scope, "output")
    rated = f"max by (site, room, feed, device) ({scope('dcim_ups_rated_power_watts')})"
    both = (f"({power}) and {rated}", f"{rated} and ({power})")
    return " / ".join(f"sum by ({by}) ({each})" for each in both)


def _power_of_each(scope: Scope, side: str) -> str:
    phases = scope(f"dcim_ups_{side}_power_watts")
    total = scope(f"dcim_ups_{side}_total_power_watts")
    return f"sum by (site, room, feed, device) ({phases}) or max by (site, room, feed, device) ({total})"


METER: Final = "site, device, role"


def metered(role: str) -> str:
    """Power by the meters of a role, W: the total of each, or the sum of its phases where it reports no total."""
    where = f'role="{role}"'
    total, phases = SITE("dcim_meter_power_watts", where), SITE("dcim_meter_phase_power_watts", where)
    return f"sum by (site) (max by ({METER}) ({total}) or sum by ({METER}) ({phases}))"


def facility_power() -> str:
    """Power that a site uses, W, as on the page; see `_or_before`."""
    return _or_before("facility", f"max by (site) ({SITE('dcim_site_facility_watts')})", metered("facility"))


def mains_power() -> str:
    """Power that a site takes from the mains, less what it exports, W; see `_or_before`."""
    return _or_before("mains", f"max by (site) ({SITE('dcim_site_mains_watts')})", metered("facility"))


def it_power() -> str:
    """Power of the IT equipment, W, as on the page: by its meters, or by the racks' PDUs where there is no meter."""
    before = f"{metered('it')} or sum by (site) ({SITE('dcim_rack_power_watts')})"
    return _or_before("it", f"max by (site) ({SITE('dcim_site_it_watts')})", before)


def _or_before(what: str, now: str, before: str) -> str:
    """A figure, or what was computed in its place while collectors did not derive it, or where there is no site file.

    While the figure is unknown there is no value: a sum of the meters that are left would look like less load, and one of all meters counts
    twice what is below another.
    """
    derived = SITE("dcim_figure_known", f'figure="site_{what}_watts"')
    return f"{now} or (({before}) unless on (site) {derived})"


def _mean_of_hour(metric: str, *where: str) -> str:
    mean = SITE.select(metric, *where, at="[1h]")
    return f"max without (instance, job) (avg_over_time({mean}))"


def _metered_in_hour(role: str) -> str:
    total, phases = (
        _mean_of_hour(metric, f'role="{role}"') for metric in ("dcim_meter_power_watts", "dcim_meter_phase_power_watts")
    )
    return f"sum by (site) (max by ({METER}) ({total}) or sum by ({METER}) ({phases}))"


def pue_estimate() -> str:
    """Facility over IT power of the last hour, from its first minutes on."""
    facility, it = (f"max by (site) ({_mean_of_hour(f'dcim_site_{what}_watts')})" for what in ("facility", "it"))
    racks = f"sum by (site) ({_mean_of_hour('dcim_rack_power_watts')})"
    before = f"{_metered_in_hour('facility')} / (({_metered_in_hour('it')} or {racks}) > 0)"
    return _or_before("facility", f"{facility} / ({it} > 0)", before)
