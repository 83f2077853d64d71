"""Two agents with one name on two machines, of which one polls: the one that holds a lease at the broker.

Both have the same configuration. The holder renews the lease each second. If it falls silent, the other agent takes the lease after a few
seconds and polls. Clocks of the two machines are never compared. An agent that lost its connection to the broker must have the lease
confirmed before it connects again to publish, so that the two never publish at the same time.

`lease` decides who holds the lease, `handover` when its holder gives it up; `keeper` exchanges their messages with the broker.
"""

from agent.pair.keeper import LeaseKeeper
from agent.pair.lease import Lease

__all__ = ["Lease", "LeaseKeeper"]
