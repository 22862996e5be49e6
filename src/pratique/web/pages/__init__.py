"""What a person sees in a browser: plain pages, everything escaped, nothing from elsewhere."""
