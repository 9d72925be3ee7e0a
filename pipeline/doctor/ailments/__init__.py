"""Every failure that is known. Where the words of two overlap, the one that comes first here has them.

Wordings come from the services and libraries named beside them; tests/data/doctor holds an example of each.
"""

from pipeline.doctor.ailments import account, files, machine, ours, requests, single_images, tensors

AILMENTS = (
    *tensors.AILMENTS,
    *requests.AILMENTS,
    *files.AILMENTS,
    *account.AILMENTS,
    *machine.AILMENTS,
    *ours.AILMENTS,
    *single_images.AILMENTS,
)
