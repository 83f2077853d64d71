"""Checks the relations of generators, meters of the whole site, cooling plant and air groups in a site file."""

from collections import Counter
from collections.abc import Iterator

from rackflow.site.file import SiteFile
from rackflow.site.power import Generator

Mistake = tuple[tuple[str | int, ...], str]
"""The path of keys and positions to the wrong value, and a message that says what is wrong and what to do."""


def plant_mistakes(file: SiteFile) -> Iterator[Mistake]:
    """Everything that is wrong with generators, site meters, cooling plant and air groups."""
    yield from _generators(file)
    yield from _incomers(file)
    yield from _behind(file)
    yield from _primaries(file)
    yield from _plant(file)
    yield from _air_groups(file)


def group_of(generator: Generator) -> str:
    """The group that a generator belongs to: the one it names, or else the generators with the same feeds."""
    return generator.group or "+".join(sorted(generator.feeds))


def _generators(file: SiteFile) -> Iterator[Mistake]:
    """Groups whose members disagree, and feeds whose start is stated twice."""
    first: dict[str, Generator] = {}
    numbers: dict[str, Generator] = {}
    counts = Counter(group_of(each) for each in file.generators)
    for index, each in enumerate(file.generators):
        group = group_of(each)
        leader = first.setdefault(group, each)
        if sorted(each.feeds) != sorted(leader.feeds):
            what = f"{each.id!r} and {leader.id!r} are of group {group!r} and carry different feeds"
            yield ("generators", index, "feeds"), f"{what}; generators in parallel carry the same, correct one of them"
        if each.required is None:
            continue
        stated = numbers.setdefault(group, each)
        if each.required != stated.required:
            what = f"{each.id!r} and {stated.id!r} are of group {group!r} and require different numbers"
            yield ("generators", index, "required"), f"{what}; give both the same"
        elif each is stated and each.required > counts[group]:
            what = f"group {group!r} has {counts[group]} of {each.required} required generators"
            yield ("generators", index, "required"), f"{what}; add a generator, or correct the number"
    starting = {feed for each in file.generators if each.start_s is not None for feed in each.feeds}
    for index, feed in enumerate(file.feeds):
        if feed.backup_start_s is not None and feed.id in starting:
            what = f"feed {feed.id!r} has generators with start_s"
            yield ("feeds", index, "backup_start_s"), f"{what}, from which this follows; remove one of them"


def _incomers(file: SiteFile) -> Iterator[Mistake]:
    """Several meters that each count the whole site: nothing shows whether they must be added up or count the same energy twice."""
    whole = [(index, each) for index, each in enumerate(file.meters) if each.role == "facility" and not each.measures]
    for index, each in whole[1:]:
        first = whole[0][1]
        if not (each.incomer and first.incomer):
            what = f"{first.id!r} and {each.id!r} both count the whole site"
            remedy = "set incomer: true on both if they are incomers to add up, or name what each measures"
            yield ("meters", index, "role"), f"{what}; {remedy}"


def _behind(file: SiteFile) -> Iterator[Mistake]:
    """Generation behind a facility meter that would be counted twice, or not at all.

    With a contract for it, it would count twice: it is part of what that meter's site uses. Behind a meter that is itself below the meter
    of the whole site, it would not count: the sum has the meters of the whole site alone, and only what is behind these is added.
    """
    metered = {contract.meter: index for index, contract in enumerate(file.contracts) if contract.meter is not None}
    partial = {each.id for each in file.meters if each.role == "facility" and each.measures}
    whole = [each.id for each in file.meters if each.role == "facility" and not each.measures]
    for index, each in enumerate(file.meters):
        if each.behind in partial and whole:
            what = f"{each.behind!r} measures a part of the site, and {whole[0]!r} counts the whole site"
            yield ("meters", index, "behind"), f"{what}; name that one, or the incomer that {each.id!r} is behind"
        if each.behind is not None and each.id in metered:
            what = f"{each.id!r} is behind {each.behind!r}, so its energy is the site's own"
            yield (
                ("contracts", metered[each.id], "meter"),
                f"{what} and counted as free of carbon; remove the contract, or `behind`",
            )


def _primaries(file: SiteFile) -> Iterator[Mistake]:
    """CDUs on two primary loops that cannot be one circuit."""
    coolants = {loop.id: loop.coolant for loop in file.loops}
    for index, cdu in enumerate(file.cdus):
        named = [each for each in cdu.primaries if each in coolants]
        if len(set(cdu.primaries)) < len(cdu.primaries):
            yield ("cdus", index, "primary"), f"{cdu.id!r} names a loop twice; name each once"
        elif len({coolants[each] for each in named}) > 1:
            both = " and ".join(f"{each} ({coolants[each]})" for each in named)
            what = f"{cdu.id!r} is on loops with different coolants, {both}"
            yield ("cdus", index, "primary"), f"{what}; one exchanger mixes them, correct one"


def _plant(file: SiteFile) -> Iterator[Mistake]:
    """Plant on a secondary loop, and primary loops with less plant than they require."""
    kinds = {loop.id: loop.kind for loop in file.loops}
    plant = {
        "chillers": [each.loop for each in file.chillers],
        "dry_coolers": [each.loop for each in file.dry_coolers],
        "facility_pumps": [each.loop for each in file.facility_pumps],
    }
    for name, loops in plant.items():
        for index, loop in enumerate(loops):
            if kinds.get(loop) == "secondary":
                yield (name, index, "loop"), f"{loop!r} is a secondary loop, which CDUs serve; name a primary loop"
        for index, each in enumerate(file.loops):
            required, has = getattr(each, f"{name}_required"), loops.count(each.id)
            words = name.replace("_", " ")
            if required is not None and each.kind == "secondary":
                yield (
                    ("loops", index, f"{name}_required"),
                    "only a primary loop has this; remove it, or correct the kind",
                )
            elif required is not None and has < required:
                what = f"loop {each.id!r} has {has} of {required} required {words}"
                yield ("loops", index, f"{name}_required"), f"{what}; add the others, or correct the number"


def _air_groups(file: SiteFile) -> Iterator[Mistake]:
    counts = Counter(each.group for each in file.air_units)
    for index, group in enumerate(file.air_groups):
        if counts[group.id] < group.required:
            what = f"group {group.id!r} has {counts[group.id]} of {group.required} required air units"
            yield ("air_groups", index, "required"), f"{what}; add `group` to the others, or correct the number"
