"""The image that cannot wait: one event -> a verdict -> an endpoint's answer -> a message, within seconds.

The Express state machine and the function that does it all by itself are both made of these modules.
"""
