"""What people do to configuration files: each mistake is one line that says what is wrong, where, and what to do."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent.cli import main as agent
from agent.config import AgentConfig, Device, Labels
from collector.cli import main as collector
from collector.config import CollectorConfig
from rackflow.errors import ConfigError
from rackflow.process.broker import Broker
from rackflow.process.config import check_config, load_config
from rackflow.process.key_types import models_in
from rackflow.process.yaml import load_yaml_text
from rackflow.recording import read_mbrec, read_snmprec
from rackflow.site import parse_site
from rackflow.site.file import SiteFile
from rackflow.site.power import Battery

AGENT = "agent: gw-1\nlabels: {site: cas1}\nbroker: {host: 127.0.0.1}\ndevices: []\n"
COLLECTOR = "broker: {host: 127.0.0.1}\nstore: {kind: file, path: points}\ndead_letter: dead.jsonl\n"


def said(content: bytes, folder: Path) -> str:
    path = folder / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_config(path, AgentConfig)
    return str(raised.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"agent: gw\n\tbroker: x\n", ":2: is indented with a tab; use spaces"),
        (b"labels:\n  site: a\n \tbroker: {host: b}\n", ":3: is indented with a tab; use spaces"),
        (
            b"agent: gw\nlabels: {site: a}\n  broker: {host: b}\n",
            ":3: did not find expected key; check the indentation",
        ),
        (b"agent: gw\n  site: a\n", ":2: mapping values are not allowed in this context; check the indentation"),
        (
            AGENT.encode("utf-16"),
            ": cannot be read: is UTF-16, as Windows' Notepad and PowerShell write it; save it as UTF-8",
        ),
        (b"\xe9\xe9", ": cannot be read: byte 1 is not UTF-8; correct the path, or save the text as UTF-8"),
        (b"", ": the file is empty; correct the path, or write it"),
        (
            b"- agent: gw\n",
            ": (top level): is a list, and keys are expected; write them as `key: value`, one to a line",
        ),
        (
            AGENT.replace("{host: 127.0.0.1}", "{tls: {ca_file: ca.pem}}").encode(),
            ":3: broker.tls: is a section; write true or false, with its keys beside 'tls'",
        ),
        (
            AGENT.replace("broker: {host", "broker: {hots").encode(),
            ":3: broker.hots: unknown key; did you mean 'host'?",
        ),
        (
            (AGENT.replace("[]", "") + "  - {id: a, host: b, credentials: c}\n").encode(),
            ":5: devices[0].credentials: unknown key; did you mean 'credential'?",
        ),
        (
            (AGENT.replace("[]", "") + "  - {id: a, host: b, credential: c}\n").encode(),
            ":5: devices[0].credential: device 'a' names credential 'c', known are: none; correct the name",
        ),
        (
            (AGENT.replace("[]", "") + 2 * "  - {id: a, protocol: modbus, profile: x, host: b}\n").encode(),
            ":6: devices[1].id: device 'a' is given twice; ids must be unique",
        ),
        (
            (AGENT.replace("[]", "") + "  - {id: gw-1, protocol: modbus, profile: x, host: b}\n").encode(),
            ":5: devices[0].id: device 'gw-1' has the agent's own name; rename one of them",
        ),
        (
            AGENT.replace("gw-1", "gw 1").encode(),
            ":1: agent: is a name of 1 to 64 letters, digits, and _ . : - without blanks and accents; rename it (it is 'gw 1')",
        ),
        ((AGENT + "intervals: {fats: 5}\n").encode(), ":5: intervals.fats: unknown key; use 'safety', 'fast'"),
        (
            AGENT.replace("[]", "ups-1").encode(),
            ":4: devices: is a single value, and a list is expected; put it in brackets: devices: [...]",
        ),
    ],
)
def test_a_file_that_is_no_configuration_says_what_to_do_about_it(content: bytes, says: str, tmp_path: Path) -> None:
    assert said(content, tmp_path).startswith(says)


DEVICE = "agent: gw-1\nlabels: {{site: cas1}}\nbroker: {{host: 127.0.0.1}}\ndevices:\n  - {{protocol: modbus, profile: aalc-rpu, {}}}\n"


def device(keys: str) -> Device:
    (found,) = check_config(load_yaml_text(DEVICE.format(keys), "f"), AgentConfig, "f").devices
    return found


@pytest.mark.parametrize(
    ("host", "says"),
    [
        # Systems read these as 192.0.2.8, 192.0.0.2, 192.0.2.1 and 192.0.2.10: another device would be polled under this name.
        ("ups\u200b.example.org", "has a character that cannot be seen; type it anew"),
        ("192.0.2.010", "has a number that begins with 0, which systems read as octal; write 192.0.2.10"),
        ("192.0.2", "is no IPv4 address; write four numbers of 0 to 255"),
        ("0xC0.0.2.1", "is no IPv4 address"),
        ("'3221225994'", "is no IPv4 address"),
        ("192.0.2.300", "is no IPv4 address"),
        ("3221225994", "is a number to YAML; a text needs quotes"),
        ("192.0.2.10/24", "is a network; write the address of one device, as in 192.0.2.10"),
        ("http://192.0.2.10/", "is an address of a web page"),
        ("192.0.2.10/index.html", "is an address of a web page; give only the host name or address in it"),
        ("'[2001:db8::1]:161'", "has a port in it; write host: 2001:db8::1 and port: 161"),
        ("fe80::1", "is a link-local address, which needs this machine's interface; write it as in fe80::1%eth0"),
        ("\u201c192.0.2.10\u201d", "has quotation marks in it; write it without them"),
    ],
)
def test_an_address_that_systems_read_otherwise_than_people_is_refused(host: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        device(f"id: a, host: {host}")
    assert f"devices[0].host: {says}" in str(raised.value)
    if "number to" not in says:
        assert agent(["walk", "--protocol", "modbus", "--registers", "7", host.strip("'")]) == 78


def test_what_looks_like_a_name_or_an_address_stays() -> None:
    for host in ("192.0.2.10", "2001:db8::1", "fe80::1%eth0", "ups-010", "10.example", "0xup.example"):
        assert device(f'id: a, host: "{host}"').host == host
    assert device('id: a, host: "[2001:db8::1]"').host == "2001:db8::1", "resolvers know no name in brackets"


def test_digits_are_a_number_or_a_name_as_their_key_needs_it() -> None:
    """Aligned in a list, units and names begin with zeros; YAML 1.1 reads 012 as ten."""
    found = device("id: 0123, host: a, unit: 012, port: 00502")
    assert (found.id, found.unit, found.port) == ("0123", 12, 502)
    with pytest.raises(ConfigError, match=r"devices\[0\].id: is a number to YAML; a text needs quotes \(it is 123\)"):
        device("id: 123, host: a")


@pytest.mark.parametrize("written", ["01.03.2024", "2024-13-01", "2024-03", "2024", "2024-03-01T08:00", "[1]"])
def test_a_date_that_is_none_says_how_to_write_it(written: str) -> None:
    text = "runtimes: {20000: 2000, 60000: 500}\ninstalled: "
    with pytest.raises(ConfigError, match="f:2: installed: is no date; write it like 2024-03-01"):
        check_config(load_yaml_text(text + written, "f"), Battery, "f", text + written)
    assert check_config(load_yaml_text(f"{text}2024-03-01", "f"), Battery, "f").installed == date(2024, 3, 1)


def test_a_runtime_without_end_is_refused() -> None:
    text = "runtimes: {5000: .inf}\n"
    with pytest.raises(ConfigError, match=r"a\.yaml:1: runtimes\[5000\]: is no finite number; write one"):
        check_config(load_yaml_text(text, "a.yaml"), Battery, "a.yaml", text)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:0", "is not an address"),
        ("http://127.0.0.1:65536", "is not an address"),
        ("http://127.0.0.1:8086/a b", "is not an address"),
        ("192.0.2.1:8086", "is not an address"),
        ("ftp://127.0.0.1:8086", "is not an address"),
        ("http://admin:hunter2@127.0.0.1:8086", "has a user name or password in it; remove them and use `token`"),
    ],
)
def test_a_stores_address_that_cannot_be_asked_is_refused_and_not_shown(url: str, says: str) -> None:
    text = f"broker: {{}}\nstore: {{kind: influxdb, bucket: b, url: {url!r}}}\ndead_letter: dead.jsonl\n"
    with pytest.raises(ConfigError) as raised:
        check_config(load_yaml_text(text, "c.yaml"), CollectorConfig, "c.yaml", text)
    assert f"c.yaml:2: store.url: {says}" in str(raised.value)
    assert url not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("credential", ["hunter2", "[hunter2]", "{version: 2c, community: public, context: [hunter2]}"])
def test_a_community_in_the_place_of_its_section_is_not_repeated(credential: str, tmp_path: Path) -> None:
    """`ro: public` below `credentials` is how other programs have it."""
    told = said(f"{AGENT}credentials:\n  ro: {credential}\n".encode(), tmp_path)
    assert "credentials.ro" in told
    assert "hunter2" not in told


def test_what_would_command_a_terminal_is_shown_as_text(tmp_path: Path) -> None:
    told = said((AGENT + '"\\e[2Jkey": 1\n').encode(), tmp_path)
    assert told.startswith(r":5: \x1b[2Jkey: unknown key")


def test_of_very_many_faults_a_hundred_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    lines = said((AGENT + "".join(f"key_{number}: 1\n" for number in range(103))).encode(), tmp_path).splitlines()
    assert len(lines) == 101
    assert "key_99: unknown key" in lines[99]
    assert lines[100].endswith("f.yaml: 3 more faults")


def test_blanks_around_a_text_do_not_belong_to_it() -> None:
    """As they come along when an account is pasted between quotation marks."""
    assert Broker(username=" gw-1 ").username == "gw-1"


def test_a_secret_in_typographic_quotation_marks_is_refused_and_not_shown() -> None:
    text = AGENT + "credentials: {c: {version: 2c, community: \u201chunter2\u201d}}\n"
    with pytest.raises(ConfigError, match="community: is in typographic quotation marks") as raised:
        check_config(load_yaml_text(text, "f"), AgentConfig, "f", text)
    assert "hunter2" not in str(raised.value)


def test_a_folder_in_place_of_a_file_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["check", str(tmp_path)], ["replay", str(tmp_path)], ["replay", f"{tmp_path}/a.mbrec/b"]):
        (tmp_path / "a.mbrec").touch()
        assert agent(command) == 78
        remedy = (
            "name a file in it" if command[1] == str(tmp_path) else "cannot be read: Not a directory; correct the path"
        )
        assert capsys.readouterr().err.rstrip().endswith(remedy)


def test_a_file_of_another_command_is_named_as_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "collector.yaml").write_text(COLLECTOR)
    assert agent(["check", str(tmp_path / "collector.yaml")]) == 78
    # What else is wrong with it, seen as an agent's, would be ten lines that help nobody.
    (first,) = capsys.readouterr().err.splitlines()
    assert (
        "collector.yaml: is a collector's configuration, and an agent's configuration is needed here; correct" in first
    )
    assert collector(["check", str(tmp_path / "agent.yaml")]) == 78
    (first,) = capsys.readouterr().err.splitlines()
    assert "agent.yaml: is an agent's configuration, and a collector's configuration is needed here; correct" in first
    with pytest.raises(ConfigError, match=r"^site\.yaml: is an agent's configuration, and a site file is needed here"):
        parse_site(AGENT, "site.yaml")


def test_one_key_of_another_command_does_not_make_a_file_another_ones(tmp_path: Path) -> None:
    assert "is a collector's" not in said((AGENT + "listen: 127.0.0.1:9420\n").encode(), tmp_path)


def test_a_key_in_the_wrong_section_is_not_said_to_be_like_itself() -> None:
    text = COLLECTOR + "host: 127.0.0.1\n"
    with pytest.raises(ConfigError, match=r"c:4: host: unknown key; it belongs to `broker`: check the indentation"):
        check_config(load_yaml_text(text, "c"), CollectorConfig, "c", text)
    with pytest.raises(ConfigError, match=r"site: unknown key; it belongs to `labels` or `devices.labels`: check"):
        check_config({"agent": "a", "site": "s", "devices": []}, AgentConfig, "c", "")
    with pytest.raises(ConfigError, match=r"broker.outbox: unknown key; it belongs to the top level"):
        check_config({"agent": "a", "broker": {"outbox": {}}, "devices": []}, AgentConfig, "c", "")


def test_a_recording_that_powershell_wrote_is_named_as_what_it_is(tmp_path: Path) -> None:
    snmp, modbus = tmp_path / "a.snmprec", tmp_path / "a.mbrec"
    snmp.write_text("1.3.6.1.2.1.1.1.0|4|a UPS\n", encoding="utf-16")
    modbus.write_text("1|holding|0|5\n", encoding="utf-16")
    with pytest.raises(ConfigError, match=r"a\.snmprec: is UTF-16, as PowerShell's > writes it"):
        read_snmprec(snmp)
    with pytest.raises(ConfigError, match=r"a\.mbrec: cannot be read: is UTF-16"):
        read_mbrec(modbus)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        # A unit behind a number, in a key that has its own.
        (
            "devices",
            "outbox: {mode: disk, path: o.db, max_age_s: 7d}\ndevices",
            "_s: is a number with a unit, and the key",
        ),
        (
            "devices",
            "outbox: {mode: disk, path: o.db, max_age_s: 7d}\ndevices",
            "; write max_age_s: 604800 (it is '7d')",
        ),
        (
            "devices",
            "outbox: {mode: disk, path: o.db, limit_bytes: 1 GiB}\ndevices",
            "; write limit_bytes: 1073741824 (it",
        ),
        (
            "devices",
            "outbox: {mode: disk, path: o.db, limit_bytes: 1e9}\ndevices",
            "must be a whole number; write digits only",
        ),
        (
            "{host: 127.0.0.1}",
            "{port: [1883]}",
            ":3: broker.port: is a list, and a whole number is expected; write one",
        ),
        ("{host: 127.0.0.1}", "{port: 70000}", ":3: broker.port: must be at most 65535 (it is 70000)"),
        (
            "{host: 127.0.0.1}",
            "{tls: maybe}",
            ":3: broker.tls: is neither true nor false; write one of them (it is 'maybe')",
        ),
        ("{host: 127.0.0.1}", "{host: [a]}", ":3: broker.host: is a list, and a single text is expected; write one"),
        (
            "{host: 127.0.0.1}",
            "{port:1883}",
            ":3: broker.port: has no blank behind its colon, which YAML needs; put one there",
        ),
        (
            "{host: 127.0.0.1}",
            "{host: ::1}",
            "; a text with a bracket, a comma or a colon in it, such as ::1, needs quotes",
        ),
        ("{host: 127.0.0.1}", "{host: ' '}", ":3: broker.host: is empty; write an address or a host name"),
        (
            "{host: 127.0.0.1}",
            "{host: 192.0.2.1-9}",
            ":3: broker.host: is a range; write the address of one device, as in 192.0.2.1",
        ),
        (
            "{host: 127.0.0.1}",
            "{username: u, password: ''}",
            ":3: broker.password: is empty; give the account's password",
        ),
        ("{host: 127.0.0.1}", "{username: '', password: p}", ":3: broker.username: is empty; write the account's name"),
        ("devices", "log_level: INFO\ndevices", "'warning' or 'error'; did you mean 'info'? (it is 'INFO')"),
        ("devices", "log_level: warn\ndevices", "'warning' or 'error'; did you mean 'warning'? (it is 'warn')"),
        ("devices: []", "devices: []\n1: x", ":5: key 1: is a key that YAML does not read as a text; put it in quotes"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words_with_what_to_write(
    before: str, after: str, says: str, tmp_path: Path
) -> None:
    assert before in AGENT
    found = said(AGENT.replace(before, after, 1).encode(), tmp_path)
    assert says in found
    assert found.count("\n") == 0


def sections_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    found, left = set[type[BaseModel]](), [model]
    while left:
        if (each := left.pop()) not in found:
            found.add(each)
            left += [inner for field in each.model_fields.values() for inner in models_in(field.annotation)]
    return found


@pytest.mark.parametrize("model", [AgentConfig, CollectorConfig, SiteFile])
def test_a_key_with_nothing_behind_it_is_refused_in_every_section_of_every_file(model: type[BaseModel]) -> None:
    """`profiles:` that was to be filled in was taken as left out: the agent ran without its own profiles."""
    optional = 0
    for section in sections_of(model):
        for name, field in section.model_fields.items():
            key = field.alias or name
            with pytest.raises(ConfigError) as raised:
                check_config({key: None}, section, "f.yaml", f"{key}:\n")
            told = [line for line in str(raised.value).split("\n") if f": {key}: is empty; " in line]
            assert len(told) == 1, (section, key, str(raised.value))
            assert told[0].startswith("f.yaml:1: ")
            optional += not field.is_required() and field.default is None
    assert optional > 5


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("profiles:", ":5: profiles: is empty; fill it in, or remove it if it may be left out"),
        ("outbox: {mode: memory, limit_bytes: }", ":5: outbox.limit_bytes: is empty; fill it in, or remove it"),
        ("pair: {password: }", ":5: pair.password: is empty; fill it in, or remove it"),
        ("traps:", ":5: traps: is empty; write `traps: {}`, or remove it"),
    ],
)
def test_an_optional_key_with_nothing_behind_it_is_one_line(line: str, says: str, tmp_path: Path) -> None:
    found = said((AGENT + line + "\n").encode(), tmp_path)
    assert found.startswith(says)
    assert found.count("\n") == 0


def test_what_a_program_leaves_none_is_left_out() -> None:
    assert check_config({"site": None, "rack": "b07"}, Labels, "arguments").given() == {"rack": "b07"}


def test_a_required_key_with_a_slip_is_one_line(tmp_path: Path) -> None:
    assert said(AGENT.replace("devices", "devics").encode(), tmp_path) == (
        ":4: devics: unknown key; did you mean 'devices'?"
    )


def test_a_password_without_a_blank_before_it_or_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    glued = AGENT.replace("{host: 127.0.0.1}", "\n  username: u\n  password:hunter2\n")
    assert "hunter2" not in said(glued.encode(), tmp_path)
    glued = AGENT.replace("{host: 127.0.0.1}", "{username: u, password:hunter2: }")
    assert said(glued.encode(), tmp_path).startswith(":3: broker.password: has no blank behind its colon")
    address = AGENT.replace("127.0.0.1", "u:hunter2@broker.example")
    assert said(address.encode(), tmp_path) == (
        ":3: broker.host: has a user name in it; write only what stands behind the @"
    )


@pytest.mark.parametrize("written", ["${COMMUNITY}", "$RACKFLOW_COMMUNITY"])
def test_a_variable_of_a_shell_is_no_secret(written: str, tmp_path: Path) -> None:
    text = AGENT.replace("devices", f"credentials:\n  ups: {{version: 2c, community: '{written}'}}\ndevices")
    assert said(text.encode(), tmp_path) == (
        ":5: credentials.ups.community: is written as in a shell, and nothing replaces it here; write env:NAME"
    )


@pytest.mark.parametrize("written", ["${COMMUNITY}", "${COMMUNITY:-public}"])
def test_a_variable_of_a_shell_without_quotes_in_braces_is_told_in_our_words(written: str, tmp_path: Path) -> None:
    text = AGENT.replace("devices", f"credentials:\n  ups: {{version: 2c, community: {written}}}\ndevices")
    assert "is written as in a shell, and nothing replaces it here; write env:NAME" in said(text.encode(), tmp_path)


def test_a_special_blank_in_an_indentation_is_named(tmp_path: Path) -> None:
    text = AGENT.replace("{host: 127.0.0.1}", "\n\u00a0\u00a0host: 127.0.0.1")
    assert said(text.encode(), tmp_path) == ":4: is indented with a special blank (U+00A0); use plain spaces"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("listen: http://127.0.0.1:9420", "is an address of a web page; write host:port, for example 127.0.0.1:9420"),
        ("listen: ':9420'", "for all addresses of this machine write 0.0.0.0:9420 or '[::]:9420'"),
        ("listen: '*:9420'", "for all addresses of this machine write 0.0.0.0:9420 or '[::]:9420'"),
        ("listen: '::1:9420'", "needs brackets around an IPv6 address; write '[::1]:9420'"),
        ("listen: 999.0.0.1:9420", "is no IPv4 address"),
        ("problems: {state: ''}", "problems.state: is empty; write the path of a file or folder"),
        ("ledger: ~/ledger.db", "ledger: begins with ~, which is not replaced here; write the whole path"),
        ("owners: [x]", "owners: is a list, and keys are expected"),
        ("http: {hosts: [a b]}", "http.hosts[0]: is a name of 1 to 253 letters, digits, and . - without blanks"),
        ("sites: [a b]", "sites[0]: is a name of 1 to 64 letters"),
        ("derive: {batteries: {u: {runtimes: {}}}}", "derive.batteries.u.runtimes: is empty; give at least 1"),
        ("problems: {alertmanagers: ['http://am:9093/api/v2']}", "ends with the path of the API, which is added to it"),
        ("site_file: nowhere.yaml", ":4: site_file: nowhere.yaml: no such file; correct the path"),
        ("site_file: .", ":4: site_file: . is no regular file; name a file"),
        ("problems: {limits: nowhere.yaml}", ":4: problems.limits: nowhere.yaml: no such file; correct the path"),
        ("http: {web_config: nowhere.yaml}", ":4: http.web_config: nowhere.yaml: no such file; correct the path"),
    ],
)
def test_a_slip_in_a_collectors_configuration_is_one_line_with_its_key(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(COLLECTOR + line + "\n", encoding="utf-8")
    assert collector(["check", "c.yaml"]) == 78
    found = capsys.readouterr().err
    assert says in found
    assert found.startswith("c.yaml:")
    assert found.count("\n") == 1


def test_a_check_says_that_the_file_of_maintenance_windows_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(COLLECTOR + "problems: {maintenance: m.yaml}\n", encoding="utf-8")
    assert collector(["check", "c.yaml"]) == 0
    assert "problems.maintenance: m.yaml is not there, so there is no maintenance window" in capsys.readouterr().out
    Path("m.yaml").symlink_to("m.yaml")
    assert collector(["check", "c.yaml"]) == 78
    assert capsys.readouterr().err == (
        "m.yaml: cannot be read: Too many levels of symbolic links; it is a link to itself\n"
    )


@pytest.mark.parametrize("command", ["check", "run", "doctor"])
@pytest.mark.parametrize(("side", "text"), [(agent, AGENT), (collector, COLLECTOR)])
def test_check_run_and_doctor_take_the_services_file_of_variables(
    side: Callable[[list[str]], int], text: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The remedy for a variable that is not set names these commands."""
    config, variables = tmp_path / "c.yaml", tmp_path / "c.env"
    config.write_text(text, encoding="utf-8")
    variables.write_text("no variable\n", encoding="utf-8")
    assert side([command, str(config), "--env-file", str(variables)]) == 78
    assert capsys.readouterr().err == f"{variables}:1: is not NAME=VALUE\n"
