"""What moto reads of botocore's data, and makes of its own accord, for less than it takes moto by itself.

It makes a loader for each model that it reads, and sessions that read the same data once more: a tenth of what a
deployment takes. And it makes a private RSA key for each key of KMS, also for the symmetric ones, which have none in
AWS: 40 ms of a core, where nobody signs anything. Here data is read as by our clients, and a key is made when one uses
it.
"""

from functools import cache
from typing import Any

import boto3
from moto.core import base_backend, loaders, utils
from moto.kms import models as kms

from pipeline import service_models


class _Models(service_models.Models, loaders.Loader):
    """AWS's models with what moto adds to them."""


class _PrivateKey:
    """A key of moto's that is made when it is asked for something."""

    def __init__(self, spec: str) -> None:
        self._made = cache(lambda: _make_private_key(spec))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)


_make_private_key = vars(kms)["generate_private_key"]
_models = _Models(extra_search_paths=[loaders.moto_root])


def adopt() -> None:
    """Let moto do so in this process."""
    vars(utils).update(create_loader=lambda: _models, Session=service_models.session)
    vars(base_backend).update(Session=lambda: boto3.Session(botocore_session=service_models.session()))
    vars(kms).update(generate_private_key=_PrivateKey)
