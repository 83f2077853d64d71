"""What the examples of the documentation run in: a folder like a reader's, and the devices, broker and NetBox that they name.

An example is executed as it is printed, by bash, but for what would leave the machine or the folder: addresses that are reserved for
documentation (RFC 5737) become loopback ones, folders of the system become folders of the sandbox, and well-known ports become free ones.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.examples.blocks import REPOSITORY, Block, blocks_of
from tests.examples.launcher import write_shims
from tests.examples.state import write_state
from tests.servers.mosquitto import Mosquitto
from tests.servers.netbox import NetBox, hall
from tests.servers.ports import free_port
from tests.servers.process import find_program
from tests.servers.waiting import wait_until

# Of the word "secret", by `htpasswd -nBC 4`: the fewest rounds, because it is checked and never used.
HASH: Final = "$2b$04$UrnF0hSEqni2d0WI.Gk2bOCeCTex/vZYjnkU.c4VztFGcQ/fn2Una"
SECRETS: Final = {
    "RACKFLOW_PDU_AUTH_KEY": "the auth pass phrase",
    "RACKFLOW_PDU_PRIV_KEY": "the priv pass phrase",
    "RACKFLOW_COMMUNITY": "public",
    "RACKFLOW_BROKER_PASSWORD": "secret",
    "RACKFLOW_OPERATOR": "secret",
    "GW_1_PASSWORD": "secret",
    "NETBOX_TOKEN": "secret",
}
# The table of docs/how-to/draft-a-site.md.
TABLES: Final = {
    "racks.csv": "id,section,row,room,design_power_w\nb07,racks,b,dh1,17000\n",
    "panels.csv": "id,section,feed,breaker_a\nbus-a,panels,A,400\n",
    "devices.csv": "id,class,host,unit,rack,feed\npdu-b07-a,pdu,,,b07,A\nups-a,ups,,,,A\ncdu-7,cdu,127.0.2.40,12,,\n",
}
# What a reader has from earlier: the file, and what it came from.
RECORDED: Final = {
    "cdu.mbrec": "rackflow walk 192.0.2.40 --protocol modbus --profile aalc-rpu --port PORT --rate 100",
    "site.yaml": "rackflow sim site edge",
    "netbox.log": "rackflow site import --netbox https://netbox.example.org --netbox-site casablanca --token env:NETBOX_TOKEN"
    " --save netbox.json",
}
# Lines that another check executes as they are, or that change the machine: pattern and who does it.
ELSEWHERE: Final[Mapping[str, str]] = {
    r"pip install|-m venv": "scripts/check-wheel installs the wheel in an empty environment",
    r"apt-get|systemctl|^tar xf|^cd rackflow-|^sudo ./install|/usr/share/rackflow/": (
        "make try-package installs and runs the services on a Debian of its own"
    ),
    r"^amtool silence": "tests/collector/problems/test_acknowledged.py puts silences there with it",
    r"mosquitto_passwd|chown mosquitto|chmod 600 /etc/mosquitto|-o mosquitto": "tests/test_deploy_broker.py starts that broker",
    r"^(sudo |\w+=\S+ )*make (?!demo)": "tests/test_pages.py: the target exists",
    r"python -m benchmarks": "tests/test_benchmarks.py runs them in small",
    r"^docker |^kubectl ": "tests/test_deploy.py and tests/test_kubernetes.py check the files; no runtime is here",
}
# Commands that a reader leaves running and goes on in another terminal; and what they print when they can be used.
RUNS: Final[Mapping[str, str]] = {
    r"rackflow(-| )agent run ": "connected",
    r"rackflow(-| )collector run ": "connected",
    r"rackflow(-| )sim run ": "control socket",
    r"rackflow(-| )sim serve ": "^(snmp|modbus) 127",
    r"rackflow(-| )demo( --keep.*)?( --port \d+)?( --keep.*)?$": "leaves nothing behind",
}
# What simulates a whole site costs seconds of CPU: `make examples` runs it, and the tests of every build leave it out.
LONG: Final = (
    r"rackflow(-| )demo( |$)|^make demo|rackflow(-| )sim (run|fault|clear|truth|readings|status)|edge|pdu-a01-a"
)
# What runs already where an example of the reference is used.
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    r"sim (fault|faults|truth|readings|status)\b": ("rackflow sim run edge",),
    r"sim clear": ("rackflow sim run edge", "rackflow sim fault mains_loss A"),
    r"demo (fault|mend)": ("rackflow demo",),
    r"--with http": ("rackflow collector run collector.yaml",),
}
# A block that the reader puts into a file, or adds to one.
FILE: Final = re.compile(r"(?P<more>more of )?(?P<name>(?:my/)?[\w-]+\.(?:ya?ml|csv))")
NEW_DEVICE: Final = REPOSITORY / "docs/how-to/add-a-device.md"
REFERENCE: Final = "docs/reference/commands.md"
BESIDE_COLLECTOR: Final = "beside a running collector"
# Pages that a new user goes through; the tests of every build execute these, and `make examples` all.
FIRST: Final = ("README.md", "docs/tutorial/", "docs/how-to/")
WHOLE: Final = bool(os.environ.get("RACKFLOW_ALL_EXAMPLES"))
# A page that hangs is a fault. The longest takes some seconds on an idle machine; with the simulated sites that `make examples` runs, a
# minute.
PAGE_TIMEOUT_S: Final = 600.0 if WHOLE else 90.0
# What the shell started gets its signal too, and has this long to end: the next page needs its ports.
END_WITHIN_S: Final = 15.0
PRELUDE: Final = r"""set -u
faults=0
trap 'echo "FAILED: $BASH_COMMAND"; faults=$((faults + 1))' ERR
sudo() { "$@"; }
declare -A started
trap 'for process in "${started[@]}"; do kill -TERM "$process" 2>/dev/null || true; done' EXIT
end() { kill -TERM "$1" && wait "$1"; }
end_all() { for name in "${!started[@]}"; do end "${started[$name]}"; unset "started[$name]"; done; }
background() {
    local name=$1 pattern=$2 log; shift 2
    # A reader stops what was started before it is started again.
    if [ -n "${started[$name]:-}" ]; then end "${started[$name]}"; fi
    log=$(mktemp log.XXXXXX)
    "$@" >"$log" 2>&1 &
    started[$name]=$!
    for ((i = 0; i < 300; i++)); do
        if grep -qE "$pattern" "$log"; then return 0; fi
        kill -0 $! || break
        sleep 0.1
    done
    cat "$log" >&2
    return 1
}
heard() {
    for ((i = 0; i < 100; i++)); do
        if "$@" >heard.out 2>&1; then cat heard.out; return 0; fi
        sleep 0.1
    done
    cat heard.out >&2
    return 1
}
"""
# Those that were left running end as with systemd: by SIGTERM, and with status 0.
POSTLUDE: Final = r"""
echo "# what was left running stops"
end_all
exit $((faults > 0))
"""


@dataclass(slots=True)
class World:
    """Devices and servers of one run of tests. `port` is that of all devices, over UDP and TCP."""

    folder: Path
    port: int
    broker_port: int
    netbox: str = ""
    ports: dict[str, int] = field(default_factory=dict)

    def sandbox(self, name: str) -> Path:
        """A folder as a reader has one: a checkout with the README's configurations, and some recordings."""
        root = self.folder / re.sub(r"\W+", "-", name)
        root.mkdir()
        for each in ("simulator", "deploy", "docs", "constraints.txt", "scripts"):
            (root / each).symlink_to(REPOSITORY / each)
        shutil.copytree(REPOSITORY / "grafana", root / "grafana")
        for programs in ("rackflow-env/bin", ".venv/bin", "opt/rackflow/bin", "opt/rackflow-new/bin", "usr/bin"):
            write_shims(root / programs, self.folder / "launcher")
        for each in (
            "etc/rackflow",
            "etc/bash_completion.d",
            ".config/fish/conf.d",
            "etc/prometheus/rules",
            "etc/grafana/provisioning",
            "etc/mosquitto/certs",
            "etc/mosquitto/conf.d",
            "etc/systemd/system",
            "my",
            "backup",
        ):
            (root / each).mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "simulator/recordings/apc-rpdu2.snmprec", root / "device.snmprec")
        for folder in (root, root / "recorded"):
            shutil.copytree(self.folder / "recorded", folder, dirs_exist_ok=True)
        profile = "".join(each.text for each in blocks_of(NEW_DEVICE) if "my-cdu" in each.note)
        (root / "my-cooler.yaml").write_text(profile.replace("my-cdu", "my-cooler"), encoding="utf-8")
        shutil.copy(REPOSITORY / "tests/agent/lab/ACME-PDU-MIB.txt", root)
        agent, collector = (block.text for block in blocks_of(REPOSITORY / "README.md") if block.language == "yaml")
        for folder in (root, root / "etc/rackflow"):
            (folder / "agent.yaml").write_text(self.placed(agent, folder), encoding="utf-8")
            (folder / "collector.yaml").write_text(self.placed(collector, folder), encoding="utf-8")
            for side in ("agent", "collector"):
                (folder / f"{side}.env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
                (folder / f"{side}.env").chmod(0o600)
        write_state(root)
        for table, rows in TABLES.items():
            (root / table).write_text(rows, encoding="utf-8")
        (root / "etc/rackflow/web.yml").write_text(f"basic_auth_users: {{operator: {HASH}}}\n", encoding="utf-8")
        return root

    def placed(self, text: str, root: Path) -> str:
        """Text of an example with addresses, ports and folders that are ours."""
        text = re.sub(r"(host: 192\.0\.2\.\d+)", rf"\1, port: {self.port}", text)
        # A whole network at 50 addresses a second takes longer than an example may: the addresses of our devices stand for it.
        text = re.sub(r"192\.0\.2\.0/2\d", "192.0.2.10 192.0.2.40", text)
        text = text.replace("198.51.100.10-50", "198.51.100.10").replace("198.51.100.", "127.51.100.")
        text = text.replace("192.0.2.21:9420", f"127.0.0.1:{self.free(9420)}").replace("192.0.2.", "127.0.2.")
        text = (
            text.replace("--port PORT", f"--port {self.port}")
            .replace("https://netbox.example.org", self.netbox)
            .replace("port: 1883", f"port: {self.broker_port}")
        )
        for number in (9420, 8080, 8090, 1161, 1502, 1503, 20000):
            text = re.sub(rf"\b{number}\b", str(self.free(number)), text)
        return re.sub(r"(?<![\w.~/-])/(etc|opt|backup|var/lib)(?=/)", rf"{root}/\1", text)

    def free(self, number: int) -> int:
        """The free port that stands for a well-known one."""
        return self.ports.setdefault(str(number), free_port())

    def script(self, blocks: list[Block], root: Path) -> str:
        """The blocks of a page as one script."""
        lines = [PRELUDE]
        for block in blocks:
            if file := FILE.fullmatch(block.note):
                way = ">>" if file["more"] else ">"
                lines.append(f"cat {way}{file['name']} <<'THE-END'\n{self.placed(block.text, root)}THE-END")
            if block.language != "sh" or block.reason:
                continue
            if block.page == REFERENCE:
                # Its sections do not build on each other: what one example has written must not be what the next one reads.
                lines.append("end_all; cp etc/rackflow/*.yaml recorded/* .")
                needed = (each for pattern, every in NEEDS.items() if re.search(pattern, block.text) for each in every)
                lines += [self._line(each, root) for each in needed]
            if block.note == BESIDE_COLLECTOR:
                lines.append(self._line("rackflow-collector run collector.yaml", root))
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    lines += [f"echo '# {block}' {_quoted(line)}", self._line(line, root)]
            if ends := re.fullmatch(r"ends with (\d+)", block.note):
                lines[-1] = f"status=0; {lines[-1]} || status=$?; [ $status = {ends[1]} ]"
        return "\n".join([*lines, POSTLUDE])

    def _line(self, line: str, root: Path) -> str:
        if not WHOLE and re.search(LONG, line):
            return "echo '# not run: make examples does'"
        reason = next((reason for pattern, reason in ELSEWHERE.items() if re.search(pattern, line)), None)
        if reason is not None:
            return f"echo {_quoted(f'# not run: {reason}')}"
        line = self.placed(line.replace("make demo", "rackflow-demo"), root).removesuffix(" &")
        if re.search(r"rackflow(-| )demo( |$)", line) and "--port" not in line:
            line = re.sub(r"rackflow(-| )demo( fault| mend)?", rf"\g<0> --port {self.free(8080)}", line, count=1)
        if re.search(r"rackflow\S* (agent )?(read|walk|discover) .*127\.", line) and "--port" not in line:
            line = re.sub(r"( >|$)", rf" --port {self.port}\1", line, count=1)
        line = re.sub(r"^read -rs (\w+)", r"read -rs \1 <<<secret", line)  # nobody is at the terminal
        if " --output yaml " in line and (file := line.rpartition("> ")[2].strip("'")):
            line += f"; sed -i 's/port: 1883/port: {self.broker_port}/' {file}"
        for pattern, ready in RUNS.items():
            if re.search(pattern, line):
                return f"background '{pattern[:20]}' '{ready}' {line.partition(' #')[0]}"
        if re.search(r"rackflow(-| )(collector )?ledger .*--since", line):
            # A reader looks after a while: on a busy machine nothing may have been polled yet.
            return f"heard {line.partition(' #')[0]}"
        return line

    def run(self, name: str, blocks: list[Block]) -> tuple[int, str]:
        """Execute the blocks of a page in a sandbox of its own. Returns the status, and what was printed."""
        root = self.sandbox(name)
        environment = os.environ | SECRETS | {"PATH": f"{root}/usr/bin:{os.environ['PATH']}", "HOME": str(root)}
        script = self.script(blocks, root)
        (root / "script").write_text(script, encoding="utf-8")
        log = root / "log.txt"
        with (
            log.open("wb") as file,
            subprocess.Popen(
                [find_program("bash", "bash"), "script"],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            ) as shell,
        ):
            try:
                status = shell.wait(PAGE_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                status = _end_group(shell)
        return status, log.read_text(encoding="utf-8", errors="replace")


def _end_group(shell: "subprocess.Popen[bytes]") -> int:
    """End a page that hangs, and what it started: commands hear of SIGTERM from their shims, and not of SIGKILL."""
    os.killpg(shell.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        shell.wait(END_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    return -signal.SIGKILL


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@contextmanager
def started_world(folder: Path) -> Iterator[World]:
    """The launcher, a broker, and four devices at addresses that stand for the documentation's."""
    with ExitStack() as stack:
        address = folder / "launcher"
        words = [sys.executable, "-m", "tests.examples.launcher", str(address)]
        launcher = stack.enter_context(_started(folder, "launcher", words, "ready"))
        # It ends when somebody connects and says nothing.
        stack.callback(_end, launcher, address)
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        world = World(folder, free_port(), broker.port)
        world.netbox = stack.enter_context(_netbox())
        write_shims(folder / "bin", address)
        keys = SECRETS["RACKFLOW_PDU_AUTH_KEY"], SECRETS["RACKFLOW_PDU_PRIV_KEY"]
        recordings = REPOSITORY / "simulator/recordings"
        for number, what in {
            10: [f"{recordings}/apc-ups.snmprec={world.port}"],
            11: [f"{_objects(folder)}={world.port}"],
            21: [
                f"{recordings}/apc-rpdu2.snmprec={world.port}",
                "--user",
                f"rackflow:sha256:{keys[0]}:aes128:{keys[1]}",
            ],
            40: ["--cdu", str(world.port)],
            41: [f"{_registers(folder)}={world.port}"],
            50: ["--meter", str(world.port)],
        }.items():
            words = [str(folder / "bin/rackflow-sim"), "serve", "--host", f"127.0.2.{number}", *what]
            device = stack.enter_context(_started(folder, str(number), words, f":{world.port}"))
            stack.callback(device.terminate)
        recorded = folder / "recorded"
        recorded.mkdir()
        for name, line in RECORDED.items():
            words = [
                str(folder / "bin" / each) if each == "rackflow" else each
                for each in world.placed(line, folder).split()
            ]
            with (recorded / name).open("wb") as file:
                subprocess.run(
                    words,
                    env=os.environ | SECRETS,
                    stdout=file,
                    stderr=subprocess.PIPE,
                    cwd=recorded,
                    timeout=60,
                    check=True,
                )
        yield world


@contextmanager
def _netbox() -> Iterator[str]:
    """The address of a NetBox, in a thread of its own."""
    with asyncio.Runner() as runner:
        netbox = NetBox(hall(), f"Token {SECRETS['NETBOX_TOKEN']}")
        serving = netbox.serving()
        runner.run(serving.__aenter__())
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever, name="netbox")
        thread.start()
        try:
            yield netbox.url
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            runner.run(serving.__aexit__(None, None, None))


def _objects(folder: Path) -> Path:
    """The rack PDU of that page, as its MIB describes it."""
    base = "1.3.6.1.4.1.99999"
    lines = [
        "1.3.6.1.2.1.1.1.0|4|ACME PDU",
        f"1.3.6.1.2.1.1.2.0|6|{base}.1",
        "1.3.6.1.2.1.1.3.0|67|4711",
        f"{base}.1.1.0|66|2300",
    ]
    for column, value in ((2, 41), (3, 2301), (4, 1)):
        lines += [f"{base}.1.3.1.{column}.{phase}|66|{value}" for phase in (1, 2, 3)]
    lines += [f"{base}.1.4.1.2.1.{outlet}|2|1" for outlet in (1, 2)]
    path = folder / "unknown.snmprec"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _registers(folder: Path) -> Path:
    """The unit that docs/how-to/add-a-device.md records: 25.5 in its temperatures, no leak."""
    words = [52429 if at % 2 else 16844 for at in range(64)]
    lines = [f"1|3|{5000 + at}|{word}" for at, word in enumerate(words)] + [f"1|3|{at}|0" for at in range(1700, 1712)]
    path = folder / "unit.mbrec"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@contextmanager
def _started(folder: Path, name: str, words: list[str], ready: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has printed that it is ready; waited for on the way out."""
    log = folder / f"{name}.log"
    with log.open("wb") as file, subprocess.Popen(words, cwd=REPOSITORY, stdout=file, stderr=file) as process:
        wait_until(lambda: process.poll() is not None or ready in log.read_text(), f"{name} is ready", 60)
        assert process.poll() is None, log.read_text()
        yield process


def _end(launcher: "subprocess.Popen[bytes]", address: Path) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(address))
    launcher.wait(60)
