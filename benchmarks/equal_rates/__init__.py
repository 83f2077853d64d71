"""Rows A and B: Rackflow's agent beside other pollers, at the same rates, in the same run."""

from benchmarks.equal_rates.compare import run

__all__ = ["run"]
