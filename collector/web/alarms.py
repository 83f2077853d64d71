"""Finds active alarms of a device in its latest readings and words them for the status page.

Only states that need someone to act are listed. A new state or flag in the catalogue does not appear here by itself.
"""

from collector.latest import DeviceState, LatestValue

# Per metric, the states that are alarms. "unknown" is never one: a device that stopped answering is shown as down, or as not observed.
_STATES = {
    "dcim_ups_output_source": {"battery": "on battery", "bypass": "on bypass", "none": "no output"},
    "dcim_ups_battery_state": {"low": "battery low", "depleted": "battery depleted", "fault": "battery fault"},
    "dcim_pdu_load_state": {"near_overload": "near overload", "overload": "overload"},
    "dcim_circuit_breaker_state": {"tripped": "breaker tripped"},
    "dcim_cdu_pump_state": {"failed": "pump failed"},
    "dcim_cdu_reservoir_level_state": {"low": "reservoir low", "critical": "reservoir critical"},
    "dcim_device_state": {"failed": "device failed", "degraded": "device degraded"},
}
# Metrics that are 1 while something is wrong.
_FLAGS = {
    "dcim_leak_detected": "leak",
    "dcim_cdu_leak_detected": "leak",
    "dcim_rack_leak_detected": "leak",
    "dcim_leak_sensor_fault": "leak sensor fault",
    "dcim_cdu_leak_sensor_fault": "leak sensor fault",
    "dcim_rack_leak_sensor_fault": "leak sensor fault",
    "dcim_ups_battery_replace_required": "replace battery",
    "dcim_pdu_breaker_tripped": "breaker tripped",
    "dcim_device_alarm_active": "alarm",
}


def alarms_of(device: DeviceState, now: float) -> list[str]:
    """Active alarms, sorted, each with the labels that locate it. Readings that have expired by `now` do not count.

    The set removes duplicates: several leak flags of one place are one alarm.
    """
    found = {word for latest in device.series.values() if now < latest.expires_at and (word := _alarm(latest))}
    return sorted(found)


def _alarm(latest: LatestValue) -> str | None:
    name, value = latest.series.metric.name, latest.value
    if isinstance(value, str):
        word = _STATES.get(name, {}).get(value)
    elif value >= 1:
        word = _FLAGS.get(name)
    else:
        return None
    if word is None:
        return None
    where = " ".join(value for _, value in latest.series.labels)
    return f"{word} ({where})" if where else word
