"""One file a family of endpoints; `pipeline.serve.app` lists them."""
