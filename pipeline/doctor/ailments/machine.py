"""What a machine runs out of: memory, disk, time; and what ends it."""

from pipeline.doctor.signs import Depth, ailment

AILMENTS = (
    ailment(
        "gpu_out_of_memory",
        "The GPU's memory is full",
        "CUDA out of memory",
        "CUDA error: out of memory",
        "CUDNN_STATUS_ALLOC_FAILED",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "Failed to allocate memory for requested buffer of size",
        "OOM when allocating tensor",
        "torch.OutOfMemoryError",
        why="The batch's activations do not fit beside the model, or several processes share the GPU.",
        remedy="A smaller batch, one process for each GPU, float16, or an `instance_type` with a larger GPU.",
    ),
    ailment(
        "gpu_driver",
        "The container's CUDA does not fit the machine",
        "CUDA driver version is insufficient for CUDA runtime version",
        "no kernel image is available for execution on the device",
        "Found no NVIDIA driver on your system",
        why="The image was built for another CUDA than the instance's driver has, or for GPUs that the instance has"
        " not.",
        remedy="Choose an instance type with a GPU, and build the image on a CUDA that its driver knows.",
    ),
    ailment(
        "out_of_memory",
        "A process ran out of memory",
        "MemoryError",
        "AlgorithmError: {}exit code: 137",
        "exit code: 137",
        "exit code 137",
        "exit status 137",
        "Cannot allocate memory",
        "can't allocate memory",
        "std::bad_alloc",
        "Killed process",
        "oom-kill",
        "oom-killer",
        "Runtime.OutOfMemory",
        "Error: Runtime exited with error: signal: killed",
        "Please use an instance type with more memory",
        # imagebatch
        "WorkerDied",
        "It may have run out of memory",
        why="137 is 128 + 9: the kernel killed the process because there was no memory left. In a job it is the model"
        " times the number of processes, in a Lambda a huge image or too little MemorySize.",
        remedy="A larger `instance_type` in the run's input. For ValidateImages lower MaxImagePixels (the memory of"
        " an image is its pixels, whatever its file's size) or raise MemorySize.",
    ),
    ailment(
        "crash",
        "Native code crashed",
        "AlgorithmError: {}exit code: 139",
        "exit code: 139",
        "exit code 139",
        "exit code: 134",
        "Segmentation fault",
        "signal: segmentation fault",
        "signal: aborted",
        "Fatal Python error",
        why="139 is 128 + 11: a library read memory that is not its own. A decoder over a crafted file, or libraries"
        " that do not fit together.",
        remedy="A run rejects an image that kills its decoder as `crashes_decoder`. In a job, pin the versions of the"
        " runtime and numpy to those that it was tested with.",
    ),
    ailment(
        "disk_full",
        "A disk is full",
        "No space left on device",
        "Insufficient disk space",
        "[Errno 28]",
        "Disk quota exceeded",
        why="Inputs, model and outputs of a job share one volume; /tmp of a Lambda has 512 MB unless it is given more"
        " (EphemeralStorage).",
        remedy="In a job, fewer images: lower ImagesPerJob. In a function that makes tables, fewer images in a run.",
    ),
    ailment(
        "time_limit",
        "A job or a function ran longer than it may",
        "MaxRuntimeExceeded",
        "ran for longer than its MaxRuntimeInSeconds",
        "exceeded MaxRuntimeInSeconds",
        "MaxWaitTimeExceeded",
        "States.Timeout",
        "States.HeartbeatTimeout",
        "Task timed out after {} seconds",
        "Sandbox.Timedout",
        why="A processing job is stopped after StoppingCondition.MaxRuntimeInSeconds, a Lambda after its Timeout (15"
        " minutes at most), a state after TimeoutSeconds.",
        remedy="A larger `instance_type`, so that a partition takes less time. For ValidateImages the knob is"
        " ValidateTimeout; an image that alone takes longer is rejected as `decode_timeout`.",
    ),
    ailment(
        "state_too_large",
        "A state's data passed 256 KB",
        "States.DataLimitExceeded",
        "exceeding the maximum number of bytes service limit",
        why="Step Functions hands at most 262,144 bytes from state to state, for the results of a whole Map together.",
        remedy="Pass S3 keys instead of lists. This product's machines do: a run of very many partitions wants larger"
        " ones.",
    ),
    ailment(
        "stopped",
        "It was stopped from outside",
        "Stopped: SIGTERM came",
        "AlgorithmError: {}exit code: 143",
        "exit code: 143",
        "exit code 143",
        "SIGTERM",
        "Handling signal: term",
        "States.Aborted",
        why="Somebody stopped it, its time was up, or the run that it belongs to ended.",
        remedy="Nobody did? Then look for a time limit above. Start the run again: what was finished is the same next"
        " time.",
        depth=Depth.SYMPTOM,
    ),
    ailment(
        "container_failed",
        "The program in the container ended with an error",
        "AlgorithmError: , exit code: {}",
        "AlgorithmError: {}exit code: 1",
        "AlgorithmError:",
        "See job logs for more information",
        "ExecuteUserScriptError",
        "exit code: 1",
        "Runtime.ExitError",
        "ExitError",
        why="SageMaker knows the exit code and no more; the words are in the container's log.",
        remedy="Read the log: CloudWatch group /aws/sagemaker/ProcessingJobs (TransformJobs, TrainingJobs), the"
        " streams of this job; for a run on this machine out/<run_id>/logs. Run `imagebatch doctor` on it.",
        depth=Depth.SYMPTOM,
    ),
)
