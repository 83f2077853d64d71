"""Which texts are refused where a configuration needs a path or a plain text: those that would be made as they stand there."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from rackflow.process.config import StrictModel
from rackflow.process.paths import FilePath, OwnFile, PlainText


class Paths(StrictModel):
    """A section with one key of each kind."""

    any: FilePath | None = None
    own: OwnFile | None = None
    text: PlainText | None = None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("~/points", "begins with ~"),
        (" ~/points", "begins with ~"),
        ("/var/lib/rackflow\n", "cannot be seen"),
        ("  ", "is empty"),
        ("env:DATA", "begins with env:, which is replaced for passwords"),
        ("credential:DATA", "begins with credential:"),
        ("file:/etc/rackflow/path", "begins with file:"),
        ("/var/${NAME}/points", "write the value itself"),
        ("$HOME/points", "write the value itself"),
        # 130 letters of two bytes each, as Linux counts them: it would refuse the name when the file is made.
        (f"/data/{'é' * 130}/points", "has a name of more than 255 bytes in it"),
    ],
)
def test_a_path_that_would_be_made_as_it_stands_there_is_refused(written: str, says: str) -> None:
    for key in ("any", "own"):
        with pytest.raises(ValidationError, match=says):
            Paths.model_validate({key: written})


@pytest.mark.parametrize("written", ["/", ".", "..", "data/.."])
def test_a_folder_in_place_of_a_file_that_the_process_makes_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="is a folder; name a file in it"):
        Paths(own=Path(written))
    with pytest.raises(ValidationError, match="is a folder; name a file in it"):
        Paths.model_validate({"own": written})


@pytest.mark.parametrize("written", ["env:USERNAME", "credential:USERNAME", "file:/run/secrets/name", "${USERNAME}"])
def test_a_plain_text_that_names_a_secret_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="write the value itself"):
        Paths.model_validate({"text": written})


@pytest.mark.parametrize(
    "written", ["env:7", "environment:a", "file", "p$t", "$5", f"/data/{'é' * 127}/points", "data~/points", "a b/c"]
)
def test_a_text_that_stands_for_itself_is_taken(written: str) -> None:
    assert Paths.model_validate({"any": written, "own": written}).own == Path(written)
    assert Paths.model_validate({"text": written}).text == written
