"""Reads the settings from file and environment; nothing else reads the environment."""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotated_types import Ge, Le
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
_LISTS = frozenset({_PREFIX + "SIP__DIGEST_ALGORITHMS"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
    _refuse_bad_variables()

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
        # Some editors begin UTF-8 with a mark that TOML does not know.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text, at byte {error.start + 1}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is not valid TOML: it is nested too deeply") from error


def _plain_database_url() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL")
    return {"database": {"url": url}} if url else {}


def _refuse_bad_variables() -> None:
    """Refuse what could not be named well once the values have been put together."""
    keys = {_PREFIX + "__".join(key).upper(): key for key in _keys(Settings)}
    leaves = {name for name, key in keys.items() if key[0] not in _SECTIONS or len(key) > 1}
    for name, value in os.environ.items():
        if not name.upper().startswith(_PREFIX):
            continue
        if name.upper() not in leaves:
            kind = "a section; set its parts" if name.upper() in keys else "not a setting"
            raise ConfigError(f"{name}: is {kind}{_suggestion(name.upper(), leaves)}")
        if not value:
            raise ConfigError(f"{name}: is empty; give it a value or unset it")
        if name.upper() in _LISTS and not _is_list(value):
            raise ConfigError(f'{name}: must be a list such as ["SHA-256", "MD5"]')


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def _explain(error: ValidationError) -> str:
    """The first finding as `key: what is wrong`, named as the person wrote it."""
    finding = error.errors(include_url=False, include_input=False)[0]
    # Below a leaf pydantic adds names of its own, such as the members of a union.
    depth = 1 + (str(finding["loc"][0]) in _SECTIONS)
    parts = tuple(str(part) for part in finding["loc"][:depth])
    shown = _as_written(parts)
    if finding["type"] == "extra_forbidden":
        known = {".".join(k) for k in _keys(Settings)}
        return f"{shown}: is not a setting{_suggestion('.'.join(parts), known)}"
    message = _ALLOWED.get(finding["type"]) or finding["msg"].removeprefix("Value error, ")
    if finding["type"] in ("greater_than_equal", "less_than_equal"):
        message = _range(parts)
    elif finding["type"] in ("too_short", "string_too_short"):
        message = f"must have a length of at least {finding['ctx']['min_length']}"
    elif finding["type"] == "literal_error":
        message = f"must be {finding['ctx']['expected']}"
    elif finding["type"] == "model_type":
        message = f"must be a section, not a value: write [{shown}] and its settings below it"
    return f"{shown}: {message[0].lower()}{message[1:]}"


_ALLOWED = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_type": "must be a whole number",
    "path_type": "must be a path in quotes",
    "string_pattern_mismatch": "may have letters, digits and a few signs such as - only",
    "string_type": "must be text in quotes",
    "tuple_type": 'must be a list such as ["MD5"]',
}
"""What pydantic's errors mean to somebody who does not know Python."""


def _as_written(parts: tuple[str, ...]) -> str:
    """The variable if there is one, else the key as it stands in the file."""
    variable = _PREFIX + "__".join(parts).upper()
    for name in os.environ:
        if name.upper() == variable:
            return name
    if parts == ("database", "url") and os.environ.get("DATABASE_URL"):
        return "DATABASE_URL"
    return ".".join(p if _BARE_KEY.fullmatch(p) else json.dumps(p) for p in parts)


def _range(parts: tuple[str, ...]) -> str:
    model: Any = Settings
    for part in parts[:-1]:
        model = model.model_fields[part].annotation
    limits = model.model_fields[parts[-1]].metadata
    least = next(limit.ge for limit in limits if isinstance(limit, Ge))
    most = next(limit.le for limit in limits if isinstance(limit, Le))
    return f"must be from {least} to {most}"


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
