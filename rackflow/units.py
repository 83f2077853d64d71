"""Wire units to base units: in goes a unit word from a profile, out comes the base unit, factor and offset."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireUnit:
    """`base = wire * factor + offset`, where `base` is a unit word of the catalogue."""

    base: str
    factor: float
    offset: float = 0.0


WIRE_UNITS: dict[str, WireUnit] = {
    "": WireUnit("", 1.0),
    "count": WireUnit("", 1.0),
    "volt": WireUnit("volts", 1.0),
    "millivolt": WireUnit("volts", 1e-3),
    "ampere": WireUnit("amperes", 1.0),
    "milliampere": WireUnit("amperes", 1e-3),
    "watt": WireUnit("watts", 1.0),
    "kilowatt": WireUnit("watts", 1e3),
    "voltampere": WireUnit("voltamperes", 1.0),
    "kilovoltampere": WireUnit("voltamperes", 1e3),
    "var": WireUnit("vars", 1.0),
    "kilovar": WireUnit("vars", 1e3),
    "joule": WireUnit("joules", 1.0),
    "watt_hour": WireUnit("joules", 3.6e3),
    "kilowatt_hour": WireUnit("joules", 3.6e6),
    "hertz": WireUnit("hertz", 1.0),
    "ratio": WireUnit("ratio", 1.0),
    "percent": WireUnit("ratio", 1e-2),
    "celsius": WireUnit("celsius", 1.0),
    "kelvin": WireUnit("celsius", 1.0, -273.15),
    "fahrenheit": WireUnit("celsius", 5.0 / 9.0, -160.0 / 9.0),
    "second": WireUnit("seconds", 1.0),
    "timetick": WireUnit("seconds", 1e-2),
    "minute": WireUnit("seconds", 60.0),
    "hour": WireUnit("seconds", 3600.0),
    "unix_second": WireUnit("timestamp_seconds", 1.0),
    "pascal": WireUnit("pascals", 1.0),
    "kilopascal": WireUnit("pascals", 1e3),
    "bar": WireUnit("pascals", 1e5),
    "psi": WireUnit("pascals", 6894.757293168),
    "cubic_meter_per_second": WireUnit("cubic_meters_per_second", 1.0),
    "cubic_meter_per_hour": WireUnit("cubic_meters_per_second", 1.0 / 3600.0),
    "liter_per_second": WireUnit("cubic_meters_per_second", 1e-3),
    "liter_per_minute": WireUnit("cubic_meters_per_second", 1.0 / 60000.0),
    "gallon_per_minute": WireUnit("cubic_meters_per_second", 3.785411784e-3 / 60.0),
    "cubic_meter": WireUnit("cubic_meters", 1.0),
    "liter": WireUnit("cubic_meters", 1e-3),
    "meter": WireUnit("meters", 1.0),
    "meter_per_second": WireUnit("meters_per_second", 1.0),
    "degree": WireUnit("degrees", 1.0),
    "rpm": WireUnit("rpm", 1.0),
    "ph": WireUnit("ph", 1.0),
    "ntu": WireUnit("ntu", 1.0),
    "siemens_per_meter": WireUnit("siemens_per_meter", 1.0),
    "microsiemens_per_centimeter": WireUnit("siemens_per_meter", 1e-4),
}
"""Sources: NIST SP 811 appendix B (psi, US gallon); SNMP TimeTicks are hundredths of a second (RFC 2578 7.1.8)."""
