"""The words of the page: English and French say the same things, about every problem there is, with the same places to fill."""

import re
from importlib.resources import files

from collector.problems import load_table
from rackflow.catalogue import catalogue

STATIC = files("collector.web").joinpath("static")
ENTRY = re.compile(r'^  "?([\w.]+)"?: (.+),$', re.MULTILINE)
PLACE = re.compile(r"\{(\w+)")


def table(name: str) -> dict[str, str]:
    """Keys and texts of a table, plural forms as they stand."""
    return dict(ENTRY.findall(STATIC.joinpath(name).read_text(encoding="utf-8")))


def test_both_languages_have_the_same_keys_with_the_same_places() -> None:
    english, french = table("en.js"), table("fr.js")
    assert len(english) > 250
    assert english.keys() == french.keys()
    different = {key for key in english if set(PLACE.findall(english[key])) != set(PLACE.findall(french[key]))}
    # "PUE, last 15 min" is "PUE, 15 min" in French, and each has its place.
    assert different == set()


def test_a_problem_has_titles_in_two_languages_and_a_french_description_with_its_places() -> None:
    english, french, descriptions = table("en.js"), table("fr.js"), table("problems_fr.js")
    problems = load_table().problems
    titled = {key.removeprefix("problem.") for key in english if key.startswith("problem.Dcim")}
    assert titled == problems.keys() == descriptions.keys()
    for name, problem in problems.items():
        labels = set(problem.words.labels) | {"value"}
        for text in (english[f"problem.{name}"], french[f"problem.{name}"], descriptions[name]):
            assert set(PLACE.findall(text)) <= labels | {"site"}, (name, text)


def test_every_problem_says_what_to_do_as_its_last_sentence_in_both_languages() -> None:
    """The wall shows it behind an arrow; a problem of one sentence has none."""
    french = table("problems_fr.js")
    for name, problem in load_table().problems.items():
        for text in (problem.words.render({}, 1.0), french[name].strip('"')):
            *known, next_step = re.split(r"(?<=[.!?]) (?=[A-Z\u00c0-\u00dd])", re.sub(r"[\[\]]", "", text))
            assert known, (name, text)
            assert len(next_step) > 8, (name, next_step)


def test_every_text_that_the_page_asks_for_is_there() -> None:
    """Keys that are put together are covered by the tests in Chromium."""
    english = table("en.js")
    asked: set[str] = set()
    for file in STATIC.iterdir():
        if file.name.endswith(".js"):
            asked |= set(re.findall(r'words\.say\("([\w.]+)"', file.read_text(encoding="utf-8")))
    assert len(asked) > 80
    assert asked - english.keys() == set()


def test_no_text_is_left_that_nobody_asks_for() -> None:
    code = "".join(
        file.read_text(encoding="utf-8")
        for file in STATIC.iterdir()
        if file.name.endswith(".js") and file.name not in {"en.js", "fr.js"}
    )
    made = {found.removesuffix(".") for found in re.findall(r"`([\w.]+\.)\$\{", code)}
    unused = {key for key in table("en.js") if f'"{key}"' not in code and key.rpartition(".")[0] not in made}
    assert unused == set()


def test_every_state_and_reason_of_the_catalogue_has_a_french_word() -> None:
    """`batterie low` would be neither language."""
    words = set(re.findall(r"[{,\s](\w+): \"", (STATIC / "states_fr.js").read_text(encoding="utf-8")))
    metrics = catalogue().values()
    states = {state for metric in metrics for state in metric.states}
    reasons = set(catalogue()["dcim_device_reading_suspect"].label_values["reason"])
    assert words == states | reasons | {"pumps", "primary_flow", "heat_rejection"}
