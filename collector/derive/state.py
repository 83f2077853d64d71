"""The state file: in go the books of all sites, out comes one JSON file that is replaced as a whole, and read at the start."""

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from collector.derive.books import Kept

log = logging.getLogger(__name__)


class _State(msgspec.Struct):
    sites: dict[str, Kept]
    version: int = 1


def load_state(path: Path) -> dict[str, Kept]:
    """What was kept, by site. A file that cannot be read is set aside as `.damaged`, and counting begins anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State).sites
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.warning("state file cannot be read, counting begins anew path=%s error=%s", path, error)
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        log.warning("state file damaged, set aside path=%s error=%s", aside, error)
        return {}


def save_state(path: Path, sites: Mapping[str, Kept]) -> None:
    """Replace the file: a collector that is killed in between leaves the old one."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(msgspec.json.encode(_State(dict(sites))))
    part.replace(path)
