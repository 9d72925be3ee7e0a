"""A whole run on this machine: what the local cloud deploys, is watched, and shown in a terminal."""
