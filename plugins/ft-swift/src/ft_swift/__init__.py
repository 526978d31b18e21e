"""The ms-swift backend of ft."""
