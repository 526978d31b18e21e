"""The TRL backend of ft."""
