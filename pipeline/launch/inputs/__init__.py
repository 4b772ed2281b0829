"""What a job reads, named by the hash of its content, and found or brought where the job runs."""
