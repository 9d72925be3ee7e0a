"""moto with data that is read for less: the same answers."""

import boto3
import pytest
from moto import mock_aws
from moto.core import base_backend, loaders, utils

from pipeline.local import moto_data


@pytest.fixture(autouse=True)
def adopted() -> None:
    moto_data.adopt()


@pytest.mark.parametrize("service", ["s3", "sqs", "iam", "kms"])
def test_models_have_what_moto_adds(service: str) -> None:
    ours = vars(utils)["create_loader"]().load_service_model(service, "service-2")

    assert ours == loaders.create_loader().load_service_model(service, "service-2")


def test_regions_are_those_of_botocore() -> None:
    ours = vars(base_backend)["Session"]()

    assert ours.get_available_regions("s3") == boto3.Session().get_available_regions("s3")


def test_packages_are_services_as_moto_names_them() -> None:
    assert utils.service_name_from_moto_package_name("cognitoidp") == "cognito-idp"


def test_a_key_signs_and_verifies() -> None:
    with mock_aws():
        kms = boto3.client("kms", region_name="us-east-1")
        key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        signed = {"KeyId": key, "Message": b"message", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
        signature = kms.sign(**signed)["Signature"]

        assert kms.verify(**signed, Signature=signature)["SignatureValid"]
        assert not kms.verify(**{**signed, "Message": b"another"}, Signature=signature)["SignatureValid"]


def test_a_symmetric_key_encrypts_and_decrypts() -> None:
    with mock_aws():
        kms = boto3.client("kms", region_name="us-east-1")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        encrypted = kms.encrypt(KeyId=key, Plaintext=b"message")["CiphertextBlob"]

        assert kms.decrypt(KeyId=key, CiphertextBlob=encrypted)["Plaintext"] == b"message"


def test_a_key_that_nobody_uses_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(**_: object) -> None:
        raise AssertionError("a private key is made")

    monkeypatch.setattr("moto.kms.utils.rsa.generate_private_key", make)
    with mock_aws():
        assert boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Enabled"]
