"""What it is worth that a request goes where its adapter is in memory."""
