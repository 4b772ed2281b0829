"""Load generators that nobody here wrote ask a server; what they report is held against its own."""
