"""The monthly report: in go the books and the ledger, out come one CSV file and one page of HTML for each site."""
