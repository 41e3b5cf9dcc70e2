"""Reads YAML that Kubernetes' own binaries write: one document without aliases.

Aliases can make a small text huge, and those binaries never write one.
"""

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """The document as plain data.

    Raises:
        ValueError: it is not YAML, has aliases, or is nested too deeply.

    """
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_LOADER)):
            raise ValueError("YAML aliases are not read here")
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error
