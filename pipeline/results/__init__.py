"""What a run came to: reconciled, written as tables and a summary, told in a message."""
