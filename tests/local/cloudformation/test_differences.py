"""What cannot change without a replacement, against the schemas of the Registry that cfn-lint carries."""

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from pipeline.local.cloudformation.differences import _CANNOT_CHANGE


@pytest.mark.parametrize("kind", sorted(_CANNOT_CHANGE))
def test_what_cannot_change_is_what_the_registry_says(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    told = {path.removeprefix("/properties/").split("/")[0] for path in schema["createOnlyProperties"]}
    assert told >= _CANNOT_CHANGE[kind]
