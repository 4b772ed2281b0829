"""`engine=openai`: any server that speaks OpenAI's API, measured as the engines are."""
