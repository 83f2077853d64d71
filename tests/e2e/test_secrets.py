"""No secret of a configuration is ever shown: by an error, a log, a traceback, `check`, or whatever prints a configuration.

Each secret has a value that occurs nowhere else, and everything that the programs write is searched for it.
"""

import asyncio
import copy
import json
import logging
import re
import traceback
import typing
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from agent.cli import main as agent_main
from agent.config import AgentConfig
from agent.config_file import load_agent_config
from agent.poll import PollerFactory
from agent.profile import load_profiles
from agent.run import Agent
from collector.cli import main as collector_main
from collector.config import CollectorConfig, load_collector_config
from collector.derive import CarbonSource
from collector.derive.config import CarbonConfig
from collector.store.influx import InfluxStore
from rackflow import ConfigError, StoreError
from rackflow.errors import DeviceError
from rackflow.process.config import check_config
from rackflow.process.logs import configure_logging
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port

CANARY = "hunter2-CANARY"
AGENT: dict[str, Any] = {
    "agent": "gw-1",
    "labels": {"site": "t1"},
    "broker": {"username": "u", "password": CANARY},
    "credentials": {
        "ro": {"community": CANARY},
        "v3": {"version": "3", "user": "u", "auth": "sha256", "auth_key": CANARY, "priv": "aes128", "priv_key": CANARY},
    },
    "devices": [{"id": "d1", "host": "127.0.0.1", "credential": "ro"}],
    "pair": {"username": "u", "password": CANARY},
}
COLLECTOR: dict[str, Any] = {
    "broker": {"username": "u", "password": CANARY},
    "store": {"kind": "influxdb", "url": "http://127.0.0.1:1", "bucket": "b", "token": CANARY},
    "dead_letter": "dead",
    "carbon": {"url": "http://127.0.0.1:1", "token": CANARY},
    "live_account": {"username": "u", "password": CANARY},
}
SHAPES: list[Any] = [
    CANARY,
    [CANARY],
    {CANARY: 1},
    {"value": CANARY},
    [[CANARY]],
    f"http://u:{CANARY}@h/",
    f"env:{CANARY}"[:4] + "NOT_SET",
]


@asynccontextmanager
async def serving(status: int) -> AsyncIterator[str]:
    """An HTTP server that answers everything with one status, and with what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=f"no to {request.method}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - any YAML
    """Paths of everything in a configuration."""
    yield path
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from places(value, (*path, key))


def replaced(data: Any, path: tuple[str | int, ...], value: Any) -> Any:  # noqa: ANN401 - any YAML
    if not path:
        return value
    found = copy.deepcopy(data)
    parent = found
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return found


def has_secret(data: Any, path: tuple[str | int, ...]) -> bool:  # noqa: ANN401 - any YAML
    """Whether a secret, a section that has one, or an address is at this path."""
    for part in path:
        data = data[part]
    return CANARY in json.dumps(data) or path[-1:] == ("url",)


def secrets_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _secrets_in(field.annotation, f"{prefix}{name}")


def _secrets_in(annotation: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - any type expression
    if annotation is SecretStr:
        yield name
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from secrets_of(annotation, f"{name}.")
    elif typing.get_origin(annotation) is Annotated:
        yield from _secrets_in(typing.get_args(annotation)[0], name)
    else:
        for inner in typing.get_args(annotation):
            yield from _secrets_in(inner, name)


def test_these_are_all_secrets() -> None:
    """A new one belongs into the configurations above."""
    keys = {"community", "auth_key", "priv_key"}
    assert set(secrets_of(AgentConfig)) == {"broker.password", "pair.password", *(f"credentials.{key}" for key in keys)}
    assert set(secrets_of(CollectorConfig)) == {
        "broker.password",
        "store.token",
        "carbon.token",
        "live_account.password",
    }


@pytest.mark.parametrize(
    ("data", "model"), [(AGENT, AgentConfig), (COLLECTOR, CollectorConfig)], ids=["agent", "collector"]
)
def test_a_configuration_is_printed_without_its_secrets(data: dict[str, Any], model: type[BaseModel]) -> None:
    config = check_config(data, model, "f")
    shown = (
        repr(config),
        str(config),
        f"{config.model_dump()}",
        config.model_dump_json(),
        repr(config.model_fields_set),
    )
    assert not [text for text in shown if CANARY in text]


@given(st.data())
def test_whatever_is_wrong_where_no_error_shows_a_secret(data: st.DataObject) -> None:
    """A wrong value anywhere beside the secrets, or a secret in a wrong shape or one level too high."""
    whole, model = data.draw(st.sampled_from([(AGENT, AgentConfig), (COLLECTOR, CollectorConfig)]))
    path = data.draw(st.sampled_from(list(places(whole))))
    values = SHAPES if has_secret(whole, path) else [None, 7, -1.5, [], {}, "x y", "é" * 100]
    wrong = replaced(whole, path, data.draw(st.sampled_from(values)))
    shown = ""
    try:
        check_config(wrong, model, "f")
    except ConfigError as error:
        shown = "".join(traceback.format_exception(error))
    # The name of a key is told when the key is unknown; its value never is.
    assert CANARY not in re.sub(rf"[\w.]*{CANARY}(\.\w+)*: (unknown key|must be|is a (single|list|sec))", "", shown)
    assert "http://u:" not in shown


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("password: hunter2-CANARY", "password: !hunter2-CANARY", "tags are not supported"),
        ("password: hunter2-CANARY", "password: *hunter2-CANARY", "undefined alias"),
        ("password: hunter2-CANARY", "password: hunter2-CANARY: x", "mapping values are not allowed"),
        (
            "password: hunter2-CANARY",
            "password: [hunter2-CANARY]",
            "broker.password: is a list, and a single text is expected; write one",
        ),
        ("password: hunter2-CANARY", "password: 'hunter2-CANARY", "line_end"),
        (
            "  password: hunter2-CANARY\n  username: u\n",
            "  password:hunter2-CANARY\n",
            "broker: is a single value, and keys are expected",
        ),
        ("  ro:\n    community: hunter2-CANARY\n", "  ro: hunter2-CANARY\n", "credentials.ro: is a single value"),
        ("community: hunter2-CANARY", "comunity: hunter2-CANARY", "did you mean 'community'?"),
    ],
)
def test_a_slip_of_the_pen_is_one_line_and_exit_78(
    before: str, after: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = yaml.safe_dump(AGENT)
    assert before in text
    file = tmp_path / "agent.yaml"
    file.write_text(text.replace(before, after), encoding="utf-8")
    for command in ("check", "run"):
        assert agent_main(["--log-level", "debug", command, str(file)]) == 78
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err
        assert says in shown.err or says == "line_end"


@pytest.mark.parametrize("url", [f"http://u:{CANARY}@h:8086", f"http//u:{CANARY}@h", f"http://[{CANARY}", f"{CANARY}"])
@pytest.mark.parametrize("section", ["store", "carbon"])
def test_an_address_with_a_password_is_one_line_and_exit_78(
    section: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(replaced(COLLECTOR, (section, "url"), url)), encoding="utf-8")
    for command in ("check", "run"):
        assert collector_main([command, str(file)]) == 78
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err
        assert shown.err.startswith(f"{file}:1: {section}.url: ")
        assert shown.err.count("\n") == 1


def test_check_shows_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data, main in (("a", AGENT, agent_main), ("c", COLLECTOR, collector_main)):
        file = tmp_path / f"{name}.yaml"
        file.write_text(json.dumps(data), encoding="utf-8")
        assert main(["check", str(file)]) == 0
    shown = capsys.readouterr()
    assert CANARY not in shown.out + shown.err


async def test_a_carbon_source_that_fails_does_not_show_the_key_in_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(404) as url:
        source = CarbonSource(CarbonConfig.model_validate({"url": f"{url}/x?auth-token={CANARY}", "token": CANARY}))
        assert await source.latest() == {}
    assert source.fault is not None
    assert "404" in source.fault
    own = [record.getMessage() for record in caplog.records if record.name.startswith("collector")]
    assert own
    assert CANARY not in source.fault + "".join(own)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_a_store_that_refuses_is_reported_without_the_token(status: int) -> None:
    async with serving(status) as url:
        store = InfluxStore(url, "o", "b", CANARY, 2.0)
        with pytest.raises(StoreError) as raised:
            await store.write(["m f=1 1"])
        await store.close()
    assert str(status) in str(raised.value)
    assert CANARY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(("credential", "engine"), [("ro", "gufo"), ("ro", "pysnmp"), ("v3", "pysnmp")])
async def test_a_device_that_does_not_answer_is_reported_without_its_credential(
    credential: str, engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = copy.deepcopy(AGENT)
    device = {"port": free_port(), "credential": credential, "engine": engine, "timeout_s": 0.2, "retries": 0}
    data["devices"][0] |= device
    file = tmp_path / "agent.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    configure_logging("debug")
    config = load_agent_config(file)
    poller = PollerFactory(load_profiles(lazy=True))(config, config.devices[0])
    with pytest.raises(DeviceError) as raised:
        await poller.open()
    await poller.close()
    logging.getLogger("test").error("as a barrier logs it", exc_info=raised.value)
    assert CANARY not in capsys.readouterr().err


async def test_a_broker_that_refuses_the_password_is_reported_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.yaml"
    with Mosquitto(tmp_path / "broker", passwords={"u": "another"}).serving() as broker:
        data = replaced(AGENT, ("broker", "port"), broker.port)
        file.write_text(json.dumps(data | {"devices": []}), encoding="utf-8")
        config = load_agent_config(file)
        configure_logging("debug")
        agent = Agent(config, PollerFactory({}))
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.run())
            async with asyncio.timeout(30):
                while "refuses the credentials" not in (agent.publisher.fault or ""):  # noqa: ASYNC110 - state of the agent
                    await asyncio.sleep(0.01)
            agent.stop()
    assert CANARY not in capsys.readouterr().err


def test_a_collectors_configuration_loads_with_these_secrets(tmp_path: Path) -> None:
    """The other tests rest on it: nothing else is wrong with it."""
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(COLLECTOR), encoding="utf-8")
    token = load_collector_config(file).store.token
    assert token is not None
    assert token.get_secret_value() == CANARY
