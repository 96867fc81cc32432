"""HTTP: what the world asks of EasyFlow, checked at the door and answered in one shape."""
