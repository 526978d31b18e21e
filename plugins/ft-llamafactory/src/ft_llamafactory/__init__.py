"""The LLaMA-Factory backend of ft."""
