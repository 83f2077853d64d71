"""The collector of Rackflow: subscribes to batches, stores them, and exposes the latest readings.

Data path: receive (MQTT) -> flow (ingest and writer) -> store and ledger; beside it latest -> derive -> web. Nothing is imported here:
the command line must not load all of that to say what its commands are.
"""
