"""What is wrong with a profile, and where in its file."""

from typing import TypeAlias

from agent.profile.schema import Point, Table

YamlPath: TypeAlias = tuple[str | int, ...]
"""A place in a YAML file: keys, and positions in lists."""
Fault: TypeAlias = tuple[YamlPath, str]
PointInFile: TypeAlias = tuple[YamlPath, Table | None, Point]
"""A point, its table, and where it stands in the file. The repetitions of one point (`repeat`) all stand where that point does."""
