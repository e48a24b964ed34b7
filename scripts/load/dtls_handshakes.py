"""Times handshakes of our DTLS server, one after another, for `scripts/bench webrtc`.

The client is OpenSSL in this same process, with the certificate and the cipher suites of a browser.
It runs only where it is called, so its processor time is known and the rest is the server's.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress

import uvloop
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from OpenSSL import SSL

from telephony.webrtc.dtls import ALGORITHM, DtlsServer, SrtpKeys
from telephony.webrtc.parameters import Fingerprint

WARM_UP = 5
DATAGRAM_BYTES = 1_500


class Client:
    """One browser's end."""

    def __init__(self, context: SSL.Context) -> None:
        self.cpu_seconds = 0.0
        self._done = False
        began = time.process_time()
        self._ssl = SSL.Connection(context)
        self._ssl.set_connect_state()
        self.cpu_seconds += time.process_time() - began

    async def connect(self, server: DtlsServer, answers: asyncio.Queue[bytes]) -> None:
        self._step(server)
        while not self._done:
            data = await answers.get()
            began = time.process_time()
            self._ssl.bio_write(data)
            self.cpu_seconds += time.process_time() - began
            self._step(server)

    def _step(self, server: DtlsServer) -> None:
        datagrams = []
        began = time.process_time()
        with suppress(SSL.WantReadError):
            self._ssl.do_handshake()
            self._done = True
        with suppress(SSL.WantReadError):
            while True:
                datagrams.append(self._ssl.bio_read(DATAGRAM_BYTES))
        self.cpu_seconds += time.process_time() - began
        for data in datagrams:
            server.receive(data)


async def shake(context: SSL.Context, expected: Fingerprint) -> tuple[float, float]:
    """Processor time of the server's side, and of both, from the leg's beginning to its keys."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    began = time.process_time()
    server = DtlsServer(answers.put_nowait)
    client = Client(context)
    keys: SrtpKeys
    async with asyncio.timeout(20):
        keys, _ = await asyncio.gather(
            server.handshake([expected]), client.connect(server, answers)
        )
    both = time.process_time() - began
    assert keys.ours != keys.theirs
    await server.close()
    return both - client.cpu_seconds, both


async def main(count: int) -> None:
    certificate = RTCCertificate.generateCertificate()
    expected = next(
        Fingerprint(f.algorithm, f.value)
        for f in certificate.getFingerprints()
        if f.algorithm == ALGORITHM
    )
    context = certificate._create_ssl_context(SRTP_PROFILES)  # noqa: SLF001 - as aiortc's own ends
    for _ in range(WARM_UP):
        await shake(context, expected)
    server, both = zip(*[await shake(context, expected) for _ in range(count)], strict=True)
    answer = {
        "handshakes": count,
        "handshake_cpu_ms": round(1000 * sum(server) / count, 3),
        "handshake_both_cpu_ms": round(1000 * sum(both) / count, 3),
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
