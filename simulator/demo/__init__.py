"""The demo: simulated devices, an embedded broker, and the real agent and collector, all on loopback.

| module | what |
|---|---|
| `run` | the command `rackflow-demo`: starts and stops everything |
| `site` | the site, the configurations of agent and collector, and the faults that a visitor may cause |
| `broker` | the broker, iotcore in a child process |
| `keys` | what a visitor types on the terminal |
| `summary` | the line at the end, made from the collector's /metrics |
| `die_with_parent` | runs a child process that ends with the demo, even if the demo is killed |
"""
