"""`python -m server`: reads the settings, runs the server, explains in one line what is wrong."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from casecore.db.errors import DatabaseError
from config.logging import configure_logging, escaped
from config.settings import Settings
from config.sources import ConfigError, load_settings
from media.errors import MediaError
from server.addresses import AddressUnusable
from server.app import serve
from server.auth.secrets_file import SecretUnusable
from server.data_dir import DataDirInUse, DataDirUnusable
from server.tls import CertificateUnusable
from telephony.errors import AddressInUse

_PERSONS_FAULTS = (
    AddressInUse,
    AddressUnusable,
    CertificateUnusable,
    ConfigError,
    DatabaseError,
    DataDirInUse,
    DataDirUnusable,
    MediaError,
    SecretUnusable,
)
"""What only the person who runs the server can put right: one line, exit code 2."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="murima", description="Telephony-first contact-centre server."
    )
    parser.add_argument("--config", type=Path, help="settings file (default: murima.toml)")
    parser.add_argument("--data-dir", type=Path, help="where everything is kept (default: data)")
    options = parser.parse_args()
    try:
        settings = _settings(options)
        configure_logging(settings.log)
        uvloop.run(_run(settings))
    except _PERSONS_FAULTS as fault:
        return _explain(fault)
    except BaseExceptionGroup as group:
        faults, others = group.split(_PERSONS_FAULTS)
        if others is not None or faults is None:
            raise
        return _explain(_first(faults))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    overrides = {"data_dir": options.data_dir} if options.data_dir else {}
    config: Path | None = options.config
    if config is None and Path("murima.toml").exists():
        config = Path("murima.toml")
    return load_settings(config, overrides)


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reread = asyncio.Event()
    if settings.tls.is_on:
        loop.add_signal_handler(signal.SIGHUP, reread.set)
    await serve(settings, stop, lambda text: print(text, flush=True), reread=reread)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(fault: BaseException) -> int:
    print(f"murima: {escaped(str(fault))}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
