"""The demo: simulated devices, an embedded broker, and the real agent and collector, all on loopback."""
