"""What is generated is as the code is, of what operators rely on: the keys of configurations, and what alerts when."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("which", "files"), [("configuration_pages", 2), ("problem_files", 7)])
def test_what_is_generated_is_as_the_code_is(which: str, files: int) -> None:
    loader = SourceFileLoader("generate", str(ROOT / "scripts" / "generate"))
    spec = spec_from_loader("generate", loader)
    assert spec is not None
    generate = module_from_spec(spec)
    loader.exec_module(generate)
    found = dict(getattr(generate, which)())
    assert len(found) == files
    stale = [path.name for path, text in found.items() if path.read_text(encoding="utf-8") != text]
    assert stale == []
