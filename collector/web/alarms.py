"""What an operator must see first, in words, from the latest readings of a device."""

from collector.latest import DeviceState, LatestValue

_STATES = {
    "dcim_ups_output_source": {"battery": "on battery", "bypass": "on bypass", "none": "no output"},
    "dcim_ups_battery_state": {"low": "battery low", "depleted": "battery depleted", "fault": "battery fault"},
    "dcim_pdu_load_state": {"near_overload": "near overload", "overload": "overload"},
    "dcim_circuit_breaker_state": {"tripped": "breaker tripped"},
    "dcim_cdu_pump_state": {"failed": "pump failed"},
    "dcim_cdu_reservoir_level_state": {"low": "reservoir low", "critical": "reservoir critical"},
    "dcim_device_state": {"failed": "device failed", "degraded": "device degraded"},
}
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
    """Active alarms by the readings that still hold at `now`, with the labels that say where."""
    found = {word for held in device.series.values() if now < held.expires_at and (word := _alarm(held))}
    return sorted(found)


def _alarm(held: LatestValue) -> str | None:
    name, value = held.series.metric.name, held.value
    if isinstance(value, str):
        word = _STATES.get(name, {}).get(value)
    elif value >= 1:
        word = _FLAGS.get(name)
    else:
        return None
    if word is None:
        return None
    where = " ".join(value for _, value in held.series.labels)
    return f"{word} ({where})" if where else word
