"""Simulated devices: SNMP and Modbus servers that replay recordings and run models, and the demo."""
