from __future__ import annotations

from bidsdeid.core.account import Account
from bidsdeid.core.ledger import Ledger, Outcome, Release, Status
from bidsdeid.core.scrub import Change
from bidsdeid.core.tables import OUTSIDE

RELEASE = Release("sub-x/anat/sub-x_T1w.json", "0" * 64, 2, "scrub")
KEPT = Outcome(
    "sub-01/anat/sub-01_T1w.json", "scrub", Status.RELEASED, "a rule", (RELEASE,),
    (Change("acq_time", "dropped", OUTSIDE), Change("PatientName", "dropped", "a name")),
)  # fmt: skip
LOST = Outcome("sub-01/anat/sub-01_T1w.nii.gz", "deface", Status.FAILURE, "no face is found")
RULED = Outcome("sub-01/notes.txt", "withhold", Status.POLICY, "no rule names it")


def test_an_account_counts_and_names_failures() -> None:
    account = Account.of(Ledger("01", "f", (KEPT, LOST, RULED), "x"))
    assert (account.participant, account.label, account.fingerprint) == ("01", "x", "f")
    assert account.released
    assert account.counts == {Status.RELEASED: 1, Status.FAILURE: 1, Status.POLICY: 1}
    assert account.failures == (("sub-01/anat/sub-01_T1w.nii.gz", "no face is found"),)
    assert account.lost_dates == 1


def test_of_whom_nothing_is_released_nothing_is() -> None:
    assert not Account.of(Ledger("01", "f", (LOST, RULED), "x")).released
