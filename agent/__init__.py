"""The agent: polls devices, converts their answers to catalogue readings and publishes them over MQTT."""
