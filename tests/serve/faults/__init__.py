"""What a server makes of clients, adapters, signals and engines that misbehave under load."""
