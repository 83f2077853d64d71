"""The commands `site draft`, `site import` and `site check`: from devices, tables and inventories to a site file.

They belong to the agent because only it knows profiles, which tell what kind of device an entry of its configuration is.
"""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.config import AgentConfig
from agent.config_file import load_agent_config
from agent.lab.found_output import COLUMNS
from agent.lab.tables import table_rows
from agent.profile import load_profiles
from rackflow.drafting import (
    ELECTRICAL,
    GRID,
    MODELS,
    RULES,
    SECTION_OF_CLASS,
    Draft,
    Given,
    draft_site,
    draft_text,
    loop_hints,
    name_hints,
    place_hints,
    read_netbox,
    supply_hints,
    translate,
)
from rackflow.errors import ConfigError
from rackflow.plural import count_of, first_of
from rackflow.process.commands import print_error, show_examples
from rackflow.process.secret import names_source, read_secret
from rackflow.process.verdict import Verdict, add_output, check_file
from rackflow.site import Electrical, Grid, Section, idle_supplies_of, load_site, parse_site

# Columns of a table in addition to the fields of the sections.
EXTRA_COLUMNS = frozenset({"section", "feed", "loop", "room", "row", "rack", "a_from", "b_from"})
KNOWN_COLUMNS = (
    {info.alias or key for model in MODELS.values() for key, info in model.model_fields.items()}
    | EXTRA_COLUMNS
    | frozenset(COLUMNS)
)
# How many entries with a missing value are named in the output; the file marks all of them.
SHOWN_MISSING = 3
# Sections with one entry for the whole site.
WHOLE_SITE: Mapping[str, type[Section]] = {ELECTRICAL: Electrical, GRID: Grid}
PLACES = {"room", "row", "rack", "feed"}


def add_site(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `site`."""
    show_examples(command, "%(prog)s draft --config agent.yaml > draft.yaml", "%(prog)s check site.yaml")
    actions = command.add_subparsers(required=True, metavar="ACTION")

    draft = actions.add_parser(
        "draft", help="draft a site file on stdout from an agent's devices and their labels, and from tables"
    )
    draft.add_argument(
        "--config", type=Path, action="append", default=[], help="an agent's configuration; may be repeated"
    )
    draft.add_argument(
        "--csv",
        type=Path,
        action="append",
        default=[],
        help="table with a header: id, class or section, and room, row, rack, feed, breaker_a or any other key of a site file",
    )
    _add_shaping(draft)
    show_examples(
        draft,
        "%(prog)s --config agent.yaml --names 'pdu-(?P<rack>[a-z][0-9]+)-(?P<feed>[ab])' --rules iec > site.yaml",
        "%(prog)s --csv devices.csv --set racks.design_power_w=17000 --set pdus.breaker_a=32 > site.yaml",
    )
    draft.set_defaults(command=_draft)

    import_ = actions.add_parser(
        "import", help="draft a site file on stdout from NetBox: racks, panels, feeds, cables, cooling"
    )
    import_.add_argument(
        "--netbox", required=True, metavar="FILE_OR_URL", help="address of NetBox 4, or what --save wrote"
    )
    import_.add_argument("--netbox-site", default="", metavar="SLUG", help="which of its sites, if there are several")
    import_.add_argument("--token", metavar="env:NAME", help="environment variable that has the API token")
    import_.add_argument(
        "--save", type=Path, metavar="FILE", help="also write what was read, to import it again elsewhere"
    )
    import_.add_argument(
        "--csv", type=Path, action="append", default=[], help="table that completes it, as in `site draft`"
    )
    _add_shaping(import_)
    show_examples(
        import_,
        "%(prog)s --netbox https://netbox.example.org --token env:NETBOX_TOKEN --netbox-site casablanca > site.yaml",
        "%(prog)s --netbox netbox.json --rules iec --set racks.design_power_w=17000 > site.yaml",
    )
    import_.set_defaults(command=_import)

    check = actions.add_parser("check", help="check a site file")
    check.add_argument("file", type=Path, help="the site file")
    add_output(check)
    show_examples(check, "%(prog)s site.yaml", "%(prog)s site.yaml --output json")
    check.set_defaults(command=_check)


def _add_shaping(command: argparse.ArgumentParser) -> None:
    command.add_argument("--site", default="", help="name of the site; that of the source when left out")
    command.add_argument(
        "--rules", choices=sorted(RULES), default="", help="rules that the electrical installation follows"
    )
    command.add_argument(
        "--names",
        action="append",
        default=[],
        metavar="REGEX",
        help="pattern of ids with groups named room, row, rack or feed, for places that the names tell; may be repeated",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="value for all entries of a section that have none: racks.design_power_w=17000, electrical.volts=240, or with the "
        "entry's own places, pdus.from=bus-{row}-{feed}; may be repeated",
    )


def _check(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    return check_file(path, arguments.output, lambda: _verdict(path))


def _verdict(path: Path) -> Verdict:
    site = load_site(path)
    # Without panels, most of which have no meter: operators compare this number with the number of devices that are polled.
    devices = len(site.devices) - len(site.panels)
    counts = {"rack": site.racks, "feed": site.feeds, "panel": site.panels, "loop": site.loops}
    sections = ", ".join(count_of(len(entries), noun) for noun, entries in counts.items())
    return Verdict(
        summary=f"{path}: ok; {sections}, {count_of(devices, 'device')}",
        warnings=tuple(
            f"{path}: nothing hangs on {first_of(names, SHOWN_MISSING)} of feed {feed}, while PDUs hang directly on the feed;"
            " name what stands between as `from` of the PDUs"
            for feed, names in idle_supplies_of(site).items()
        ),
        counts={f"{noun}s": len(entries) for noun, entries in counts.items()} | {"devices": devices},
    )


def _draft(arguments: argparse.Namespace) -> int:
    if not arguments.config and not arguments.csv:
        raise ConfigError("site draft: give --config, --csv, or both")
    left_out: list[str] = []
    given: list[Given] = []
    site = arguments.site
    for path in arguments.config:
        # A draft replaces the site file, so it must not depend on what the last one left there: `> site.yaml` has emptied it by now.
        config = load_agent_config(path, with_site_file=False)
        site = site or config.labels.site or ""
        given += _devices(config, left_out)
    given += _tables(arguments.csv, given, left_out)
    source = " and ".join(path.name for path in (*arguments.config, *arguments.csv))
    return _write(arguments, site or "my-site", given, left_out, source)


def _import(arguments: argparse.Namespace) -> int:
    inventory = read_netbox(arguments.netbox, _token(arguments.token), arguments.netbox_site)
    if arguments.save:
        try:
            arguments.save.write_text(json.dumps(inventory, indent=1), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.save}: cannot be written: {error.strerror or error}") from error
    try:
        found = translate(inventory, arguments.netbox_site)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The document comes from NetBox: if anything is missing in it, that is an error message and not a traceback.
        raise ConfigError(
            f"{arguments.netbox}: is not what NetBox 4 answers: {type(error).__name__}: {error}"
        ) from error
    given = [*found.given, *_tables(arguments.csv, found.given, found.left_out)]
    return _write(arguments, arguments.site or found.site, given, found.left_out, "NetBox")


def _token(text: str | None) -> str:
    if text is None:
        return ""
    if not names_source(text):
        raise ConfigError("--token: a token on a command line can be read by everybody; write env:NAME or file:PATH")
    try:
        return read_secret(text)
    except ConfigError as error:
        raise ConfigError(f"--token: {error}") from error


def _devices(config: AgentConfig, left_out: list[str]) -> Iterator[Given]:
    """What an agent's configuration says about its devices. Those whose section is unknown are added to `left_out`."""
    profiles = load_profiles(config.profiles, lazy=True)
    for device in config.devices:
        profile = profiles.get(device.profile)
        section = SECTION_OF_CLASS.get(profile.class_) if profile else None
        if section is None:
            why = f"profile {device.profile}" if profile is None else f"class {profile.class_}"
            # With `auto`, only a running agent knows the family. `discover` writes the family that it has recognised.
            remedy = "name its profile, which `discover` prints, or say its class or section in a table (--csv)"
            left_out.append(f"{device.id} ({why}): {remedy}")
            continue
        labels = config.labels_of(device)
        labels.pop("site", None)
        values = {**labels, **({"role": device.role} if device.role else {})}
        yield Given(device.id, section, values)


def _tables(paths: Sequence[Path], known: Sequence[Given], left_out: list[str]) -> list[Given]:
    """What tables say. A row without a section is about the device of that id in `known`; `left_out` is brought up to date."""
    sections = {each.id: each.section for each in known}
    given: list[Given] = []
    for path in paths:
        for line, row in table_rows(path, KNOWN_COLUMNS):
            name = row.get("id") or ""
            if not name or row.get("status") in {"gone", "duplicate"}:
                continue
            section = row.get("section") or sections.get(name) or SECTION_OF_CLASS.get(row.get("class") or "")
            if section is None:
                left_out.append(f"{name}: its class {row.get('class') or '(none)'} has no section; give its section")
                continue
            if section not in MODELS:
                close = difflib.get_close_matches(section, MODELS, n=1)
                raise ConfigError(
                    f"{path}:{line}: section {section!r} is none; use {close[0] if close else ', '.join(MODELS)}"
                )
            # The table says what the configuration did not: such a device is not left out any more.
            left_out[:] = [each for each in left_out if not each.startswith(f"{name} (")]
            given.append(Given(name, section, _values(section, row)))
    return given


def _values(section: str, row: dict[str, str]) -> dict[str, object]:
    fields = {info.alias or key for key, info in MODELS[section].model_fields.items()} | EXTRA_COLUMNS
    return {key: value for key, value in row.items() if key in fields and key not in {"id", "section"}}


def _defaults(pairs: Sequence[str]) -> dict[tuple[str, str], str]:
    """The values of `--set SECTION.KEY=VALUE` by section and key. Raises ConfigError for a section or key that there is not."""
    found: dict[tuple[str, str], str] = {}
    for pair in pairs:
        where, equals, value = pair.partition("=")
        section, _, key = where.partition(".")
        model = WHOLE_SITE.get(section) or MODELS.get(section)
        if not equals or model is None or not value or not key:
            known = ", ".join((*WHOLE_SITE, *MODELS))
            raise ConfigError(f"--set: {pair!r} is not SECTION.KEY=VALUE; sections are {known}")
        keys = [info.alias or name for name, info in model.model_fields.items()]
        # Two keys that the section itself does not have, but tables and drafts do: `from` follows from `feed`, a loop's racks from `loop`.
        keys += [*(["feed"] if "from" in keys else []), *(["loop"] if section == "racks" else [])]
        if key not in keys:
            close = difflib.get_close_matches(key, keys, n=1)
            raise ConfigError(
                f"--set: {section} has no key {key!r}; " + (f"did you mean {close[0]!r}?" if close else ", ".join(keys))
            )
        found[section, key] = value
    return found


def _patterns(texts: Sequence[str]) -> list[re.Pattern[str]]:
    patterns = []
    for text in texts:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ConfigError(f"--names: {text!r} is not a regular expression: {error}") from error
        if not pattern.groupindex or not pattern.groupindex.keys() <= PLACES:
            raise ConfigError(
                f"--names: {text!r} needs groups named room, row, rack or feed, as in (?P<rack>[a-z][0-9]+)"
            )
        patterns.append(pattern)
    return patterns


def _write(arguments: argparse.Namespace, site: str, given: Sequence[Given], left_out: list[str], source: str) -> int:
    draft = draft_site(
        site, given, rules=arguments.rules, defaults=_defaults(arguments.set), names=_patterns(arguments.names)
    )
    draft.left_out = left_out
    text = draft_text(draft, source) + "\n"
    sys.stdout.write(text)
    _report(draft, text)
    return 0


def _to_fill_in(section: str, key: str, names: Sequence[str]) -> str:
    """One line for each key that is missing in several entries: nobody would read two hundred nearly equal lines."""
    if section == ELECTRICAL:
        return f"fill in {section}.{key}: --set {section}.{key}=VALUE"
    shown = first_of(names, SHOWN_MISSING)
    # `--set` gives all entries the same value, which is never meant for a place or for the feed of UPSs. Their ids often contain it.
    is_in_ids = key in PLACES or (section, key) == ("ups", "from")
    if len(names) == 1:
        how = "in a table (--csv), or by --names from its id" if is_in_ids else f"--set {section}.{key}=VALUE"
    else:
        for_all = "by --names from their ids" if is_in_ids else f"--set {section}.{key}=VALUE for all"
        how = f"one by one in a table (--csv), or {for_all}"
    return f"fill in {section}.{key} of {shown}: {how}"


def _count(entries: int, section: str) -> str:
    return f"{entries} {section.removesuffix('s') if entries == 1 and section != 'ups' else section}"


def _report(draft: Draft, text: str) -> None:
    counts = ", ".join(_count(len(entries), section) for section, entries in draft.entries.items() if entries)
    print_error(f"drafted: {counts or 'nothing'}")
    missing: dict[tuple[str, str], list[str]] = {}
    for section, name, key in draft.missing():
        missing.setdefault((section, key), []).append(name)
    # Hints come first: what their option adds need not be filled in by hand, and once racks are known other values may be missing.
    for hint in (*name_hints(draft), *place_hints(draft), *supply_hints(draft), *loop_hints(draft)):
        print_error(hint)
    for (section, key), names in missing.items():
        print_error(_to_fill_in(section, key, names))
    for what in draft.left_out:
        print_error(f"left out: {what}")
    if not missing:
        try:
            parse_site(text, "site file")
        except ConfigError as error:
            print_error(error)
        else:
            print_error("the site file is complete")
