"""What a lesson's checks import, and nothing else of ours."""
