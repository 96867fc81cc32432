"""One function per event, so that an event has one name in logs, metrics and spans."""
