"""An engine behind the API that OpenAI's clients speak."""
