"""Device layouts: how each family of devices sends its instruments' readings over SNMP or Modbus.

Rounding and missing objects belong here, so that the world stays exact and the agent sees the same values as from real devices.
"""
