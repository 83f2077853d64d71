"""Two agents of one name, on two machines, of which one polls: a lease at the broker says which.

Both have the same configuration. The one that holds the lease renews it each second; if it falls silent, the other one takes it after a
few seconds and polls. No clock of one machine is compared with one of the other. An agent that lost the lease while it could not reach
the broker asks for it before it connects again, so that the two never publish at the same time.
"""

from agent.pair.keeper import LeaseKeeper
from agent.pair.lease import Lease

__all__ = ["Lease", "LeaseKeeper"]
