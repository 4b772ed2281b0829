"""What Prometheus and the status page are told: counted as events come, put together when asked."""
