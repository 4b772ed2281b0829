"""Many machines on paper: replicas of an engine behind a router, by discrete-event simulation."""
