"""The account of every message by number: stored, waiting, dead, dropped by the agent, or missing.

An entry is on disk before its message is acknowledged. So the account is true after a kill, and a message that comes a second time is
recognised.

`ledger` is the ledger in memory, with the numbers of each of an agent's `epochs`; `file` makes its changes durable, in the `tables` of
SQLite. `account` sums up an epoch, `watch` an agent for /metrics, `durable` lists what agents are told is stored. `command` is the command
`ledger`.
"""

from collector.ledger.account import EpochAccount, Range
from collector.ledger.command import accounts, as_data, as_table, read_any, since_ms
from collector.ledger.durable import durable_ranges, read_durable
from collector.ledger.epochs import Entry, EpochKey, Retirement, Statement, born_ms
from collector.ledger.file import LedgerFile, LedgerItem
from collector.ledger.ledger import Ledger
from collector.ledger.tables import NO_LEDGER, encode_snapshot, read_snapshot
from collector.ledger.watch import PART, AgentAccount, LedgerWatch

__all__ = [
    "NO_LEDGER",
    "PART",
    "AgentAccount",
    "Entry",
    "EpochAccount",
    "EpochKey",
    "Ledger",
    "LedgerFile",
    "LedgerItem",
    "LedgerWatch",
    "Range",
    "Retirement",
    "Statement",
    "accounts",
    "as_data",
    "as_table",
    "born_ms",
    "durable_ranges",
    "encode_snapshot",
    "read_any",
    "read_durable",
    "read_snapshot",
    "since_ms",
]
