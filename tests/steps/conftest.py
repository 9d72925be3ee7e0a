"""What Lambda hands a handler beside the event."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def context() -> SimpleNamespace:
    return SimpleNamespace(
        function_name="imagebatch-step",
        memory_limit_in_mb=1769,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:imagebatch-step",
        aws_request_id="5e1f0c6e-1111-4222-8333-444455556666",
    )
