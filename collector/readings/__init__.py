"""The usable readings of a batch: series of the catalogue, of the right type, within their range. The others are counted by reason.

An unusable reading is left out and counted; the rest of its batch is used. The ranges are checked here although agents check them, too: an
agent may be of another make or in foreign hands, and one value of 1e300 would spoil every figure over it.

`resolve` in `usable` takes a batch apart. `series_keys` remembers which `series` a key names, `layouts` which series batches have.
"""

from collector.readings.layouts import Layout, Rows
from collector.readings.series import Series, series_bytes
from collector.readings.series_keys import SeriesKeys
from collector.readings.usable import Readings, number_texts, resolve, without_implausible

__all__ = [
    "Layout",
    "Readings",
    "Rows",
    "Series",
    "SeriesKeys",
    "number_texts",
    "resolve",
    "series_bytes",
    "without_implausible",
]
