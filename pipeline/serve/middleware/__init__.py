"""What every request passes before its endpoint, from the outermost: log, keys, body."""
