"""`rackflow-collector forget`: what was retired or renamed leaves the broker and running collectors, end to end."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from itertools import count
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from collector.cli import main
from collector.forget import Target, account_options
from rackflow import Status
from rackflow.process.broker import Broker
from tests.collector.documents import batch, document, status
from tests.collector.running import Running, config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import PATIENCE_S, eventually

PREFIX = "rackflow/v1/cas1/gw-3"


def config_file(folder: Path, port: int, **account: str) -> Path:
    """A collector's configuration file with this broker."""
    data = {
        "broker": {"port": port, "timeout_s": 5, **account},
        "store": {"kind": "file", "path": str(folder / "other-points")},
        "dead_letter": str(folder / "other-dead.jsonl"),
    }
    path = folder / "forget.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


async def forget(file: Path, *arguments: str) -> int:
    """The command, as from a shell beside the running collector."""
    return await asyncio.to_thread(main, ["forget", str(file), *arguments])


async def names(one: Running) -> set[str]:
    """Devices and agents that /metrics mentions."""
    text = (await one.get("/metrics")).text
    return {name for name in ("cdu-07", "cdu-08", "cdu-09", "gw-3", "gw-4") if f'"{name}"' in text}


async def shows(one: Running, *expected: str) -> None:
    """Wait until /metrics mentions exactly these."""

    def reached() -> bool:
        return asyncio.run(names(one)) == set(expected)

    await eventually(reached, f"only {expected}")


def gone(one: Status) -> Status:
    return msgspec.structs.replace(one, status="offline")


async def test_a_device_that_was_renamed_is_listed_first_and_then_gone_from_broker_and_collector(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_file(tmp_path, mosquitto.port)
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        # Its agent died before the renaming, so that nobody took the old document back.
        await publish(client, gone(status()), document("cdu-07"), document("cdu-08"))
        await publish(client, batch("cdu-07", seq=1), batch("cdu-08", seq=2))
        await shows(one, "cdu-07", "cdu-08", "gw-3")
        assert await forget(file, "cas1/gw-3/cdu-07", "--dry-run") == 0
        assert capsys.readouterr().out == "would forget cas1/gw-3/cdu-07: cdu Acme L2L 100 42\n"
        await shows(one, "cdu-07", "cdu-08", "gw-3")
        row = {"target": "cas1/gw-3/cdu-07", "what": "cdu Acme L2L 100 42", "forgotten": False}
        assert await forget(file, "cas1/gw-3/cdu-07", "--dry-run", "--output", "json") == 0
        assert json.loads(capsys.readouterr().out) == [row]
        assert await forget(file, "cas1/gw-3/cdu-99", "--output", "yaml") == 0
        assert capsys.readouterr().out == "[]\n", "a program reads an empty list; the hint is beside it"
        assert await forget(file, "cas1/gw-3/cdu-07") == 0
        assert capsys.readouterr().out == "forgot cas1/gw-3/cdu-07: cdu Acme L2L 100 42\n"
        await shows(one, "cdu-08", "gw-3")
        # A second time nothing is there, which may be a slip of the pen.
        assert await forget(file, "cas1/gw-3/cdu-07") == 0
        assert (
            "nothing is retained, or account without a name may not read it; check the spelling"
            in capsys.readouterr().err
        )
    async with running(config_for(mosquitto.port, tmp_path)) as one:
        await shows(one, "cdu-08", "gw-3")


async def test_a_retired_agent_goes_with_its_devices_its_expected_polls_and_its_lines_of_the_ledger(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For good: they are not there after a restart either. The ledger itself still has the account."""
    file = config_file(tmp_path, mosquitto.port)
    other = msgspec.structs.replace(status("cdu-09"), agent="gw-4")
    config = config_for(mosquitto.port, tmp_path)
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        # cdu-08 has no document: only the collector knows it.
        described = msgspec.structs.replace(document("cdu-09"), agent="gw-4")
        await publish(client, status("cdu-07", "cdu-08"), document("cdu-07"), other, described)
        polled = msgspec.structs.replace(batch("cdu-09"), agent="gw-4")
        await publish(client, batch("cdu-07", seq=1), batch("cdu-08", seq=2), polled)
        await shows(one, "cdu-07", "cdu-08", "cdu-09", "gw-3", "gw-4")
        ledger = 'dcim_collector_ledger_stored_messages{agent="gw-3",site="cas1"}'
        await one.reaches(ledger, lambda stored: stored == 2)
        await publish(client, gone(status()))
        assert await forget(file, "cas1/gw-3") == 0
        expected = "forgot cas1/gw-3/cdu-07: cdu Acme L2L 100 42\nforgot cas1/gw-3: status offline\n"
        assert capsys.readouterr().out == expected
        await shows(one, "cdu-09", "gw-4")
        assert one.collector.stats().devices_up == ("cas1/cdu-09",)
    assert main(["ledger", str(write_ledger_config(tmp_path))]) == 0
    assert "cas1/gw-3" in capsys.readouterr().out
    async with running(config) as one:
        await one.reaches('dcim_collector_ledger_stored_messages{agent="gw-4",site="cas1"}', lambda stored: stored == 1)
        await shows(one, "cdu-09", "gw-4")
        # An agent of that name that comes again is a new one.
        async with publisher(mosquitto.port) as client:
            await publish(client, status("cdu-07", epoch="01JD60"))
            await publish(client, msgspec.structs.replace(batch("cdu-07"), epoch="01JD60"))
            await one.reaches(ledger, lambda stored: stored == 1)


async def test_a_device_that_only_its_messages_made_known_is_forgotten_as_well(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Nothing of it is retained, as after a broker that lost its files."""
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, gone(status()), batch("cdu-07", seq=1), batch("cdu-08", seq=2))
        await shows(one, "cdu-07", "cdu-08", "gw-3")
        assert await forget(config_file(tmp_path, mosquitto.port), "cas1/gw-3/cdu-07") == 0
        await shows(one, "cdu-08", "gw-3")


def write_ledger_config(folder: Path) -> Path:
    """The configuration of the collector under test, for commands that read its files."""
    data = {
        "client_id": "collector-under-test",
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
    }
    path = folder / "ledger.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


async def test_forget_refuses_what_a_running_agent_would_publish_again_unless_forced(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device that the agent no longer names is."""
    file = config_file(tmp_path, mosquitto.port)
    async with publisher(mosquitto.port) as client:
        await publish(client, status("cdu-07"), document("cdu-07"), document("cdu-08"))
        for target, remedy in (
            ("cas1/gw-3", "stop it, and try again"),
            ("cas1/gw-3/cdu-07", "remove the device from its configuration, and try again"),
        ):
            assert await forget(file, target) == 1
            error = capsys.readouterr().err
            assert f"agent cas1/gw-3 is online and would bring {target} back with its next poll; {remedy}" in error
        assert await forget(file, "cas1/gw-3/cdu-08") == 0
        assert await forget(file, "cas1/gw-3", "--force") == 0
        assert "cdu-07" in capsys.readouterr().out
        assert await forget(file, "cas1/gw-3", "--dry-run") == 0
        assert "nothing is retained" in capsys.readouterr().err


async def test_a_running_agent_of_which_no_device_is_described_is_not_forgotten_either(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of its devices has answered yet, so that only its status is retained, and comes behind the answer to the subscription."""
    file = config_file(tmp_path, mosquitto.port)
    async with publisher(mosquitto.port) as client:
        await publish(client, status("cdu-07"))
        assert await forget(file, "cas1/gw-3") == 1
        assert "agent cas1/gw-3 is online and would bring cas1/gw-3 back" in capsys.readouterr().err
        await publish(client, gone(status()))
        assert await forget(file, "cas1/gw-3") == 0
        assert capsys.readouterr().out == "forgot cas1/gw-3: status offline\n"


@asynccontextmanager
async def published_again(port: int, topic: str) -> AsyncIterator[threading.Event]:
    """Somebody publishes what is retained on a topic again as soon as it is cleared, as an agent does with its next poll."""
    async with publisher(port) as client:
        await client.subscribe(topic, qos=1)
        is_back = threading.Event()

        async def answer() -> None:
            kept = b""
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                if not message.payload:
                    await client.publish(topic, kept, qos=1, retain=True)
                    is_back.set()
                    return
                kept = message.payload

        answering = asyncio.create_task(answer(), name="publishes again")
        yield is_back
        async with asyncio.timeout(PATIENCE_S):
            await answering


@pytest.mark.parametrize("again", ["device/cdu-07", "status"])
async def test_what_is_published_again_meanwhile_is_not_called_forgotten(
    again: str,
    mosquitto: Mosquitto,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent that was thought to be gone."""
    async with publisher(mosquitto.port) as client:
        await publish(client, gone(status()), document("cdu-07"), document("cdu-08"))
        async with published_again(mosquitto.port, f"{PREFIX}/{again}") as is_back:

            @contextmanager
            def progress(_: str, total: int) -> Iterator[Callable[[], None]]:
                """The command's own, which goes on after the last topic only once the other one has published."""
                cleared = count(1)

                def done() -> None:
                    assert next(cleared) < total or is_back.wait(PATIENCE_S)

                yield done

            monkeypatch.setattr("collector.forget.progress", progress)
            assert await forget(config_file(tmp_path, mosquitto.port), "cas1/gw-3") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cas1/gw-3 is there again: its agent still publishes it; stop the agent" in captured.err


RULES = """
user rackflow-collector
topic read rackflow/v1/#
user operator
topic read rackflow/v1/#
topic write rackflow/v1/+/+/device/+
topic write rackflow/v1/+/+/status
user cas1-gw-3
topic readwrite rackflow/v1/#
"""
PASSWORDS = {"rackflow-collector": "c", "operator": "o", "cas1-gw-3": "a"}


@contextmanager
def guarded(folder: Path, extra: Sequence[str] = ()) -> Iterator[Mosquitto]:
    """A broker with accounts and an access list."""
    folder.mkdir()
    rules = folder / "acl"
    rules.write_text(RULES, encoding="utf-8")
    lines = [f"acl_file {rules}", *extra]
    with Mosquitto(folder, persistence=True, passwords=PASSWORDS, extra=lines).serving() as server:
        yield server


@pytest.mark.parametrize("account", [None, ("rackflow-collector", "c")], ids=["without an account", "the collector's"])
async def test_every_device_of_a_large_agent_is_found_although_a_broker_sends_a_few_at_a_time(
    account: tuple[str, str] | None, mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broker has 20 messages in flight, or as many as a collector takes; the next follow as those are acknowledged."""
    devices = [f"pdu-{at:04}" for at in range(1_100)]
    with nullcontext(mosquitto) if account is None else guarded(tmp_path / "guarded") as server:
        named = {} if account is None else dict(zip(("username", "password"), account, strict=True))
        agents = {} if account is None else {"username": "cas1-gw-3", "password": "a"}
        async with publisher(server.port, **agents) as client:
            await publish(client, gone(status()), *(document(each) for each in devices))
        assert await forget(config_file(tmp_path, server.port, **named), "cas1/gw-3", "--dry-run") == 0
    assert [each.split(":")[0] for each in capsys.readouterr().out.splitlines()] == [
        *(f"would forget cas1/gw-3/{each}" for each in devices),
        "would forget cas1/gw-3",
    ]


async def test_an_access_list_that_refuses_is_named_and_an_operator_s_account_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", "o")
    with guarded(tmp_path / "mosquitto") as server:
        file = config_file(tmp_path, server.port, username="rackflow-collector", password="c")
        operator = ("--username", "operator", "--password", "env:OPERATOR_PASSWORD")
        async with publisher(server.port, username="cas1-gw-3", password="a") as client:
            await publish(client, gone(status()), document("cdu-07"))
        assert await forget(file, "cas1/gw-3/cdu-07") == 1
        error = capsys.readouterr().err
        assert f"access list does not let account rackflow-collector write {PREFIX}/device/cdu-07" in error
        assert "give an operator's account with --username and --password" in error
        assert await forget(file, "cas1/gw-3", *operator) == 0
        assert capsys.readouterr().out.count("forgot ") == 2
        assert await forget(file, "cas1/gw-3", "--dry-run", *operator) == 0
        assert "nothing is retained" in capsys.readouterr().err


async def test_a_broker_that_gives_each_account_one_client_loses_no_message_of_the_collector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command would take over the collector's session; it notices, leaves, and the queue is still there."""
    with guarded(tmp_path / "mosquitto", ["use_username_as_clientid true"]) as server:
        account = {"username": "rackflow-collector", "password": "c"}
        file = config_file(tmp_path, server.port, **account)
        config = config_for(
            server.port, tmp_path, broker={"port": server.port, "timeout_s": 5, "keepalive_s": 5} | account
        )
        async with running(config) as one:
            await one.ready()
        async with publisher(server.port, username="cas1-gw-3", password="a") as client:
            await publish(client, gone(status()), document("cdu-07"), batch("cdu-07"))
        assert await forget(file, "cas1/gw-3") == 1
        assert "a single connection, which the collector uses; give an operator's account" in capsys.readouterr().err
        async with running(config) as one:
            await until(lambda: one.collector.stats().points_stored == 2, "the batch of before")


async def test_the_connection_of_a_running_collector_is_not_ended_by_forget_or_doctor_with_its_account(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN", "c")
    with guarded(tmp_path / "mosquitto", ["use_username_as_clientid true"]) as server:
        broker: dict[str, object] = {"port": server.port, "timeout_s": 5, "keepalive_s": 5}
        broker |= {"username": "rackflow-collector", "password": "c"}
        config = config_for(server.port, tmp_path, broker=broker, listen=f"127.0.0.1:{free_port()}")
        file = tmp_path / "collector.yaml"
        file.write_text(
            json.dumps(config.model_dump(exclude_unset=True, mode="json") | {"broker": broker}), encoding="utf-8"
        )
        async with running(config) as one:
            await one.ready()
            takeovers = "dcim_collector_mqtt_takeovers_total"
            for options in ((), ("--dry-run",)):
                assert await forget(file, "cas1/gw-3", *options) == 1
                assert f"the collector that runs ({one.url}) uses account rackflow-collector" in capfd.readouterr().err
            await asyncio.to_thread(main, ["doctor", str(file), "--output", "json"])
            found = {each["check"]: each for each in json.loads(capfd.readouterr().out)}
            assert found["broker"]["status"] == "ok"
            assert f"the running collector is connected ({one.url}/readyz)" in found["broker"]["found"]
            assert await one.sample(takeovers) == "0.0"
            # Whoever names the account means it.
            assert await forget(file, "cas1/gw-3", "--username", "rackflow-collector", "--password", "env:OWN") == 1
            assert "a single connection, which the collector uses" in capfd.readouterr().err
        # Nobody's connection is at stake while the collector is stopped.
        await asyncio.to_thread(main, ["doctor", str(file), "--output", "json"])
        found = {each["check"]: each for each in json.loads(capfd.readouterr().out)}
        assert "account rackflow-collector: connected" in found["broker"]["found"]


@pytest.mark.parametrize(
    ("arguments", "status_", "words"),
    [
        (["cas1"], 2, "'cas1' is not SITE/AGENT or SITE/AGENT/DEVICE"),
        (["cas1/gw-3/a/b"], 2, "is not SITE/AGENT"),
        (["cas1/+"], 2, "is not SITE/AGENT"),
        (["cas1/gw-3", "--password", "env:X"], 78, "name the account with --username"),
        (["cas1/gw-3", "--username", "o", "--password", "hunter2"], 78, "write env:NAME"),
        (
            ["cas1/gw-3", "--username", "o", "--password", "env:NOT_THERE"],
            78,
            "environment variable NOT_THERE is not set",
        ),
        (["cas1/gw-3"], 1, "broker 127.0.0.1:1, account without a name:"),
    ],
)
def test_a_wrong_command_is_one_line_with_its_exit_status(
    arguments: list[str], status_: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_file(tmp_path, 1)
    try:
        found = main(["forget", str(file), *arguments])
    except SystemExit as ended:
        found = int(ended.code or 0)
    captured = capsys.readouterr()
    assert (found, captured.out) == (status_, "")
    assert words in captured.err
    assert "hunter2" not in captured.err


def test_a_target_is_written_as_it_is_read() -> None:
    assert [str(Target.parse(text)) for text in ("cas1/gw-3", "cas1/gw-3/a")] == ["cas1/gw-3", "cas1/gw-3/a"]


def test_the_remedies_name_the_options_of_an_account_as_the_broker_wants_it() -> None:
    assert account_options(Broker(username="c", password=SecretStr("p"))) == "--username and --password"
    by_certificate = Broker(tls=True, cert_file=Path("c.crt"), key_file=Path("c.key"))
    assert account_options(by_certificate) == "--username, --cert-file and --key-file"
