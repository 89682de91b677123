"""What runs student code: the trusted side, the wire between, and in ``guest/`` the other side."""
