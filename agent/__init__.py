"""The agent: polls devices, normalises what they say and publishes it."""
