"""From the sources to a stack in an account: what `imagebatch deploy` and `imagebatch destroy` do.

    bundles.py        which function needs which packages, and what of a package is left out
    wheels.py         packages for Lambda's processor, downloaded and unpacked once
    building.py       a folder for each bundle; `python -m pipeline.deploying.building` for the SAM CLI
    archives.py       zip files of which the same content gives the same bytes
    templates.py      infra/template.yaml read, and with addresses in S3 for what it names on this machine
    bucket.py         the bucket for what is uploaded: a stack of its own
    uploading.py      code, definitions, the model and the container's sources, each under the hash of its content
    change_sets.py    what would change, and the change itself
    container.py      the container image, built by a CodeBuild project of the stack
    destroying.py     the stack deleted, and the data where that is asked for

No Docker and no Node: pip brings wheels, boto3 uploads, CloudFormation applies the transform of SAM itself.
"""
