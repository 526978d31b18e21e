"""What makes each generated part of the documentation, one file a page."""
