"""Templates in CloudFormation's own types, each translated once.

SAM's translator takes 0.3 seconds of a core, most of it its imports: a seventh of the time until a small run starts.
What it made of a template is kept on this machine (cache.py) under a digest of all that it depends on: the template
with its parameters' values and its region, the translator's version, and what asks it.

Parameters that are not to be echoed may stand in what comes out: with such a value, nothing is kept.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from pipeline.local import sam
from pipeline.local.cache import Cache, user_folder

_MOST = 20  # templates, 150 KB each


def translated(order: sam.Order) -> sam.Translated:
    """What sam.py gives: of the same order, always the same."""
    folder = user_folder()
    if folder is None or _has_secrets(order):
        return sam.translated(order)
    cache, key = Cache(folder / "templates", _MOST), _key(order)
    if (kept := cache.get(key)) is not None:
        return sam.Translated(template=json.loads(kept), problems=[])
    made = sam.translated(order)
    if not made["problems"]:
        cache.put(key, json.dumps(made["template"]).encode())
    return made


def _has_secrets(order: sam.Order) -> bool:
    declared = order["template"].get("Parameters", {}).values()
    return any(str(declaration.get("NoEcho", False)).lower() == "true" for declaration in declared)


def _key(order: sam.Order) -> str:
    asks = Path(sam.__file__).read_bytes()
    parts = (version("aws-sam-translator").encode(), asks, json.dumps(order).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
