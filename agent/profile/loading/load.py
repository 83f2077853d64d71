"""Reads profiles: combines each with the one that it extends, expands its short forms (`expand.py`), and checks it (`validation/`)."""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from agent.profile.loading.expand import changed, repeat_faults, repetitions, with_defaults
from agent.profile.loading.heads import Heads
from agent.profile.loading.validation import Fault, PointInFile, YamlPath, faults
from agent.profile.schema import Part, Place, Point, Profile, Source
from rackflow.errors import ConfigError, ProfileError
from rackflow.nearest import did_you_mean
from rackflow.process.config import check_config
from rackflow.process.files import files_with, unreadable
from rackflow.process.yaml import line_of, load_yaml_text, read_text_file

# Searched in the unparsed text, because it decides the order in which files are parsed.
_EXTENDS = re.compile(r"extends:[ \t]*([^\s#]*)")
ProfileFile = tuple[bool, str, Callable[[], str]]
"""Whether a profile is the user's, the name of its file, and what reads its text."""
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Given how many profiles there are; the function is called after each."""
# Most faults of one file that are reported. A wrong key in a repeated point gives the same line many times; it is reported once.
MAX_FAULTS = 100
# What to do if a shipped profile, which was read at the start, cannot be used later.
AFTER_UPGRADE = "restart this program if it was upgraded while it ran"


def parse_profile(text: str, where: str, bases: Mapping[str, Profile] | None = None) -> Profile:
    """A profile checked against the catalogue. Raises ProfileError naming the file and the line.

    `bases` are the profiles that it may extend. Their points and tables come after the profile's own, which take precedence.
    """
    try:
        profile = check_config(load_yaml_text(text, where), Profile, where, text)
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    profile, paths, found = _written_out(profile)
    digest = _digest(text)
    if profile.extends:
        base = (bases or {}).get(profile.extends)
        if fault := _base_fault(profile, base, bases or {}):
            raise ProfileError(f"{where}{_line(text, ('extends',))}: extends: {fault}")
        profile = _extended(profile, base) if base else profile
        digest.update((base.content_hash if base else "").encode())
    if not found:
        found = list(faults(profile, _points_in_file(profile, paths)))
    if found:
        lines = dict.fromkeys(f"{where}{_line(text, path)}: {fault}" for path, fault in found)
        raise ProfileError("\n".join(list(lines)[:MAX_FAULTS]))
    return profile.with_content_hash(digest.hexdigest())


def _parse_head(heads: Heads, text: str, where: str, bases: Mapping[str, Profile]) -> Profile:
    """A shipped profile without points, tables and identity, which `loaded` reads. Raises ProfileError.

    Points are neither read nor proved: that takes ten times as long, and is done for the families that are used.
    """
    try:
        head = check_config(heads.of(text, where), Profile, where)
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    digest = _digest(text)
    if head.extends:
        base = bases.get(head.extends)
        if fault := _base_fault(head, base, bases):
            raise ProfileError(f"{where}{_line(text, ('extends',))}: extends: {fault}")
        if base is not None:
            head = head.model_copy(update=_taken_over(head, base))
            digest.update(base.content_hash.encode())
    return head.with_content_hash(digest.hexdigest())


def _digest(text: str) -> "blake2b":
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16)


def _written_out(profile: Profile) -> tuple[Profile, list[YamlPath], list[Fault]]:
    """The profile with each repetition as a point of its own, the place of each point in the file, and faults of `repeat`."""
    points: list[Point] = []
    paths: list[YamlPath] = []
    found: list[Fault] = []
    for at, point in enumerate(profile.points):
        path: YamlPath = ("points", at)
        if point.repeat and profile.protocol == "snmp":
            found.append((path, f"{point.metric}: repeat belongs to Modbus; SNMP has tables"))
        elif wrong := [(path, f"{point.metric}: {fault}") for fault in repeat_faults(point, point.labels)]:
            found += wrong
        else:
            for each in repetitions(point):
                points.append(with_defaults(each, profile.modbus) if profile.protocol == "modbus" else each)
                paths.append(path)
    for number, table in enumerate(profile.tables):
        for at, point in enumerate(table.points):
            found += [
                (("tables", number, "points", at), f"{table.name}.{point.metric}: {fault}")
                for fault in repeat_faults(point, point.labels)
            ]
    return profile.model_copy(update={"points": points}), paths, found


def _points_in_file(profile: Profile, paths: Sequence[YamlPath]) -> list[PointInFile]:
    """All points, each with where it stands and its table. `paths` are those of the profile's own points; what is extended has none."""
    found: list[PointInFile] = [
        (paths[at] if at < len(paths) else (), None, point) for at, point in enumerate(profile.points)
    ]
    for at, table in enumerate(profile.tables):
        found += [(("tables", at, "points", number), table, point) for number, point in enumerate(table.points)]
    return found


def _line(text: str, path: YamlPath) -> str:
    line = line_of(text, path)
    return f":{line}" if line else ""


def _base_fault(profile: Profile, base: Profile | None, known: Mapping[str, Profile]) -> str:
    if base is None:
        return f"{profile.extends!r} is unknown{did_you_mean(profile.extends or '', known)}"
    if base.extends:
        return f"{profile.extends!r} extends {base.extends!r} itself; extend that one"
    return "" if base.protocol == profile.protocol else f"{profile.extends!r} is a profile for {base.protocol}"


def _extended(profile: Profile, base: Profile) -> Profile:
    base = base.loaded()
    points, tables = base.points, base.tables
    # The base's default sentinels apply to its own points only; the extending profile has its own.
    if base.absent or profile.absent:
        points = [_with_absent(point, base) for point in points]
        tables = [
            table.model_copy(update={"points": [_with_absent(point, base) for point in table.points]})
            for table in tables
        ]
    changes = {"points": [*profile.points, *points], "tables": [*profile.tables, *tables]}
    return profile.model_copy(update=changes | _taken_over(profile, base))


def _taken_over(profile: Profile, base: Profile) -> dict[str, Any]:
    """What a profile takes over from its base besides points and tables."""
    changes: dict[str, Any] = {"marker": list(dict.fromkeys([*profile.marker, *base.marker]))}
    # The limits of one request apply to the registers that come from the base as well.
    if base.protocol == "modbus" and "modbus" not in profile.model_fields_set:
        changes["modbus"] = base.modbus
    return changes


def _with_absent(point: Point, base: Profile) -> Point:
    def own(place: Place) -> dict[str, Any]:
        # Sentinels have no effect with cases, and where a profile gives both the proof refuses it.
        of_cases = isinstance(place, Source) and place.cases
        return {"absent": base.absent} if isinstance(place, Part) and place.absent is None and not of_cases else {}

    return changed(point, own)


def load_profiles(
    folder: Path | None = None,
    *,
    lazy: bool = False,
    shipped: Mapping[str, Profile] | None = None,
    progress: Progress = lambda _: nullcontext(lambda: None),
) -> dict[str, Profile]:
    """Shipped profiles by name, overridden by the profiles in `folder`. Raises ProfileError with the faults of all files.

    All files are read and checked; where the `shipped` ones were loaded before, only those in the folder. With `lazy`, profiles have
    neither points, tables nor identity until `Profile.loaded` asks for them, and of the shipped ones these are not even proved before:
    an agent uses few of the families. 187 of them took 1.5 s of CPU and 15 MB, their heads alone 2 MB (2026-11). `loaded` reads the file
    of a shipped one again.
    """
    sources = [] if shipped is not None else _shipped_sources()
    parse_shipped = partial(_parse_head, Heads()) if lazy else parse_profile
    if folder is not None:
        try:
            users = files_with(folder, ".yaml")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ProfileError(f"{folder}: no such folder; correct the path") from error
        except OSError as error:
            raise ProfileError(unreadable(folder, error)) from error
        sources += [(True, str(path), partial(read_text_file, path)) for path in sorted(users, key=str)]
    found: dict[str, Profile] = dict(shipped or {})
    faulty: dict[str, str] = {}
    with _no_collecting(), progress(len(sources)) as done:
        for own, name, text in _in_order(sources, done):
            if extends(text) in faulty:
                continue  # the fault is reported where the value is
            try:
                profile = parse_file(text, name, found, parse_profile if own else parse_shipped)
            except ProfileError as error:
                faulty[Path(name).stem] = str(error)
                continue
            if lazy:
                bases = {profile.extends: found[profile.extends]} if profile.extends else {}
                if own:
                    profile = profile.lazy_copy(partial(parse_profile, text, name, bases))
                else:
                    profile = profile.with_loader(partial(_parse_shipped, name, bases))
            found[profile.profile] = profile
    if faulty:
        raise ProfileError("\n".join(faulty.values()))
    return dict(sorted(found.items()))


def _in_order(sources: Iterable[ProfileFile], done: Callable[[], None]) -> Iterator[tuple[bool, str, str]]:
    """The texts, each after that of the profile that it extends. The user's come last, because they replace shipped ones.

    They are read one at a time: all at once are 2.3 MB, whose room a process would keep although it needs it only at its start.
    `done` is called when the next one is asked for.
    """
    for own, group in groupby(sources, key=itemgetter(0)):
        extending: list[tuple[bool, str, str]] = []
        for _, name, read in group:
            text = read()
            if extends(text) is None:
                yield own, name, text
                done()
            else:
                extending.append((own, name, text))
        for each in extending:
            yield each
            done()


def extends(text: str) -> str | None:
    """Name of the profile that a profile extends, found in its unparsed text; None if it extends none."""
    # The beginning of a line is sought by `find`: an expression for it took 20 times as long, 8 ms of CPU for 330 profiles.
    found = _EXTENDS.match(text, text.find("\nextends:") + 1)
    return found[1] if found else None


def parse_file(
    text: str,
    name: str,
    bases: Mapping[str, Profile],
    parse: Callable[[str, str, Mapping[str, Profile]], Profile] = parse_profile,
) -> Profile:
    """See `parse_profile`. Raises ProfileError also where the file is called otherwise than its profile."""
    profile = parse(text, name, bases)
    # File and profile have the same name, so that a name in a configuration or message leads to the file.
    if Path(name).stem != profile.profile:
        line = _line(text, ("profile",))
        raise ProfileError(
            f"{name}{line}: profile: is {profile.profile!r}, but the file is called {Path(name).name}; rename one of them"
        )
    return profile


def _shipped_sources() -> list[ProfileFile]:
    entries = {entry.name: entry for entry in _shipped_folder().iterdir() if entry.name.endswith(".yaml")}
    return [(False, name, partial(_shipped_text, entries[name])) for name in sorted(entries)]


def _parse_shipped(name: str, bases: Mapping[str, Profile]) -> Profile:
    """A whole shipped profile. Raises ProfileError.

    Its file is read again, because the texts of all 330 take 2.3 MB, and an agent needs few of them. If the package was upgraded since the
    start, it is what the new one says: mostly the same, but it may be gone, or have keys that this version does not know.
    """
    try:
        return parse_profile(_shipped_text(_shipped_folder().joinpath(name)), name, bases)
    except ProfileError as error:
        # The base may have said so already.
        raise ProfileError(f"{AFTER_UPGRADE}: {str(error).removeprefix(f'{AFTER_UPGRADE}: ')}") from error


def _shipped_text(file: Traversable) -> str:
    """Raises ProfileError."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(unreadable(Path(str(file)), error)) from error


def _shipped_folder() -> Traversable:
    return files("agent").joinpath("profiles")


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Switch off garbage collection while profiles load: it took a third of the loading's CPU time (measured with 127 profiles).

    Loading makes no garbage, but every few hundred new objects start a search of the objects made so far.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
