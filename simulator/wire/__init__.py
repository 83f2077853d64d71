"""What devices send for what their instruments show: one module for each family's layout.

Rounding and missing objects belong here, so that the world stays exact and the agent sees what it would see of real devices.
"""
