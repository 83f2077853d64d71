"""The demo: simulated devices, an embedded broker, a real agent and a real collector, on loopback."""
