"""Simulated devices, for the demo, for tests, and for trying Rackflow without hardware.

Only the demo, tests and benchmarks import this package; it never runs at a site.
"""
