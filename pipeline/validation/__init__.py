"""One batch of listed objects -> a verdict for each, shards of the accepted, the rejected set apart."""
