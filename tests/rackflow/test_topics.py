"""Topics: building and taking apart are each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ContractError
from rackflow.topics import Kind, Topic, build_topic, parse_topic, stored_subscription, subscription

names = st.from_regex(r"[A-Za-z0-9_.:-]{1,64}", fullmatch=True)
device_kinds = st.sampled_from(["batch", "event", "device"])


@given(names, names, device_kinds, names)
def test_parse_is_the_inverse_of_build(site: str, agent: str, kind: Kind, device: str) -> None:
    topic = Topic(site, agent, kind, device)
    assert parse_topic(build_topic(topic)) == topic


@given(names, names)
def test_status_topics_have_no_device(site: str, agent: str) -> None:
    topic = Topic(site, agent, "status")
    assert parse_topic(build_topic(topic)) == topic


@given(names, names, names)
def test_stored_topics_name_a_collector(site: str, agent: str, collector: str) -> None:
    topic = Topic(site, agent, "stored", collector=collector)
    assert parse_topic(build_topic(topic)) == topic


@given(st.text(max_size=80))
def test_parse_takes_topics_or_says_no(text: str) -> None:
    try:
        topic = parse_topic(text)
    except ContractError as error:
        refused = error.reason
    else:
        refused = ""
        assert build_topic(topic) == text
    assert refused in {"", "topic"}


@pytest.mark.parametrize(
    "topic",
    [
        Topic("a/b", "g", "status"),
        Topic("s", "g", "batch", ""),
        Topic("s", "g", "batch", "d#"),
        Topic("s", "g", "status", "d"),
        Topic("s", "+", "status"),
        Topic("s", "batch", "status"),  # what an account named like a site could write
        Topic("s", "g", "stored", "d"),
        Topic("s", "g", "stored", collector="+"),
    ],
)
def test_a_name_that_is_no_level_is_refused(topic: Topic) -> None:
    with pytest.raises(ContractError, match="topic"):
        build_topic(topic)


def test_subscriptions_cover_one_site_or_all() -> None:
    assert subscription(kind="batch") == "rackflow/v1/+/+/batch/+"
    assert subscription("cas1", "status") == "rackflow/v1/cas1/+/status"
    assert stored_subscription("cas1", "gw-3") == "rackflow/v1/cas1/gw-3/stored/+"


@pytest.mark.parametrize(
    "text",
    [
        "rackflow/v1/s/g",
        "rackflow/v1/s/g/batch",
        "rackflow/v1/s/batch/status",
        "rackflow/v1/s/stored/status",
        "rackflow/v1/s/device/batch/d",
        "rackflow/v1/s/g/status/d",
        "rackflow/v1/s/g/batch/d/e",
        "rackflow/v1/s/g/trap/d",
        "rackflow/v2/s/g/batch/d",
        "other/v1/s/g/batch/d",
        "rackflow/v1//g/batch/d",
        "rackflow/v1/s/g/batch/",
        "/rackflow/v1/s/g/batch/d",
        f"rackflow/v1/s/g/batch/{'d' * 65}",
    ],
)
def test_what_is_not_a_topic_of_the_contract_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="topic"):
        parse_topic(text)


def test_topics_and_subscriptions_are_built_and_read() -> None:
    longest = "d" * 64
    assert build_topic(Topic("cas1", "gw-3", "batch", longest)) == f"rackflow/v1/cas1/gw-3/batch/{longest}"
    assert build_topic(Topic("cas1", "gw-3", "status")) == "rackflow/v1/cas1/gw-3/status"
    assert parse_topic("rackflow/v1/cas1/gw-3/event/cdu-07") == Topic("cas1", "gw-3", "event", "cdu-07")
    assert subscription("cas1", "device") == "rackflow/v1/cas1/+/device/+"
    assert subscription() == "rackflow/v1/+/+/+/+"
    assert subscription(kind="status") == "rackflow/v1/+/+/status"
