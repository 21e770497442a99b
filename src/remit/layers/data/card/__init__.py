"""The data card: what a run read, took out and let through, whose rule asked it, and how sure.

While a run filters, each part keeps a `Sketch`: counts, and a random sample of what the steps
found, as references and never as text. At the run's end they are merged and chained into the
ledger; `facts` joins them with people's labels, and `page` shows that to a reader.
"""
