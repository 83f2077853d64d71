"""An incident and near misses for the problems of generators, shelves, incomers, plant, air groups and ropes. As `examples.py`."""

from tests.collector.problems.things import Example, Then, device, figure

GROUP = "{group=g}"
OVERDUE = "generator_takeover_overdue_seconds{feed=A,group=g}"

PLANT_INCIDENTS: dict[str, Example] = {
    # The UPSs' prolonged battery is folded into it.
    "DcimGeneratorDidNotStart": Example([figure(OVERDUE, 21.0)], ("DcimGeneratorDidNotStart",)),
    "DcimGeneratorOverload": Example(
        [figure(f"generator_running_load_ratio{GROUP}", 1.01)], ("DcimGeneratorOverload", "DcimGeneratorOnLoad")
    ),
    "DcimGeneratorOnLoad": Example([figure(f"generator_running_load_ratio{GROUP}", 0.4)], ("DcimGeneratorOnLoad",)),
    "DcimGeneratorUnitMissing": Example(
        [figure(f"generator_units_missing{GROUP}", 1.0)], ("DcimGeneratorUnitMissing",)
    ),
    "DcimGeneratorCapacityShort": Example(
        [figure(f"generator_load_ratio{GROUP}", 1.01)], ("DcimGeneratorCapacityShort",)
    ),
    "DcimGeneratorRedundancyLost": Example(
        [figure(f"generator_redundancy_margin_watts{GROUP}", Then(0.0, -1.0))], ("DcimGeneratorRedundancyLost",)
    ),
    "DcimShelfOverload": Example([figure("rack_shelf_load_ratio{rack=k1}", 1.01)], ("DcimShelfOverload",)),
    "DcimShelfRedundancyLost": Example(
        [figure("rack_shelf_redundancy_margin_watts{rack=k1}", Then(0.0, -1.0))], ("DcimShelfRedundancyLost",)
    ),
    "DcimIncomerLost": Example([figure("incomer_live{device=main-1}", Then(1.0, 0.0))], ("DcimIncomerLost",)),
    "DcimPvExported": Example([figure("site_pv_self_consumption_ratio{window=day}", 0.79)], ("DcimPvExported",)),
    "DcimPlantUnitFault": Example([figure("plant_unit_fault{unit=chiller-1}", 1.0)], ("DcimPlantUnitFault",)),
    "DcimHeatRejectionShort": Example(
        [figure("loop_heat_rejection_load_ratio{loop=l}", 1.01)], ("DcimHeatRejectionShort",)
    ),
    "DcimHeatRejectionRedundancyLost": Example(
        [figure("loop_heat_rejection_margin_watts{loop=l}", Then(0.0, -1.0))], ("DcimHeatRejectionRedundancyLost",)
    ),
    "DcimFacilityPumpsShort": Example(
        [figure("loop_facility_pumps_spare{loop=l}", Then(1.0, -1.0))],
        ("DcimFacilityPumpsShort", "DcimFacilityPumpRedundancyLost"),
    ),
    "DcimFacilityPumpRedundancyLost": Example(
        [figure("loop_facility_pumps_spare{loop=l}", Then(1.0, 0.0))], ("DcimFacilityPumpRedundancyLost",)
    ),
    "DcimAirGroupShort": Example(
        [figure(f"air_group_units_spare{GROUP}", Then(1.0, -1.0))], ("DcimAirGroupShort", "DcimAirGroupRedundancyLost")
    ),
    "DcimAirGroupRedundancyLost": Example(
        [figure(f"air_group_units_spare{GROUP}", Then(1.0, 0.0))], ("DcimAirGroupRedundancyLost",)
    ),
    "DcimAirGroupCapacityShort": Example(
        [figure(f"air_group_redundancy_margin_watts{GROUP}", Then(0.0, -1.0))], ("DcimAirGroupCapacityShort",)
    ),
    "DcimLeakBeyondRope": Example(
        [figure("leak_rope_position_ratio{device=box,sensor=1}", 1.06)], ("DcimLeakBeyondRope",)
    ),
}

PLANT_NEAR_MISSES: dict[str, Example] = {
    "an outage in which the generators take over as they should": Example(
        [
            figure(OVERDUE, 20.0),
            figure(f"generator_running_load_ratio{GROUP}", 0.02),
            figure(f"generator_units_missing{GROUP}", 0.0),
        ]
    ),
    "a plant that is loaded to its ratings": Example(
        [
            figure(f"generator_load_ratio{GROUP}", 1.0),
            figure("rack_shelf_load_ratio{rack=k1}", 1.0),
            figure("loop_heat_rejection_load_ratio{loop=l}", 1.0),
            figure("site_pv_self_consumption_ratio{window=day}", 0.8),
            figure("leak_rope_position_ratio{device=box,sensor=1}", 1.05),
        ]
    ),
    "PV that was exported in one hour of the day": Example(
        [figure("site_pv_self_consumption_ratio{window=hour}", 0.1)]
    ),
    "plant that never had a margin or a spare unit has none to lose": Example(
        [
            figure(f"generator_redundancy_margin_watts{GROUP}", -1.0),
            figure("rack_shelf_redundancy_margin_watts{rack=k1}", -1.0),
            figure("loop_heat_rejection_margin_watts{loop=l}", -1.0),
            figure("loop_facility_pumps_spare{loop=l}", 0.0),
            figure(f"air_group_units_spare{GROUP}", 0.0),
            figure(f"air_group_redundancy_margin_watts{GROUP}", -1.0),
            figure("incomer_live{device=main-2}", 0.0),
            figure("plant_unit_fault{unit=chiller-1}", 0.0),
        ]
    ),
    "UPSs on mains below generators that stand still": Example(
        [device(ups_output_source="normal"), figure(OVERDUE, 0.0), figure(f"generator_running_load_ratio{GROUP}", 0.0)]
    ),
}
