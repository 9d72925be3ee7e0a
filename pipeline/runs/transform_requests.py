"""What transform jobs of different runs are asked differently, made here and put into the request by the machine.

An Amazon States Language template cannot leave a field out. So where one may be missing, whole objects travel, and what
has no value is not in them: a run's `Environment`, and a partition's `TransformResources`.
"""

import re
from typing import Any

from pipeline.runs.run import Run
from pipeline.shards import sending

GPU_AMI = "al2-ami-sagemaker-batch-gpu-535"
"""With NVIDIA's driver 535. The one that an instance has otherwise, 470, is too old for CUDA 12, which takes 525 and
more (TransformResources, `TransformAmiVersion`; CUDA Compatibility, "Minor version compatibility")."""

# ml.p2 has a K80, which no driver after 470 knows.
_HAS_A_GPU = re.compile(r"ml\.(g|p(?!2\.))[0-9]")


def of_run(run: Run) -> dict[str, Any]:
    """What every request of a run says, under the names of CreateTransformJob and of what is in it."""
    payload = run.contract.payload
    if payload is None:
        return {
            "MaxConcurrentTransforms": sending.AT_ONCE,
            "MaxPayloadInMB": sending.PAYLOAD_MB,
            "ContentType": "application/x-imagebatch-shard",
            "Accept": "application/jsonlines",
            "Environment": {
                "IMAGEBATCH_RUN_ID": run.run_id,
                "IMAGEBATCH_CONTRACT": run.contract.digest,
                "IMAGEBATCH_TOP_K": str(run.top_k),
            },
        }
    return {
        "MaxConcurrentTransforms": payload.max_concurrent_transforms,
        "MaxPayloadInMB": payload.max_payload_mb,
        "ContentType": payload.content_type,
        "Accept": _media_type(run),
        "Environment": {},
    }


def resources(instance_type: str, instance_count: int) -> dict[str, Any]:
    """`TransformResources`, with an image that has a driver for CUDA 12 where there is a GPU."""
    image = {"TransformAmiVersion": GPU_AMI} if _HAS_A_GPU.match(instance_type) else {}
    return {"InstanceType": instance_type, "InstanceCount": instance_count, **image}


def _media_type(run: Run) -> str:
    answer = run.contract.output.answer
    return answer.format.media_type if answer else "application/json"
