"""Messages to tokens and labels: the canonical stream's meaning, its order and its digests."""
