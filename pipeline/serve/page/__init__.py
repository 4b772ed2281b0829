"""The status page: one file of HTML, which needs no network, and what it is told."""
