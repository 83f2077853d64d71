"""Orders to a running simulation: lines of JSON over a local socket that only its user can open."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from rackflow.errors import ConfigError, RackflowError

Order = dict[str, Any]
Obey = Callable[[Order], Awaitable[object]]
"""Does what it is told. Raises RackflowError, whose text goes back."""
LONGEST_LINE: Final = 2**26
TIMEOUT_S: Final = 120.0


async def listen(path: Path, obey: Obey, stack: AsyncExitStack) -> None:
    """Take orders at a socket that only this user can open; `stack` closes and removes it. Raises ConfigError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await _answer(await reader.readline(), obey)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # whoever asked is gone
        finally:
            writer.close()

    if await _lives(path):
        raise ConfigError(f"--socket: {path}: another simulation listens there; name another path")
    _remove_dead(path)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, path, limit=LONGEST_LINE)
    except OSError as error:
        raise ConfigError(f"--socket: {path}: {os.strerror(error.errno or 0)}; name another path") from error
    finally:
        os.umask(before)
    stack.callback(_remove_dead, path)
    await stack.enter_async_context(server)


def _remove_dead(path: Path) -> None:
    """The socket of a simulation that was killed. Raises ConfigError where something else is in the way."""
    if path.exists() and not path.is_socket():
        raise ConfigError(f"--socket: {path} exists and is no socket; name another path")
    path.unlink(missing_ok=True)


async def _lives(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


async def _answer(line: bytes, obey: Obey) -> Order:
    try:
        order = json.loads(line)
    except ValueError as error:
        return {"error": f"not JSON: {error}"}
    if not isinstance(order, dict):
        return {"error": "not an object"}
    try:
        return {"result": await obey(order)}
    except RackflowError as error:
        return {"error": str(error)}


async def ask(path: Path, order: Order) -> Any:  # noqa: ANN401 - whatever the order yields
    """The result of an order. Raises ConfigError where it is refused, or where nobody listens."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
            writer.write(json.dumps(order).encode() + b"\n")
            answer = json.loads(await reader.readline())
            writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(
            f"--socket: {path}: no simulation answers there ({error}); start one with `rackflow-sim run`"
        ) from error
    if "error" in answer:
        raise ConfigError(answer["error"])
    return answer["result"]
