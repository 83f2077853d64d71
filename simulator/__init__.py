"""Simulated devices, for the demo, for tests, and for trying Rackflow without hardware.

Only the demo, tests and benchmarks import this package; nothing of it runs at a site.
"""
