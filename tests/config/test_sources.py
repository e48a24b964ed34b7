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
        ("[sip]\nudp_port = 70000\n", r"^sip\.udp_port: must be from 0 to 65535$"),
        ("[sip]\nudp_prot = 5060\n", r"^sip\.udp_prot: is not a setting; .*sip\.udp_port\?$"),
        ("[sip\n", r"murima\.toml: is not valid TOML: .*line 1"),
        ("[media]\nrtp_port_min = 40000\nrtp_port_max = 40001\n", r"^media: rtp_port_max must"),
        ("[log]\nlevel = 'loud'\n", r"^log\.level: must be 'debug', 'info', 'warning' or"),
        ("[http]\nhost = 'example'\n", r"^http\.host: must be an IP address such as"),
        ("[http]\nhost = 7\n", r"^http\.host: must be an IP address such as"),
        ("[sip]\nudp_port = 'x'\n", r"^sip\.udp_port: must be a whole number$"),
        ("[sip]\nudp_port = 5060.5\n", r"^sip\.udp_port: must be a whole number$"),
        ("[sip]\nudp_port = true\n", r"^sip\.udp_port: must be a number, not true or false$"),
        ("[sip]\ntrace = 'perhaps'\n", r"^sip\.trace: must be true or false$"),
        ("[sip]\nrealm = 3\n", r"^sip\.realm: must be text in quotes$"),
        ("[sip.realm]\nx = 3\n", r"^sip\.realm: must be text in quotes$"),
        ("[sip]\nrealm = ''\n", r"^sip\.realm: must have a length of at least 1$"),
        ("[sip]\nrealm = 'a b'\n", r"^sip\.realm: may have letters, digits"),
        ("[sip]\nrealm = 'm\u00fcller'\n", r"^sip\.realm: may have letters, digits"),
        ("[sip]\ndigest_algorithms = 'MD5'\n", r'^sip\.digest_algorithms: .* \["MD5"\]$'),
        ("[sip]\ndigest_algorithms = []\n", r"^sip\.digest_algorithms: .* at least 1$"),
        ("[sip]\ndigest_algorithms = ['MD5', 'MD5']\n", r"^sip: digest_algorithms must name"),
        ("[sip]\nregistration_max_seconds = 60\nregistration_min_seconds = 61\n", r"^sip: reg"),
        ("sip = 3\n", r"^sip: must be a section, not a value: write \[sip\]"),
        ("[[sip]]\nudp_port = 1\n", r"^sip: must be a section, not a value"),
        ("[data_dir]\nx = 1\n", r"^data_dir: "),
        ("data_dir = ''\n", r"^data_dir: must be a path$"),
        ('data_dir = "a\\u0000b"\n', r"^data_dir: must be a path$"),
        ("shutdown_grace_seconds = nan\n", r"^shutdown_grace_seconds: must be from 0 to 3600$"),
        ("[spi]\nudp_port = 1\n", r"^spi: is not a setting; did you mean sip\?$"),
        ('"a\\nb" = 1\n', r'^"a\\nb": is not a setting$'),
        ("[sip]\nudp_port = 1\nudp_port =\n", r"murima\.toml: is not valid TOML: .*line 3"),
        ("a = " + "[" * 9_999, r"murima\.toml: is not valid TOML: "),
        ("[database]\nurl = ''\n", r"^database\.url: must be a URL such as postgresql://"),
        ("[database]\nurl = 'mysql://h/x'\n", r"^database\.url: must be a URL such as"),
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


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MURIMA_SIP__UDP_PORT", "", r"^MURIMA_SIP__UDP_PORT: is empty; "),
        ("MURIMA_DATA_DIR", "", r"^MURIMA_DATA_DIR: is empty; "),
        ("MURIMA_SIP", '{"udp_port": 1}', r"^MURIMA_SIP: is a section; set its parts; .*SIP__"),
        ("MURIMA_SIP__DIGEST_ALGORITHMS", "MD5", r'^MURIMA_SIP__DIGEST_ALGORITHMS: .*"MD5"\]$'),
        ("MURIMA_SIP__UDP_PORT__X", "1", r"^MURIMA_SIP__UDP_PORT__X: is not a setting"),
        ("murima_sip__udp_port", "x", r"^murima_sip__udp_port: must be a whole number$"),
        ("MURIMA_HTTP__HOST", "localhost", r"^MURIMA_HTTP__HOST: must be an IP address"),
        ("DATABASE_URL", "secret", r"^DATABASE_URL: must be a URL such as"),
    ],
)
def test_mistake_in_a_variable_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(None)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_list_in_a_variable_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURIMA_SIP__DIGEST_ALGORITHMS", '["SHA-256", "MD5"]')
    assert load_settings(None).sip.digest_algorithms == ("SHA-256", "MD5")


def test_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "murima.toml"
    path.write_bytes("[sip]\nrealm = 'é'\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"murima\.toml: is not UTF-8 text, at byte 16$"):
        load_settings(path)


def test_mark_that_some_editors_put_first_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "murima.toml"
    path.write_text("\ufeff[sip]\nudp_port = 5070\n", encoding="utf-8")
    assert load_settings(path).sip.udp_port == 5070


def test_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r": cannot be read: Is a directory$"):
        load_settings(tmp_path)


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
