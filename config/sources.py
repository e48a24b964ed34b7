"""Reads the settings from file and environment; nothing else reads the environment."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.settings import Settings

_PREFIX = "MURIMA_"
_SECTIONS = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
)


class ConfigError(Exception):
    """One line for the person who runs the server: which key, and what is wrong with it."""


def load_settings(
    config_file: Path | None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """Defaults, overlaid by the TOML file, the environment and `overrides`, in that order.

    Environment keys are `MURIMA_` and the key with `__` between its parts, such as
    `MURIMA_SIP__UDP_PORT`; a plain `DATABASE_URL` is taken for `database.url`.
    Raises ConfigError.
    """
    from_file = _read_toml(config_file) if config_file is not None else {}
    _refuse_unknown_variables()

    class Sources(BaseSettings, Settings):
        model_config = SettingsConfigDict(
            env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
        )

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                InitSettingsSource(settings_cls, dict(overrides or {})),
                EnvSettingsSource(settings_cls),
                InitSettingsSource(settings_cls, _plain_database_url()),
                InitSettingsSource(settings_cls, from_file),
            )

    try:
        read = Sources()
        return Settings(**{name: getattr(read, name) for name in Settings.model_fields})
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    except ValueError as error:
        # The environment source could not parse a value: it names the field only.
        raise ConfigError(str(error).partition("\n")[0]) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def _plain_database_url() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL")
    return {"database": {"url": url}} if url else {}


def _refuse_unknown_variables() -> None:
    known = {_PREFIX + "__".join(key).upper() for key in _keys(Settings)}
    for name in os.environ:
        if name.startswith(_PREFIX) and name.upper() not in known:
            raise ConfigError(f"{name}: is not a setting{_suggestion(name, known)}")


def _explain(error: ValidationError) -> str:
    """The first finding as `key: what is wrong`, named as the person wrote it."""
    finding = error.errors(include_url=False, include_input=False)[0]
    # Below a leaf pydantic adds names of its own, such as the members of a union.
    depth = 1 + (str(finding["loc"][0]) in _SECTIONS)
    parts = [str(part) for part in finding["loc"][:depth]]
    key = ".".join(parts)
    variable = _PREFIX + "__".join(parts).upper()
    shown = f"{variable}" if variable in os.environ else key
    if finding["type"] == "extra_forbidden":
        known = {".".join(k) for k in _keys(Settings)}
        return f"{shown}: is not a setting{_suggestion(key, known)}"
    message = finding["msg"].removeprefix("Value error, ")
    return f"{shown}: {message[0].lower()}{message[1:]}"


def _keys(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    keys: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        keys.append((*prefix, name))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _keys(field.annotation, (*prefix, name))
    return keys


def _suggestion(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]}?" if nearest else ""
