"""Opens a store whose client library is loaded only then."""

from collector.store.seam import Store


def open_influx(url: str, org: str, bucket: str, token: str, timeout_s: float) -> Store:
    """One engine, one bucket; `timeout_s` bounds each write.

    influxdb-client is the largest library of the collector: it takes a sixth of the CPU of a start, and 14 MB. A collector that writes
    files, and a command that stores nothing, do without.
    """
    from collector.store.influx import InfluxStore  # noqa: PLC0415

    return InfluxStore(url, org, bucket, token, timeout_s)
