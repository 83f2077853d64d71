"""Where a site's energy came from, in one hour."""

import pytest

from collector.derive.energy.balance import Balance, balance_of


@pytest.mark.parametrize(
    ("balance", "used", "pv_used", "grid"),
    [
        (Balance(imported=100.0), 100.0, 0.0, 100.0),
        (Balance(imported=100.0, pv=20.0, generated=10.0), 130.0, 20.0, 100.0),
        # PV is exported first, and the rest of it was used on site.
        (Balance(imported=50.0, exported=30.0, pv=40.0), 60.0, 10.0, 50.0),
        # More than PV gave was exported: the rest came from a generator.
        (Balance(imported=0.0, exported=20.0, pv=5.0, generated=40.0), 25.0, 0.0, 0.0),
        # Errors of several meters add up to less than nothing.
        (Balance(imported=0.0, exported=50.0, pv=40.0), 0.0, 0.0, 0.0),
        (Balance(imported=0.0, exported=4.0, pv=10.0), 6.0, 6.0, 0.0),
        # A meter that counts what goes out as less than nothing.
        (Balance(imported=-5.0, pv=10.0), 5.0, 5.0, 0.0),
    ],
)
def test_what_a_site_used_and_what_of_it_came_from_pv_and_from_the_grid(
    balance: Balance, used: float, pv_used: float, grid: float
) -> None:
    assert (balance.used, balance.pv_used, balance.grid) == (used, pv_used, grid)


def test_the_meters_of_each_kind_are_added_up_and_others_are_left_out() -> None:
    amounts = {
        "facility:m1": 100.0,
        "facility:m2": 50.0,
        "export:m1": 7.0,
        "pv:roof": 20.0,
        "generator:g1": 3.0,
        "it:m3": 90.0,
    }
    assert balance_of(amounts, amounts.__getitem__) == Balance(imported=150.0, exported=7.0, pv=20.0, generated=3.0)
