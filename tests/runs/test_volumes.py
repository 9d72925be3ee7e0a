"""Which instances' volumes are encrypted with the stack's key."""

import pytest

from pipeline.runs.volumes import encryption

KEY = "arn:aws:kms:us-east-1:123456789012:key/one"


@pytest.mark.parametrize("kind", ["ml.c7i.xlarge", "ml.m5.large", "ml.c6gn.2xlarge", "ml.p3.2xlarge", "ml.inf2.xlarge"])
def test_an_instance_without_disks_of_its_own_gets_the_key(kind):
    assert encryption(kind, KEY) == {"VolumeKmsKeyId": KEY}


@pytest.mark.parametrize("kind", ["ml.g4dn.xlarge", "ml.c5d.large", "ml.g5.xlarge", "ml.p4d.24xlarge", "ml.m6gd.large"])
def test_an_instance_with_disks_would_be_refused_with_a_key(kind):
    assert encryption(kind, KEY) == {}


def test_without_a_key_there_is_none():
    assert encryption("ml.m5.large", "") == {}
