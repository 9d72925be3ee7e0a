"""botocore's models of AWS's services, read quickly.

A client is made of its service's model, which botocore keeps in files of JSON. It reads them into ordered dictionaries,
for Pythons whose own were not: three quarters of what reading takes. And before it reads one it looks through the
folders of all 400 services for those that have one of its kind. Together that was half a second of a core in a local
run, and it is most of what a function's clients cost when it starts.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import botocore.session
from botocore.loaders import JSONFileLoader, Loader, instance_cache


class Documents(JSONFileLoader):
    """What botocore's loader reads files by: into plain dictionaries, which have the files' order."""

    def load_file(self, file_path: str) -> Any:
        """What a file says, named without its ending; None where there is none."""
        try:
            return json.loads(Path(f"{file_path}.json").read_bytes())
        except FileNotFoundError:
            pass
        try:
            return json.loads(gzip.decompress(Path(f"{file_path}.json.gz").read_bytes()))
        except FileNotFoundError:
            return None


class Models(Loader):
    """botocore's loader, by `Documents`, and without a look into every folder."""

    FILE_LOADER_CLASS = Documents

    @property
    def search_paths(self) -> list[str]:
        """Each once: boto3 adds its own to a loader's with every session that is made."""
        paths: list[str] = super().search_paths
        paths[:] = dict.fromkeys(paths)
        return paths

    @instance_cache
    def list_available_services(self, type_name: str) -> list[str]:
        """The services that have a model of any type. One that has none of this type is told of when it is loaded, by
        botocore's DataNotFoundError."""
        found: set[str] = set()
        for folder in filter(os.path.isdir, self.search_paths):
            with os.scandir(folder) as entries:
                found.update(entry.name for entry in entries if entry.is_dir())
        return sorted(found)


LOADER = Models()
"""Keeps what it has read. What it gives is shared: to be read only."""


def session() -> Any:
    """A session of botocore whose clients are made of what `LOADER` has read."""
    made = botocore.session.get_session()
    made.register_component("data_loader", LOADER)
    return made
