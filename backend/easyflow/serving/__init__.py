"""What the API's and the dashboard's server share: listening, stopping, the guard, problems."""
