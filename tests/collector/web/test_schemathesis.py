"""The JSON API against its own OpenAPI document: whatever is asked, the answer is one that the document promises."""

import asyncio
import os
import sys
import time
from pathlib import Path

from tests.collector.api.shown import Shown, powered
from tests.collector.web.serving import Content, serving

# Requests for each address, at random, besides those at the limits of every parameter; `make fuzz-api` sets it.
EXAMPLES = int(os.environ.get("RACKFLOW_API_EXAMPLES", "0"))


async def test_schemathesis_finds_no_failure(tmp_path: Path) -> None:
    """Status, headers, types and schema of each answer, and that what the document forbids is refused."""
    shown = Shown()
    powered(shown, time.monotonic())
    shown.problem("DcimFeedLost", 0.9, now=time.monotonic(), feed="A")
    phases = ["--phases", "coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)]
    if not EXAMPLES:
        phases = ["--phases", "coverage", "--max-examples", "1"]
    async with serving(Content(api=shown.api)) as served:
        url = f"http://127.0.0.1:{served.port}"
        # A stream has no end, which schemathesis would wait for; tests/collector/web/test_events.py reads streams.
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("st")),
            *("run", f"{url}/api/v1/openapi.json", "--url", url, *phases),
            *("--exclude-path", "/api/v1/events", "--rate-limit", "90/s", "--seed", "1", "--no-color"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()[-4000:]
        assert b"13 passed" in output
        assert not served.failures.counts
