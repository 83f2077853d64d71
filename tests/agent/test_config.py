"""The agent's configuration: each fault is one line that names the place; secrets show nowhere; labels and intervals nest."""

import json
import re
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from agent.config import AgentConfig, Credential, Device
from agent.config_file import load_agent_config
from agent.vocabulary import KEYS, SECTIONS
from rackflow.catalogue import MAX_POLL_SECONDS, POLL_SECONDS, PollClass
from rackflow.errors import ConfigError
from rackflow.process.config import check_config

HALL = Path(__file__).parents[1] / "rackflow" / "site" / "site_hall.yaml"
BAD = sorted((Path(__file__).parent / "bad_config").glob("*.yaml"))
SECRETS = ("secret-community", "secret-auth-key", "secret-priv-key", "secret-password")
WHOLE = {
    "agent": "gw-1",
    "labels": {"site": "t1", "room": "r1"},
    "broker": {"username": "u", "password": "secret-password"},
    "credentials": {
        "v2": {"community": "secret-community"},
        "v3": {
            "version": "3",
            "user": "u",
            "auth": "sha256",
            "auth_key": "secret-auth-key",
            "priv": "aes128",
            "priv_key": "secret-priv-key",
        },
    },
    "intervals": {"fast": 2},
    "devices": [
        {"id": "ups-1", "host": "192.0.2.1", "credential": "v3", "labels": {"room": "r2", "feed": "a"}},
        {"id": "ups-2", "host": "192.0.2.2", "credential": "v2", "intervals": {"fast": 30, "slow": 300}},
    ],
}


def written(folder: Path, data: object) -> Path:
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
@pytest.mark.parametrize("command", ["check", "run"])
def test_bad_configuration_is_one_line_and_exit_78(
    file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expect: ")
    assert main([command, str(file)]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert expected in line
    assert line.startswith(str(file))
    assert "secret-2" not in line


V3 = {"version": "3", "user": "u", "auth": "sha256", "auth_key": "a" * 8, "priv": "aes128", "priv_key": "p" * 8}


@pytest.mark.parametrize(
    ("credential", "fault"),
    [
        (V3, ""),
        ({"version": "3", "user": "u"}, ""),
        (V3 | {"auth_key": "a" * 7}, "auth_key has 7 characters"),
        (V3 | {"priv_key": "p" * 7}, "priv_key has 7 characters"),
        (V3 | {"community": "public"}, "version 3 has no community"),
        ({"community": "c", "user": "u"}, "user, auth and priv belong to version 3"),
        # Whoever writes these expects encryption, and v2c has none.
        ({"community": "c", "auth": "sha256", "auth_key": "a" * 8}, "user, auth and priv belong to version 3"),
        ({"community": "c", "priv": "aes128", "priv_key": "p" * 8}, "user, auth and priv belong to version 3"),
    ],
)
def test_a_credential_is_whole_and_of_one_version(credential: dict[str, str], fault: str) -> None:
    whole = {**WHOLE, "credentials": {"c": credential}, "devices": []}
    if not fault:
        assert check_config(whole, AgentConfig, "test").credentials["c"].user == "u"
        return
    with pytest.raises(ConfigError, match=f"credentials.c: {fault}"):
        check_config(whole, AgentConfig, "test")


@pytest.mark.parametrize("poll", POLL_SECONDS)
def test_no_class_is_polled_less_often_than_its_readings_stay_current(poll: PollClass) -> None:
    """Each of them would be stale for a part of the time, and its device unobserved."""
    most_s = MAX_POLL_SECONDS[poll]
    assert check_config({**WHOLE, "intervals": {poll: most_s}}, AgentConfig, "test").intervals == {poll: most_s}
    too_long = {"intervals": {poll: most_s + 0.1}}
    for whole in ({**WHOLE, **too_long}, {**WHOLE, "devices": [{**DEVICE, **too_long}]}):
        with pytest.raises(ConfigError, match=rf"intervals.*{poll}|must be at most 86400"):
            check_config(whole, AgentConfig, "test")


@pytest.mark.parametrize(
    ("change", "key", "owner"),
    [
        ({"health_file": "{folder}/agent.yaml"}, "health_file", "this configuration itself"),
        ({"health_file": "{folder}/link"}, "health_file", "this configuration itself"),
        ({"outbox": {"mode": "disk", "path": "{folder}/agent.yaml"}}, "outbox.path", "this configuration itself"),
        (
            {"labels": {"site": "t1"}, "site_file": "hall.yaml", "health_file": "{folder}/hall.yaml"},
            "health_file",
            "of `site_file`",
        ),
        (
            {"broker": {"tls": True, "ca_file": "{folder}/ca.crt"}, "health_file": "{folder}/ca.crt"},
            "health_file",
            "of `broker.ca_file`",
        ),
        (
            {
                "broker": {"tls": True},
                "pair": {"cert_file": "/c", "key_file": "{folder}/k"},
                "health_file": "{folder}/k",
            },
            "health_file",
            "of `pair.key_file`",
        ),
    ],
)
def test_no_file_that_the_agent_reads_is_written_over(
    change: dict[str, object], key: str, owner: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A health file is removed at each stop: the key would be gone with it."""
    (tmp_path / "link").symlink_to(tmp_path / "agent.yaml")
    (tmp_path / "hall.yaml").symlink_to(HALL)
    path = written(tmp_path, json.loads(json.dumps(WHOLE | change).replace("{folder}", str(tmp_path))))
    assert main(["check", str(path)]) == 78
    said = capsys.readouterr().err
    assert f": {key}: is the file {owner}, which would be written over; name another" in said


def test_every_fault_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"agent": "gw-1", "labels": {"sit": "t1"}, "broker": {"port": "x"}, "devices": []})
    assert main(["check", str(path)]) == 78
    assert [
        re.sub(rf"^{re.escape(str(path))}:[0-9]+: ", "", line) for line in capsys.readouterr().err.splitlines()
    ] == [
        "labels.sit: unknown key; did you mean 'site'?",
        "broker.port: must be a whole number; write digits only, without a unit (it is 'x')",
    ]


DEVICE = {"id": "ups-1", "host": "192.0.2.1", "credential": "v2"}
INTERVALS = "use `intervals`, as in intervals: {fast: 5s}; the classes are safety, fast, normal, slow and inventory"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"polling": {"fast": 5}}, f"polling: unknown key; {INTERVALS}"),
        ({"targets": []}, "targets: unknown key; use devices, each with its `host`"),
        ({"auths": {}}, "auths: unknown key; use credentials"),
        ({"devices": [{**DEVICE, "fast": "5s"}]}, f"devices[0].fast: unknown key; {INTERVALS}"),
        ({"devices": [{**DEVICE, "slave_id": 3}]}, "devices[0].slave_id: unknown key; use unit"),
        (
            {"devices": [{**DEVICE, "community": "secret-community"}]},
            "devices[0].community: unknown key; use an entry of `credentials`, which the device names as its `credential`",
        ),
        (
            {"credentials": {"v3": {"version": "3", "user": "u", "auth_protocol": "sha256"}}},
            "credentials.v3.auth_protocol: unknown key; use auth",
        ),
    ],
)
def test_keys_of_other_collectors_name_the_place_here(
    change: dict[str, object], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, WHOLE | change)
    assert main(["check", str(path)]) == 78
    said = capsys.readouterr().err
    assert expected in [re.sub(rf"^{re.escape(str(path))}:[0-9]+: ", "", line) for line in said.splitlines()]
    assert "secret-community" not in said


def test_a_list_of_other_words_names_only_places_that_there_are() -> None:
    poll_classes = INTERVALS.partition("classes are ")[2].replace(" and ", ", ").split(", ")
    assert poll_classes == list(POLL_SECONDS)
    known = {*AgentConfig.model_fields, *Device.model_fields, *Credential.model_fields}
    assert not {*SECTIONS} & {*AgentConfig.model_fields}, "a key that is known is never asked for here"
    for remedy in {**SECTIONS, **KEYS}.values():
        first, *_ = re.findall(r"[a-z_]+", remedy)
        assert first in known | {"an"}, remedy


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5.0), ("500 ms", 0.5), ("1.5m", 90.0), ("2min", 120.0), ("3", 3.0), ("4", 4.0)]
)
def test_a_duration_may_have_its_unit(text: str, seconds: float, tmp_path: Path) -> None:
    path = written(tmp_path, {**WHOLE, "intervals": {"slow": text}})
    assert load_agent_config(path).intervals == {"slow": seconds}


def test_a_duration_may_be_an_hour_or_a_day(tmp_path: Path) -> None:
    path = written(tmp_path, {**WHOLE, "intervals": {"slow": "0.5h", "inventory": "1d"}})
    assert load_agent_config(path).intervals == {"slow": 1800.0, "inventory": 86_400.0}


@pytest.mark.parametrize("version", [3, "3"])
def test_version_3_needs_no_quotes(version: object, tmp_path: Path) -> None:
    user = {"version": version, "user": "u"}
    path = written(tmp_path, {"agent": "a", "labels": {"site": "s"}, "credentials": {"c": user}, "devices": []})
    assert load_agent_config(path).credentials["c"].version == "3"


@pytest.mark.parametrize("host", ["2001:db8::1", "::1", "ups-1.example.org", "192.0.2.1", " ups-1 "])
def test_a_host_without_a_port_is_taken(host: str, tmp_path: Path) -> None:
    device = {"id": "x", "host": host, "credential": "c"}
    config = {"agent": "a", "labels": {"site": "s"}, "credentials": {"c": {"community": "p"}}, "devices": [device]}
    assert load_agent_config(written(tmp_path, config)).devices[0].host == host.strip()


def test_secrets_show_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, WHOLE)
    config = load_agent_config(path)
    assert main(["check", str(path)]) == 0
    captured = capsys.readouterr()
    shown = [repr(config), str(config), config.model_dump_json(), str(config.model_dump()), captured.out, captured.err]
    assert not [(secret, text) for secret in SECRETS for text in shown if secret in text]
    assert config.broker.password is not None
    assert config.broker.password.get_secret_value() == "secret-password"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("v2", "community", ["secret-community"]),
        ("v3", "auth_key", {"is": "secret-auth-key"}),
        ("v3", "priv", "secret-priv-key"),
    ],
)
def test_a_fault_beside_a_secret_does_not_show_it(tmp_path: Path, section: str, key: str, value: object) -> None:
    credential = {"v2": {}, "v3": {"version": "3", "user": "u"}}[section] | {key: value}
    path = written(tmp_path, WHOLE | {"credentials": {section: credential}, "devices": []})
    with pytest.raises(ConfigError) as raised:
        load_agent_config(path)
    assert "secret-community" not in str(raised.value)
    assert "secret-auth-key" not in str(raised.value)


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACKFLOW_TEST_COMMUNITY", "from-outside")
    credentials = {"v2": {"community": "env:RACKFLOW_TEST_COMMUNITY"}}
    config = load_agent_config(written(tmp_path, WHOLE | {"credentials": credentials, "devices": []}))
    community = config.credentials["v2"].community
    assert community is not None
    assert community.get_secret_value() == "from-outside"


def test_labels_and_intervals_of_a_device_override_the_sites(tmp_path: Path) -> None:
    config = load_agent_config(written(tmp_path, WHOLE))
    first, second = config.devices
    assert config.labels_of(first) == {"site": "t1", "room": "r2", "feed": "a"}
    assert config.labels_of(second) == {"site": "t1", "room": "r1"}
    assert config.intervals_of(first) == POLL_SECONDS | {"fast": 2}
    assert config.intervals_of(second) == POLL_SECONDS | {"fast": 30, "slow": 300}


def test_equal_configurations_are_equal_and_a_changed_secret_is_a_change() -> None:
    changed = WHOLE | {"credentials": {**WHOLE["credentials"], "v2": {"community": "another"}}}  # type: ignore[dict-item]
    one, same, other = (AgentConfig.model_validate(each) for each in (WHOLE, WHOLE, changed))
    assert one == same
    assert one.credentials["v2"] != other.credentials["v2"]


SITE_TEXT = (Path(__file__).parents[1] / "rackflow" / "site" / "site_hall.yaml").read_text(encoding="utf-8")
ON_SITE: list[dict[str, object]] = [
    {"id": "pdu-a1-a", "host": "192.0.2.1", "credential": "v2"},
    {"id": "pdu-a1-b", "host": "192.0.2.2", "credential": "v2", "labels": {"rack": "a1", "feed": "B"}},
    {"id": "crac-9", "host": "192.0.2.3", "credential": "v2", "labels": {"room": "annex"}},
    {"id": "cdu-1", "protocol": "modbus", "profile": "aalc-rpu", "host": "192.0.2.4"},
    {"id": "meter-it", "protocol": "modbus", "profile": "schneider-iem3000", "host": "192.0.2.5"},
]
PLACED: dict[str, object] = {
    "agent": "gw-1",
    "site_file": "site.yaml",
    "credentials": {"v2": {"community": "secret-community"}},
    "devices": ON_SITE,
}


def test_places_roles_and_coolants_come_from_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_TEXT, encoding="utf-8")
    config = load_agent_config(written(tmp_path, PLACED))
    pdu_a, pdu_b, stranger, cdu, meter = config.devices
    whole = {"site": "t1", "room": "hall", "row": "a", "rack": "a1"}
    assert config.labels.given() == {"site": "t1"}
    assert config.labels_of(pdu_a) == whole | {"feed": "A"}
    assert config.labels_of(pdu_b) == whole | {"feed": "B"}
    assert config.labels_of(stranger) == {"site": "t1", "room": "annex"}
    assert config.labels_of(cdu) == {"site": "t1", "room": "hall", "row": "a"}
    assert {loop: each.fluid for loop, each in cdu.coolant.items()} == {"primary": "water", "secondary": "pg25"}
    assert (meter.role, cdu.role) == ("it", None)
    # What the site file has no key for stays as it is here.
    details = {"secondary": {"fluid": "pg25", "additive": "inhibitor", "concentration": "25 %"}}
    devices = [{**ON_SITE[3], "coolant": details}]
    (cdu,) = load_agent_config(written(tmp_path, PLACED | {"devices": devices})).devices
    assert cdu.coolant["secondary"].model_dump() == details["secondary"]
    assert cdu.coolant["primary"].fluid == "water"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"labels": {"site": "t2"}}, "labels.site: is 't2' here and 't1' in"),
        ({"labels": {"room": "hall"}}, "labels of places come from site_file"),
        ({"site_file": "nowhere.yaml"}, "agent.yaml:28: site_file: "),
        (
            {"devices": [{**ON_SITE[0], "labels": {"feed": "B"}}]},
            "devices[0] (pdu-a1-a).labels.feed: is 'B' here",
        ),
        (
            {"devices": [ON_SITE[0], {**ON_SITE[2], "labels": {"feed": "C"}}]},
            "agent.yaml:9: devices[1] (crac-9).labels.feed: 'C' is here, and only A, B in",
        ),
        ({"devices": [{**ON_SITE[4], "role": "pv"}]}, "devices[0] (meter-it).role: is 'pv' here and 'it' in"),
        (
            {"devices": [{**ON_SITE[3], "coolant": {"primary": {"fluid": "pg25"}}}]},
            "devices[0] (cdu-1).coolant.primary.fluid: is 'pg25' here and 'water' in",
        ),
    ],
)
def test_two_files_must_agree(tmp_path: Path, change: dict[str, object], expected: str) -> None:
    (tmp_path / "site.yaml").write_text(SITE_TEXT, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_agent_config(written(tmp_path, PLACED | change))
    assert expected in str(raised.value)


@pytest.mark.parametrize("own", [b"\xff\xfe", b"points: [", None])
def test_a_profile_of_ones_own_that_cannot_be_read_is_one_line(
    tmp_path: Path, own: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    if own is None:
        (folder / "mine.yaml").mkdir()
    else:
        (folder / "mine.yaml").write_bytes(own)
    assert main(["check", str(written(tmp_path, WHOLE | {"profiles": str(folder)}))]) == 78
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{folder}/mine.yaml:")
