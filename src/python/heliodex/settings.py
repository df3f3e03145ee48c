"""Settings of a session: keyword arguments (heliodex's own and those of boto3 clients), the environment, hdx_config."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

from . import _abi
from ._library import library
from .errors import UsageError

Value = Any


def _text(value: Any) -> bytes:
    data = _abi.encode(os.fspath(value)) if not isinstance(value, bytes) else value
    if b"\0" in data:
        raise ValueError("it holds a NUL")
    return data


def flag(value: Any) -> bool:
    """Whether it is set; ValueError: a text that does not tell."""
    if isinstance(value, str):  # from the environment
        if value.lower() in ("1", "true", "yes", "on"):
            return True
        if value.lower() in ("", "0", "false", "no", "off"):
            return False
        raise ValueError("expected 1 or 0")
    return bool(value)


_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _count(value: Any) -> int:
    if isinstance(value, str) and value[-1:].upper() in _UNITS:
        return _count(value[:-1]) * _UNITS[value[-1].upper()]
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("expected a whole number")
    number = int(value)
    if number < 0 or number >= 2**64:
        raise ValueError("expected a number of 0 or more")
    return number


def _one_of(names: Tuple[str, ...]) -> Callable[[Any], int]:
    def choose(value: Any) -> int:
        if value not in names:
            raise ValueError("expected one of " + ", ".join(names))
        return names.index(value)

    return choose


# Keyword: the member of hdx_config, how its value is read, the variable of the environment that stands in for it (named
# as the program's option). Those of AWS ($AWS_REGION …) and $ROOT_CATALOG_REGISTRY_URL the library looks at itself.
_SETTINGS: Dict[str, Tuple[str, Callable[[Any], Any], Optional[str]]] = {
    "store": ("store", _text, "HELIODEX_STORE"),
    "registry_url": ("registry_url", _text, "HELIODEX_REGISTRY"),
    "catalog_name": ("catalog_name", _text, "HELIODEX_CATALOG_NAME"),
    "endpoint_url": ("endpoint_url", _text, "HELIODEX_ENDPOINT_URL"),
    "region_name": ("region", _text, "HELIODEX_REGION"),
    "ca_file": ("ca_file", _text, "HELIODEX_CA_FILE"),
    "sign": ("sign", _one_of(_abi.SIGN), None),
    "request_payer": ("request_payer", flag, None),
    "profile_name": ("profile", _text, "HELIODEX_PROFILE"),
    "aws_access_key_id": ("access_key_id", _text, None),
    "aws_secret_access_key": ("secret_access_key", _text, None),
    "aws_session_token": ("session_token", _text, None),
    "addressing_style": ("addressing", _one_of(_abi.ADDRESSING), "HELIODEX_ADDRESSING_STYLE"),
    "dualstack": ("dualstack", flag, "HELIODEX_DUALSTACK"),
    "presign_s": ("presign_s", _count, None),
    "index_cache": ("index_cache", _text, None),
    "offline": ("offline", flag, "HELIODEX_OFFLINE"),
    "refresh": ("refresh", flag, "HELIODEX_REFRESH"),
    "jobs": ("jobs", _count, "HELIODEX_JOBS"),
    "connections_per_host": ("connections_per_host", _count, "HELIODEX_MAX_CONNECTIONS_PER_HOST"),
    "threads": ("threads", _count, "HELIODEX_THREADS"),
    "retries": ("retries", _count, "HELIODEX_RETRIES"),
    "part_bytes": ("part_bytes", _count, "HELIODEX_PART_SIZE"),
    "memory_bytes": ("memory_bytes", _count, "HELIODEX_MEMORY"),
    "rate_bytes": ("rate_bytes", _count, "HELIODEX_LIMIT_RATE"),
    "catalog_bytes_max": ("catalog_bytes_max", _count, "HELIODEX_MAX_CATALOG"),
    "retry_ms_max": ("retry_ms_max", _count, None),
    "stall_ms_max": ("stall_ms_max", _count, None),
    "connect_ms_max": ("connect_ms_max", _count, None),
}


def _boto_config(config: Any) -> Dict[str, Value]:
    """What botocore's Config says that matters here."""
    settings: Dict[str, Value] = {}
    if getattr(config, "region_name", None):
        settings["region_name"] = config.region_name
    version = getattr(config, "signature_version", None)
    if version is not None and not isinstance(version, str):  # botocore.UNSIGNED is an object of its own
        settings["sign"] = "never"
    style = (getattr(config, "s3", None) or {}).get("addressing_style")
    if style in _abi.ADDRESSING:
        settings["addressing_style"] = style
    return settings


def _from_boto(given: Dict[str, Value]) -> Dict[str, Value]:
    """Arguments of boto3.client that are called otherwise here, or have no meaning here."""
    settings = dict(given)
    if settings.get("config") is not None:
        settings = {**_boto_config(settings["config"]), **settings}
    settings.pop("config", None)
    for ignored in ("api_version", "use_ssl"):  # the endpoint_url says whether it is https
        settings.pop(ignored, None)
    verify = settings.pop("verify", None)
    if verify is False:
        raise UsageError("verify=False: certificates are always verified; name the authority's file (verify='ca.pem')")
    if isinstance(verify, (str, os.PathLike)):
        settings.setdefault("ca_file", verify)
    return {name: value for name, value in settings.items() if value is not None}


def check_names(given: Mapping[str, Value]) -> None:
    """TypeError, as a function gives it, for a keyword that is no setting."""
    known = set(_SETTINGS) | {"maps", "config", "api_version", "use_ssl", "verify"}
    for name in given:
        if name not in known:
            raise TypeError(f"unexpected keyword argument '{name}'; settings are: {', '.join(sorted(known))}")


class Settings:
    """What a session is opened with. Owns the texts that its hdx_config points to."""

    def __init__(self, given: Mapping[str, Value]) -> None:
        check_names(given)
        self._values = _from_boto(dict(given))
        self._maps: Dict[str, str] = dict(self._values.pop("maps", None) or {})

    def __repr__(self) -> str:
        secret = ("aws_secret_access_key", "aws_session_token")
        return f"Settings({', '.join(f'{k}={v!r}' for k, v in self._values.items() if k not in secret)})"

    def replaced(self, **changes: Value) -> "Settings":
        """The same with some of them changed."""
        return Settings({**self._values, "maps": self._maps, **changes})

    def get(self, name: str) -> Value:
        """The setting as given, or else as the environment has it; None: neither."""
        variable = _SETTINGS[name][2]
        return self._values.get(name, (os.environ.get(variable) if variable else None) or None)

    def config(self) -> _abi.Config:
        """A new hdx_config; the settings must outlive it."""
        config = _abi.Config()
        library.hdx_config_init(ctypes.byref(config))
        for name, (member, read, variable) in _SETTINGS.items():
            value = self.get(name)
            if value is None:
                continue
            try:
                number = read(value)
                setattr(config, member, number)
                if isinstance(number, int) and getattr(config, member) != number:  # what does not fit is cut by ctypes
                    raise ValueError("the number is too large")
            except (ValueError, TypeError) as error:
                where = name if name in self._values else f"${variable}"
                shown = "" if "secret" in name or "token" in name else f" {value!r}"
                raise UsageError(f"{where}:{shown} cannot be used: {error}") from None
        if self._maps:
            pairs = [_abi.Map(_text(source), _text(target)) for source, target in self._maps.items()]
            config.maps = (_abi.Map * len(pairs))(*pairs)
            config.map_count = len(pairs)
        return config


SettingsLike = Union[Settings, Mapping[str, Value]]
