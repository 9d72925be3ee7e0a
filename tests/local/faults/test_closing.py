"""A cloud that is closed while a fault holds somebody up."""

import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.cloud import LocalCloud
from pipeline.local.faults import FaultPlan, Faults

SLOW = {"on": "request", "service": "s3", "operation": "HeadObject", "fault": "slow", "seconds": 3600}


def test_a_call_that_is_late_on_purpose_ends_with_its_cloud() -> None:
    faults = Faults()
    with LocalCloud(faults=faults) as cloud:
        s3 = cloud._role_client("s3", "arn:aws:iam::123456789012:role/any")

        def ask() -> None:
            try:
                s3.head_object(Bucket="none", Key="none")
            except (BotoCoreError, ClientError):
                pass

        faults.use(FaultPlan.from_json({"faults": [{**SLOW, "occurrences": [1]}]}))
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        deadline = time.monotonic() + 60
        while not faults.injected and time.monotonic() < deadline:
            time.sleep(0.01)
    asking.join(60)
    assert [each.fault for each in faults.injected] == ["slow"]
    assert not asking.is_alive()
