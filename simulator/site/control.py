"""The control socket of a running simulation: one JSON object per line over a Unix socket that only its user can open.

A request is `{"order": …}`, an answer `{"result": …}` or `{"error": …}`. One connection carries one request.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from rackflow.errors import ConfigError, RackflowError

Message = dict[str, Any]
Handler = Callable[[Message], Awaitable[object]]
"""Executes a request and returns its result. The text of a RackflowError is sent back as the error."""
# The figures of a campus with the consequences of failures take about a megabyte; asyncio's default of 64 KiB would cut them. Only this
# user can connect, so the limit need not be tight: 64 MiB is beyond any site that fits into one process.
MAX_LINE_BYTES: Final = 2**26
# `truth --what-if` simulates every failure in turn, which takes long on a large site. A chosen value: a shorter one would cut off such an
# answer, a longer one only delays the message that a simulation does not answer.
TIMEOUT_S: Final = 120.0


async def listen(path: Path, handler: Handler, stack: AsyncExitStack) -> None:
    """Serve requests at a socket that only this user can open. `stack` closes and removes it. Raises ConfigError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await _answer(await reader.readline(), handler)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # the client is gone or sends nothing; there is nobody to tell
        finally:
            writer.close()

    if await _is_served(path):
        raise ConfigError(f"--socket: {path}: another simulation listens there; name another path")
    _remove_socket(path)
    # The mask gives the socket its permissions at creation; a chmod afterwards would leave a moment in which others can connect.
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, path, limit=MAX_LINE_BYTES)
    except OSError as error:
        raise ConfigError(f"--socket: {path}: {os.strerror(error.errno or 0)}; name another path") from error
    finally:
        os.umask(before)
    stack.callback(_remove_socket, path)
    await stack.enter_async_context(server)


def _remove_socket(path: Path) -> None:
    """Remove our own socket, or the one left by a simulation that was killed. Raises ConfigError if the path is something else."""
    if path.exists() and not path.is_socket():
        raise ConfigError(f"--socket: {path} exists and is not a socket; name another path")
    path.unlink(missing_ok=True)


async def _is_served(path: Path) -> bool:
    # The file alone proves nothing, because a killed simulation leaves it behind; only a connection shows whether it still runs.
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


async def _answer(line: bytes, handler: Handler) -> Message:
    try:
        request = json.loads(line)
    except ValueError as error:
        return {"error": f"the request is not JSON: {error}"}
    if not isinstance(request, dict):
        return {"error": "the request is not a JSON object"}
    try:
        return {"result": await handler(request)}
    except RackflowError as error:
        return {"error": str(error)}


def _with_folder(path: Path) -> Path:
    """The path for a message: without its folder, nobody sees that it is the wrong one."""
    return path.absolute()


async def ask(path: Path, request: Message) -> Any:  # noqa: ANN401 - each command has a result of its own
    """Send a request; returns its result. Raises ConfigError if it is refused, or if no simulation answers."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
            writer.write(json.dumps(request).encode() + b"\n")
            answer = json.loads(await reader.readline())
            writer.close()
    except PermissionError as error:
        raise ConfigError(
            f"--socket: {_with_folder(path)}: this user may not ask the simulation; ask as the one that started it, or as root"
        ) from error
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(
            f"--socket: {_with_folder(path)}: no simulation answers there; start one with `rackflow-sim run`,"
            " go to the folder in which it was started, or name its socket"
        ) from error
    if "error" in answer:
        raise ConfigError(answer["error"])
    return answer["result"]
