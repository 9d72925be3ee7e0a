"""Which image a model names, and what of a model can be run."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.containers import Image, Images, UnknownImageError, container_of, repository_of

words = st.text("az09", min_size=1, max_size=6)
names = words | st.tuples(words, st.sampled_from("._-"), words).map("".join)
registries = st.sampled_from(
    ["", "localhost/", "localhost:5000/", "ghcr.io/", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/"]
)
tags = st.just("") | st.text("aZ0._-", max_size=6).map(":v{}".format)
digests = st.just("") | st.just("@sha256:" + "0f" * 32)


@given(registries, names, st.lists(names, max_size=2), tags, digests)
def test_an_image_is_known_whatever_its_registry_tag_and_digest(
    registry: str, first: str, further: list[str], tag: str, digest: str
) -> None:
    # Without a registry, a first part with a dot would be taken for one: that is how Docker reads it.
    first = first if registry or not further else first.replace(".", "-")
    repository = "/".join([first, *further])
    assert repository_of(f"{registry}{repository}{tag}{digest}") == repository


def test_an_image_that_nobody_described_is_refused_by_name() -> None:
    images = Images({"mine": Image(("serve",), Path("/"))})
    with pytest.raises(UnknownImageError, match=r"'theirs:1' cannot be run.*Known repositories: mine;"):
        images.find("theirs:1")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"Containers": [{"Image": "a"}, {"Image": "b"}]},
        {"PrimaryContainer": {"ModelPackageName": "arn:aws:sagemaker:us-east-1:123456789012:model-package/p"}},
        {"PrimaryContainer": {"Image": "a", "Mode": "MultiModel"}},
        {"PrimaryContainer": {"Image": "a", "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/"}}}},
    ],
)
def test_a_model_of_more_than_one_image_with_its_data_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match=r"The model 'net'.*give it a PrimaryContainer with Image"):
        container_of({"ModelName": "net", **members})


def test_a_list_of_one_container_is_as_good_as_a_primary_one() -> None:
    assert container_of({"ModelName": "net", "Containers": [{"Image": "a"}]}) == {"Image": "a"}
