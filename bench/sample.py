"""The texts that every benchmark sends: ordinary accounting talk that breaks no rule.

A text that broke a rule would be stopped early and so look fast; one sample for all keeps the
contenders comparable.
"""

from __future__ import annotations

import json

CHUNKS = 60
"""Content deltas in one streamed answer."""

MODEL = "mock"
PACED_MODEL = "mock-paced"
"""The model name that asks the mock upstream to pause between chunks."""

QUESTION = (
    "Hello, I run a small bakery and I am getting my bookkeeping ready for the quarter. Could you "
    "tell me which papers you would like to have from me, in which order I should send them, and "
    "what happens after that? Last time some of the receipts were missing, and I would like to "
    "avoid going back and forth this time. I have the bank statements as a download, the purchase "
    "invoices in a folder on my computer, and the till reports on paper. My assistant keeps a list "
    "of the hours that everybody worked, and the rent of the shop is paid by direct debit. Is it "
    "useful to put all of that together in one folder, or do you prefer to receive it month by "
    "month? Please keep it short; I will read it between two batches of bread. Also let me know if "
    "a picture of a receipt, taken with my telephone, is good enough, or if you need the paper."
)

ANSWER = (
    "Thank you for asking, and good that you start early. Month by month is easiest for us, with "
    "one folder for sales, one for purchases and one for the bank. Please begin with the bank "
    "download, because we match everything else against it. After that come the purchase invoices "
    "and the till reports; a clear picture of a receipt is fine, as long as the date, the amount "
    "and the name of the shop can be read. Keep the paper in a box until the year is closed. The "
    "list of hours goes to our payroll desk, who use it for the payslips. You need not send the "
    "rent each month: it is on the bank statement and we already have the agreement on file. When "
    "all is in, we book it within five working days and send you an overview to check. If a "
    "receipt is missing, you will find it marked in that overview, so that you can look for it at "
    "your own pace. You then approve the figures in the portal and we prepare the return. You "
    "will see the amount before anything is filed. Shall I put a reminder in your portal for the "
    "first week of next month, and a second one for the week after that, in case it gets busy in "
    "the bakery?"
)


def deltas() -> tuple[str, ...]:
    """The streamed answer in 60 deltas: its first 60 words, each with the space before it."""
    words = ANSWER.split(" ")[:CHUNKS]
    return (words[0], *(f" {word}" for word in words[1:]))


def request_body(*, stream: bool, paced: bool = False) -> bytes:
    """A chat-completions request of about 1 KB."""
    system = "You are Ada, the assistant of an accounting firm. Be friendly and brief."
    return json.dumps(
        {
            "model": PACED_MODEL if paced else MODEL,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": QUESTION},
            ],
            "stream": stream,
        }
    ).encode()
