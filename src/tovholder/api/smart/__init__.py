"""The authorization server's endpoints for machines, and where a browser comes with an app's request."""
