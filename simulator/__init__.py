"""Simulated devices, for the demo, for tests, and for trying Rackflow without hardware.

Only the demo, tests and benchmarks import this package; it never runs at a site.

* Single devices: `models` has what they measure, `live` lets them follow the clock; `snmp` and `modbus` answer for them on the network.
* A whole site: `world` is its physics, `wire` how its devices say what they measure, `site` runs both as a process.
* Commands: `cli` is `rackflow-sim`, `demo` the package of `rackflow-demo`; `__main__` starts either.
"""
