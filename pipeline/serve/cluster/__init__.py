"""Where the engines are that serve: a file a choice of `cluster=`, and what Ray's is made of."""
