import re
from pathlib import Path

import pytest

from config.settings import (
    DatabaseSettings,
    DemoSettings,
    HttpSettings,
    MediaSettings,
    Settings,
    SipSettings,
)
from config.sources import ConfigError, load_settings


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "murima.toml"
    path.write_text(text)
    return path


def test_everything_listens_on_loopback_unless_told_otherwise() -> None:
    settings = load_settings(None)
    assert {str(s.host) for s in (settings.sip, settings.media, settings.http)} == {"127.0.0.1"}


def test_environment_wins_over_the_file_and_overrides_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings_file(tmp_path, "[sip]\nudp_port = 5070\ntcp_port = 5071\n[http]\nport = 81\n")
    monkeypatch.setenv("MURIMA_SIP__UDP_PORT", "5080")
    settings = load_settings(path, {"http": {"port": 82}})
    assert (settings.sip.udp_port, settings.sip.tcp_port, settings.http.port) == (5080, 5071, 82)


def test_plain_database_url_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@db/murima")
    url = load_settings(None).database.url
    assert url is not None
    assert url.get_secret_value().endswith("/murima")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sip]\nudp_port = 70000\n", r"^sip\.udp_port: input should be less than or equal to"),
        ("[sip]\nudp_prot = 5060\n", r"^sip\.udp_prot: is not a setting; .*sip\.udp_port\?$"),
        ("[sip\n", r"murima\.toml: is not valid TOML: .*line 1"),
        ("[media]\nrtp_port_min = 40000\nrtp_port_max = 40001\n", r"^media: rtp_port_max must"),
        ("[log]\nlevel = 'loud'\n", r"^log\.level: input should be 'debug'"),
        ("[http]\nhost = 'example'\n", r"^http\.host: "),
    ],
)
def test_wrong_setting_is_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(settings_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_wrong_variable_is_named_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURIMA_HTTP__PORT", "eighty")
    with pytest.raises(ConfigError, match=r"^MURIMA_HTTP__PORT: "):
        load_settings(None)


def test_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURIMA_HTTP__PROT", "80")
    with pytest.raises(ConfigError, match=r"did you mean MURIMA_HTTP__PORT\?"):
        load_settings(None)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.toml")


def test_secret_never_stands_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(settings_file(tmp_path, '[demo]\npassword = "abc12"\n'))
    assert "abc12" not in str(caught.value)


def test_example_file_shows_every_setting_with_its_default() -> None:
    example = Path(__file__).parents[2] / "config" / "defaults" / "murima.toml"
    assert load_settings(example) == Settings()
    named = example.read_text()
    for section in (SipSettings, MediaSettings, HttpSettings, DatabaseSettings, DemoSettings):
        for name in section.model_fields:
            assert re.search(rf"^(# )?{name} = ", named, re.MULTILINE), name
