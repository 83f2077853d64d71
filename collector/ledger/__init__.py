"""The account of every message by number: stored, waiting, dead, dropped by the agent, or missing.

It is on disk before a message is acknowledged, so that what it says survives a kill.
"""

from collector.ledger.account import Sums
from collector.ledger.book import Entry, Key, Statement
from collector.ledger.cli import accounts, as_json, as_table, read_any, since_ms
from collector.ledger.epoch import born_ms
from collector.ledger.file import LedgerFile
from collector.ledger.ledger import MOST_RUNS, Ledger
from collector.ledger.tables import encode_page, read_page
from collector.ledger.watch import AgentAccount, LedgerWatch

__all__ = [
    "MOST_RUNS",
    "AgentAccount",
    "Entry",
    "Key",
    "Ledger",
    "LedgerFile",
    "LedgerWatch",
    "Statement",
    "Sums",
    "accounts",
    "as_json",
    "as_table",
    "born_ms",
    "encode_page",
    "read_any",
    "read_page",
    "since_ms",
]
