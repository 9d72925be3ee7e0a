"""The operations of the SageMaker API that are served, in files by what they act on."""
