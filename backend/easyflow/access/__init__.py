"""Who may ask: addresses and origins, the API key, and sessions of the dashboard."""
