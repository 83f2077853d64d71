"""How devices put on the wire what their instruments show: one module for each family's layout; pure but for `fleet` and `servers`."""
