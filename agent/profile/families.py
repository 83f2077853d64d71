"""The families that a running agent knows. A reload reads the folder again and replaces all profiles at once, or none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from agent.profile.load import load_profiles
from agent.profile.schema import Profile

AUTO = "auto"


class Families(Mapping[str, Profile]):
    """Profiles by name, without their points until they are asked for. Whoever holds it sees the present ones."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read all profiles. Raises ProfileError."""
        # Shipped profiles change with the package only. They take 0.3 s of CPU, which a reload spares.
        self._shipped = load_profiles(lazy=True)
        self._now: Mapping[str, Profile] = self.read(folder)

    def __getitem__(self, name: str) -> Profile:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def read(self, folder: Path | None) -> Mapping[str, Profile]:
        """The shipped profiles and those that are in the folder now. Raises ProfileError; changes nothing, so that a thread can do it."""
        return self._shipped if folder is None else load_profiles(folder, lazy=True, shipped=self._shipped)

    @contextmanager
    def replaced(self, profiles: Mapping[str, Profile]) -> Iterator[None]:
        """Use these profiles from now on, unless the block raises."""
        before, self._now = self._now, profiles
        try:
            yield
        except BaseException:
            self._now = before
            raise

    def content(self, name: str) -> str:
        """A number for what a profile says; for `auto` of all profiles, because any of them may be the one that fits."""
        if name != AUTO:
            return self._now[name].content if name in self._now else ""
        whole = blake2b(digest_size=16)
        for each in sorted(self._now):
            whole.update(f"{each}={self._now[each].content} ".encode())
        return whole.hexdigest()
