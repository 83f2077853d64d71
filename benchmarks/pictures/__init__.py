"""Pictures of the committed dashboards, drawn by the components of Perses from live data of a simulated site."""
