"""Settings, environment, URLs, and the binding of ports: the only place that knows every part."""
