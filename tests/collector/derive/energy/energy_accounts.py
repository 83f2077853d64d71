"""Energy accounts of a site without a site file, for tests of energy records and of the statement."""

from collections.abc import Iterable

from collector.derive.energy.accounting import Accounts


def accounts_of(quantities: Iterable[str], contracts: tuple[str, ...] = ()) -> Accounts:
    """The accounts of these quantities, such as `facility:m`; with the quantities of contracts that have a meter."""
    return Accounts(
        site="s",
        streams=(),
        category="1",
        loops=(),
        contracts=contracts,
        profile_w=(),
        zone="",
        quantities=frozenset(quantities),
    )
