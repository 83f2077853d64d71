"""Device layouts: how each family of devices sends its instruments' readings over SNMP or Modbus.

Rounding and missing objects belong here, so that the world stays exact and the agent sees the same values as from real devices.

* Layouts of SNMP: `ups`, `pdu` and `sentry_enlogic_eaton` (rack PDUs), `ats`, `air`, `monitor`; `cells` rounds as these devices round.
* Layouts of Modbus: `modbus` connects the world's CDUs and meters to the register maps of `simulator.models`.
* On the network: `fleet` serves all devices of a site; `faults` makes a server silent, slow or wrong.
"""
