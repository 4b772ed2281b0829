"""What requests and answers hold, in OpenAI's and vLLM's words."""
