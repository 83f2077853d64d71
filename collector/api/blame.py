"""What decides that a site, or a rack, does not survive the loss of a feed: racks that go down, UPSs and panels that are overloaded. Pure.

The figure itself is a 0 over hundreds of readings. An operator asks for the one rack, and for how much too much a UPS would carry.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from collector.api.documents import Blamed, FigureName
from collector.api.numbers import rounded
from collector.api.scene import SURVIVES, FigureIndex
from collector.derive import Figure
from rackflow.site import Site

# Figures that are explained by it: that of the site, the number of racks, and that of one rack.
EXPLAINED = frozenset(
    {
        "dcim_site_survives_feed_loss",
        "dcim_site_racks_lost_on_feed_loss",
        "dcim_site_racks_lost_on_feed_loss_at_least",
        SURVIVES,
    }
)
# By what the figure is about: labels in the order in which the place is looked for.
_PLACES: Sequence[tuple[str, Literal["rack", "ups", "panel"]]] = (
    ("rack", "rack"),
    ("group", "ups"),
    ("panel", "panel"),
)
_KIND_RANK = {"single_feed": 0, "supply": 1, "overload": 2}
_DIGITS = 3  # of a load: it is shown in percent


def blamed(index: FigureIndex, file: Site | None, labels: Mapping[str, str]) -> list[Blamed]:
    """What decides about the loss of the feed in `labels`, of one rack if they name it.

    Racks that are supplied by that feed only come first, then those whose other supply has no power, then loads above their limit, the
    highest first. Each place is named once, with its worst phase. A cycle's answer is kept: it is asked for every second.
    """
    feed, rack = labels.get("feed", ""), labels.get("rack", "")
    found = index.blamed.get(feed)
    if found is None:
        found = index.blamed[feed] = _worst_first([_blame(index, file, each) for each in index.failing(feed)])
    return [each for each in found if (each.place, each.name) == ("rack", rack)] if rack else found


def _worst_first(found: Sequence[Blamed]) -> list[Blamed]:
    worst: dict[tuple[str, str], Blamed] = {}
    for each in sorted(found, key=lambda each: -(each.load_ratio or 0.0)):
        # That a rack goes down can follow from the load of its shelves, which comes first here and says more.
        worst.setdefault((each.place, each.name), each)
    return sorted(
        worst.values(), key=lambda each: (_KIND_RANK[each.kind], -(each.load_ratio or 0.0), each.place, each.name)
    )


def _blame(index: FigureIndex, file: Site | None, figure: Figure) -> Blamed:
    labels = dict(figure.output.labels)
    feed = labels["feed"]
    label, place = next((label, place) for label, place in _PLACES if label in labels)
    name = FigureName(metric=figure.output.metric.name, labels=labels)
    load = figure.value
    if figure.output.metric.name == SURVIVES:
        rack, phase = labels["rack"], labels.get("phase", "")
        if file is not None and rack in file.racks and file.feeds_of(rack) == (feed,):
            return Blamed(kind="single_feed", place="rack", name=rack, phase=None, load_ratio=None, figure=name)
        load = index.load_on_loss(rack, feed, phase)
    if load is None or load <= 1.0:
        return Blamed(kind="supply", place="rack", name=labels[label], phase=None, load_ratio=None, figure=name)
    return Blamed(
        kind="overload",
        place=place,
        name=labels[label],
        phase=labels.get("phase"),
        load_ratio=rounded(load, _DIGITS),
        figure=name,
    )
