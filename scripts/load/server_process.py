"""The real server in a folder of its own, started and ended by `scripts/bench calls`."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from measuring import ROOT, BenchError, pin

START_SECONDS = 60.0
STOP_SECONDS = 20.0
HOST = "127.0.0.1"
_TICKS = os.sysconf("SC_CLK_TCK")


class ServerProcess:
    """`python -m server` on free ports with an empty data folder; a context manager."""

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._folder = tempfile.TemporaryDirectory(prefix="murima-bench-")
        os.chmod(self._folder.name, 0o755)  # the database may run as another user
        self._data = Path(self._folder.name) / "data"
        self._log = Path(self._folder.name) / "server.log"
        self.sip_port = _free_port(both=True)
        self._http_port = _free_port(both=False)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "ServerProcess":
        config = Path(self._folder.name) / "murima.toml"
        config.write_text(self._config())
        command = [sys.executable, "-m", "server", "--config", str(config)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--data-dir", str(self._data)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,  # so that nothing of it can be left behind
            )
        pin(self._process, self._core)
        try:
            self._await_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def cpu_seconds(self) -> tuple[float, float]:
        """Used so far by the server with all its threads, and by the processes it has started."""
        children: dict[int, list[int]] = {}
        used: dict[int, tuple[float, float]] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            times = [int(field) / _TICKS for field in fields[11:15]]
            used[int(entry.name)] = (times[0] + times[1], times[2] + times[3])
            children.setdefault(int(fields[1]), []).append(int(entry.name))
        below, waiting = 0.0, list(children.get(self._pid, []))
        while waiting:
            process = waiting.pop()
            below += sum(used[process])  # with what its own children used that have ended
            waiting += children.get(process, [])
        if self._pid not in used:
            raise BenchError(f"the server has ended: {self._last_words()}")
        return used[self._pid][0], below

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _config(self) -> str:
        """Limits far above the load: what is measured is work, not refusal."""
        return f"""\
[sip]
host = "{HOST}"
udp_port = {self.sip_port}
tcp_port = {self.sip_port}
ws_port = 0
max_calls = 20000
max_transactions = 1000000
[media]
host = "{HOST}"
rtp_port_min = 10000
rtp_port_max = 64999
max_legs = 20000
[http]
host = "{HOST}"
port = {self._http_port}
[log]
level = "warning"
"""

    def _await_ready(self) -> None:
        assert self._process is not None
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                raise BenchError(f"the server did not start: {self._last_words()}")
            if self.is_ready():
                return
            time.sleep(0.1)
        raise BenchError(f"the server was not ready in {START_SECONDS:g} s: {self._last_words()}")

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._http_port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        # The session is ours alone, and its number stays taken while anyone in it lives.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()


def _free_port(*, both: bool) -> int:
    """A TCP port nobody uses, and if `both`, nobody uses for UDP either."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.bind((HOST, 0))
            port: int = stream.getsockname()[1]
            if not both:
                return port
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind((HOST, port))
                except OSError:
                    continue
                return port
    raise BenchError("no port is free for both UDP and TCP")
